// Links hand-written WGSL: [enable directives and consts, on line 1] + kernel + libs, by concatenation, so that a
// compile error in the kernel keeps its line. Reads from the text what the host must agree with: bindings, the params
// struct, overrides. No preprocessor: a variant is another lib file with the same function names.

import { BugError } from "../common/errors.ts";

const LIBS = import.meta.glob<string>("../../shaders/lib/*.wgsl", {
  query: "?raw",
  import: "default",
  eager: true,
});

/** One WGSL file as its `ops/` module hands it over. */
export interface Shader {
  /** Path below `shaders/` without extension, e.g. `rmsnorm`. */
  readonly name: string;
  readonly code: string;
}

export interface Binding {
  readonly binding: number;
  readonly name: string;
  readonly access: "uniform" | "read" | "read_write";
}

export interface Field {
  readonly name: string;
  readonly type: "u32" | "i32" | "f32";
}

/** Linked text with what the host needs to know about one entry point. */
export interface LinkedShader {
  readonly code: string;
  /** Bindings that the entry uses, directly or through functions, by number. */
  readonly bindings: readonly Binding[];
  readonly params: readonly Field[];
  readonly overrides: ReadonlySet<string>;
  /** `file:line` for a line of `code` (1-based). */
  locate(line: number): string;
}

/** The text of `shaders/lib/<name>.wgsl`. */
function libCode(name: string): string {
  const code = LIBS[`../../shaders/lib/${name}.wgsl`];
  if (code === undefined) throw new BugError(`shaders/lib/${name}.wgsl does not exist`);
  return code;
}

/** Joins kernel and libs. `consts` become `const NAME: u32` lines, for array sizes that WGSL wants fixed. */
export function link(
  shader: Shader,
  entry: string,
  libs: readonly string[],
  consts: Record<string, number> = {},
): LinkedShader {
  const parts = [{ file: `shaders/${shader.name}.wgsl`, code: shader.code }];
  for (const lib of libs) parts.push({ file: `shaders/lib/${lib}.wgsl`, code: libCode(lib) });
  const directives = new Set<string>();
  for (const part of parts) {
    part.code = part.code.replace(/^enable [\w, ]+;/gm, (text) => (directives.add(text), ""));
  }
  const first = [
    ...directives,
    ...Object.entries(consts).map(([name, value]) => `const ${name}: u32 = ${value}u;`),
  ];
  const code = first.join(" ") + parts.map((part) => part.code).join("\n");
  return {
    code,
    bindings: usedBindings(code, entry, shader.name),
    params: paramsFields(code),
    overrides: new Set([...code.matchAll(/^override (\w+)/gm)].map((match) => match[1]!)),
    locate: (line) => locate(parts, line),
  };
}

function locate(parts: readonly { file: string; code: string }[], line: number): string {
  let rest = line;
  for (const part of parts) {
    const lines = part.code.split("\n").length;
    if (rest <= lines) return `${part.file}:${rest}`;
    rest -= lines;
  }
  return `${parts.at(-1)!.file}:${rest}`;
}

const strip = (code: string): string => code.replace(/\/\/.*$/gm, "").replace(/\/\*[\s\S]*?\*\//g, "");

function paramsFields(code: string): Field[] {
  const body = /struct Params\s*\{([^}]*)\}/.exec(strip(code))?.[1] ?? "";
  return [...body.matchAll(/(\w+)\s*:\s*(u32|i32|f32)\s*,?/g)].map((match) => ({
    name: match[1]!,
    type: match[2] as Field["type"],
  }));
}

/** Bindings declared anywhere in `code`. */
function declaredBindings(code: string): Binding[] {
  const pattern =
    /@group\(0\)\s*@binding\((\d+)\)\s*var<(uniform|storage)(?:\s*,\s*(read_write|read))?>\s*(\w+)/g;
  return [...strip(code).matchAll(pattern)].map((match) => ({
    binding: Number(match[1]),
    name: match[4]!,
    access: match[2] === "uniform" ? "uniform" : ((match[3] ?? "read") as "read" | "read_write"),
  }));
}

/** Bindings that `entry` reaches through the functions it calls: what an automatic layout would hold. */
function usedBindings(code: string, entry: string, name: string): Binding[] {
  const functions = functionBodies(strip(code));
  if (!functions.has(entry)) throw new BugError(`shaders/${name}.wgsl has no entry "${entry}"`);
  const seen = new Set<string>();
  const words = new Set<string>();
  const visit = (fn: string): void => {
    seen.add(fn);
    for (const word of functions.get(fn)!.match(/(?<![.\w])[A-Za-z_]\w*/g) ?? []) {
      words.add(word);
      if (functions.has(word) && !seen.has(word)) visit(word);
    }
  };
  visit(entry);
  return declaredBindings(code)
    .filter((binding) => words.has(binding.name))
    .sort((a, b) => a.binding - b.binding);
}

function functionBodies(code: string): Map<string, string> {
  const bodies = new Map<string, string>();
  for (const match of code.matchAll(/\bfn\s+(\w+)\s*\(/g)) {
    const open = code.indexOf("{", match.index);
    let depth = 1;
    let end = open + 1;
    while (depth > 0 && end < code.length) {
      const c = code[end++];
      if (c === "{") depth++;
      else if (c === "}") depth--;
    }
    bodies.set(match[1]!, code.slice(open, end));
  }
  return bodies;
}
