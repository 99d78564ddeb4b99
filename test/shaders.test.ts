// Every kernel file says what it is, and what it says is true: entries, bindings, constants, libraries and the CPU
// reference in its header are compared with the code. Nothing is compiled here; the GPU tests do that.

import { describe, expect, test } from "vitest";

import { exists, filesBelow, read } from "./files.ts";
import {
  bindingsInCode,
  bindingsInHeader,
  entriesInCode,
  functionsInCode,
  LABELS,
  leadingComment,
  names,
  parseHeader,
  withoutComments,
  wordsReached,
  type Binding,
  type Header,
} from "./shader-header.ts";

/** The limit that every WebGPU device guarantees (maxStorageBuffersPerShaderStage). */
const STORAGE_BUFFERS = 8;

const LIBS = filesBelow("shaders/lib", ".wgsl");
const KERNELS = filesBelow("shaders", ".wgsl").filter((file) => !file.startsWith("shaders/lib/"));

const baseName = (file: string): string => file.slice(file.lastIndexOf("/") + 1, -".wgsl".length);

/** Files that `lib/reduce_*` or `lib/sampling` in a Links line stands for. */
function linkedFiles(link: string): string[] {
  const pattern = new RegExp(
    `^shaders/${link.replace(/[.+?^${}()|[\]\\]/g, "\\$&").replace(/\*/g, "\\w+")}\\.wgsl$`,
  );
  return LIBS.filter((file) => pattern.test(file));
}

const linksOf = (header: Header): string[] =>
  names(header.parts.get("Links") ?? "").filter((link) => link !== "none");

/** The kernel with one file of each library it links: what is compiled, up to the choice of variant. */
const linkedCode = (file: string, header: Header): string =>
  [file, ...linksOf(header).flatMap((link) => linkedFiles(link).slice(0, 1))].map(read).join("\n");

const byNumber = (bindings: readonly Binding[]): string[] =>
  bindings
    .toSorted((a, b) => a.number - b.number)
    .map(({ number, name, access }) => `${number} ${name} ${access}`);

/** `aForward, aBackward in src/ops/a.ts` as names by file. */
function references(text: string): { file: string; functions: string[] }[] {
  return [...text.matchAll(/([\w,\s]+?)\s+in\s+(src\/[\w/.-]+\.ts)/g)].map((match) => ({
    file: match[2]!,
    functions: names(match[1]!.replace(/\band\b/g, ",")),
  }));
}

const isExported = (name: string, code: string): boolean =>
  new RegExp(`^export (async )?(function\\*?|const|class) ${name}\\b`, "m").test(code);

test("there are kernels and libraries to check", () => {
  expect(KERNELS.length).toBeGreaterThan(0);
  expect(LIBS.length).toBeGreaterThan(1);
});

describe.each(KERNELS)("%s", (file) => {
  const code = read(file);
  const header = parseHeader(code);
  const part = (label: string): string => header.parts.get(label) ?? "";

  test("has the complete header, in order", () => {
    expect(header.name, "the name in the first line").toBe(baseName(file));
    expect(header.sentence, "a sentence after the name").toMatch(/\S.*\.$/);
    expect(header.formula, "a formula below the first line").not.toBe("");
    expect([...header.parts.keys()].filter((label) => LABELS.includes(label as never))).toEqual([...LABELS]);
  });

  test("lists its entries", () => {
    expect(names(part("Entries"))).toEqual(entriesInCode(code));
  });

  test("lists its bindings, all in group 0, params first", () => {
    const declared = bindingsInCode(linkedCode(file, header));
    expect(declared.filter(({ group }) => group !== 0)).toEqual([]);
    expect(byNumber(bindingsInHeader(part("Bindings")))).toEqual(byNumber(declared));
    expect(new Set(declared.map(({ number }) => number)).size).toBe(declared.length);
    expect(byNumber(declared)[0]).toBe("0 params uniform");
  });

  test(`uses at most ${STORAGE_BUFFERS} storage buffers in one entry`, () => {
    const text = linkedCode(file, header);
    for (const entry of entriesInCode(code)) {
      const words = wordsReached(text, entry);
      const used = bindingsInCode(text).filter(({ access, name }) => access !== "uniform" && words.has(name));
      expect(used.length, `storage buffers of ${entry}: ${byNumber(used).join(", ")}`).toBeLessThanOrEqual(
        STORAGE_BUFFERS,
      );
    }
  });

  test("names its constants", () => {
    const overrides = [...withoutComments(code).matchAll(/^override (\w+)/gm)].map((match) => match[1]!);
    const missing = overrides.filter((name) => !new RegExp(`\\b${name}\\b`).test(part("Constants")));
    expect(missing).toEqual([]);
  });

  test("links libraries that exist and agree on their bindings", () => {
    for (const link of linksOf(header)) {
      const variants = linkedFiles(link);
      expect(variants.length, `files for ${link}`).toBeGreaterThan(0);
      const bindings = variants.map((variant) => byNumber(bindingsInCode(read(variant))).join("; "));
      expect(new Set(bindings).size, `bindings of ${variants.join(", ")}`).toBe(1);
    }
  });

  test("names a CPU reference that is exported", () => {
    const named = references(part("Reference"));
    expect(named.length).toBeGreaterThan(0);
    for (const reference of named) {
      expect(exists(reference.file), reference.file).toBe(true);
      const source = read(reference.file);
      expect(reference.functions.length).toBeGreaterThan(0);
      for (const name of reference.functions) {
        expect(isExported(name, source), `${name} is exported by ${reference.file}`).toBe(true);
      }
    }
  });
});

describe.each(LIBS)("%s", (file) => {
  const code = read(file);
  const comment = leadingComment(code).join("\n");

  test("says its purpose and names its functions", () => {
    const listed = names(/^ Functions\s+(.*)$/m.exec(comment)?.[1] ?? "");
    expect(comment.split("\n")[0]).toMatch(/^ \S.*/);
    expect(listed.length, "names after `// Functions`").toBeGreaterThan(0);
    expect([...functionsInCode(code).keys()]).toEqual(expect.arrayContaining(listed));
  });

  test("has no entry of its own", () => {
    expect(entriesInCode(code)).toEqual([]);
  });
});

/** Libraries that stand for one another: `reduce` of reduce_subgroup and reduce_workgroup, by family. */
function families(): [string, string[]][] {
  const byFamily = new Map<string, string[]>();
  for (const file of LIBS) {
    const family = baseName(file).replace(/_[^_]*$/, "");
    byFamily.set(family, [...(byFamily.get(family) ?? []), file]);
  }
  return [...byFamily].filter(([, files]) => files.length > 1);
}

describe("variants", () => {
  test("there is a family of variants to compare", () => {
    expect(families().length).toBeGreaterThan(0);
  });

  test.each(families())("all of %s have the same functions with the same signatures", (_, files) => {
    const listed = files.map((file) => {
      const code = read(file);
      const functions = functionsInCode(code);
      const line = /^ Functions\s+(.*)$/m.exec(leadingComment(code).join("\n"))?.[1] ?? "";
      return names(line).map((name) => functions.get(name)?.signature ?? `${name} is not declared`);
    });
    for (const signatures of listed) expect(signatures.toSorted()).toEqual(listed[0]!.toSorted());
  });
});
