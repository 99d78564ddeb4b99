// Every function that src/ops and src/model export says in one sentence what it does and, where arrays or tensors go in
// or out, of which shape. Reads text: TypeScript 7 has no stable interface to its syntax tree.

import { describe, expect, test } from "vitest";

import { filesBelow, read } from "./files.ts";

const FILES = [...filesBelow("src/ops", ".ts"), ...filesBelow("src/model", ".ts")];

/** Types whose values have a shape. */
const HAS_SHAPE = /\b(Float32|Float64|Float16|Uint32|Int32|Uint16|Uint8)Array\b|\bTensor\b/;
/** `[N,C]`, `[T]`, `[B, T, 4]`, `[N, 2*H]`: at least one letter or number, no quotes. */
const SHAPE = /\[[A-Za-z0-9][\w\s,*+/.-]*\]/;

interface ExportedFunction {
  readonly name: string;
  readonly signature: string;
  /** The JSDoc block directly above, or nothing. */
  readonly doc: string;
}

/** `export function f(...)` and `export const f = (...) =>`, with what stands directly above. */
function exportedFunctions(code: string): ExportedFunction[] {
  const pattern =
    /^export (?:async )?(?:function\*? ?(\w+)|const (\w+)(?:: [^=]+)? = (?:async )?(?=\(|<|function|\w+ =>))/gm;
  return [...code.matchAll(pattern)].map((match) => {
    const before = code.slice(0, match.index).trimEnd();
    const doc = before.endsWith("*/") ? before.slice(before.lastIndexOf("/**")) : "";
    return { name: (match[1] ?? match[2])!, signature: signatureAt(code, match.index), doc };
  });
}

/** From `export` to the end of the parameter list and return type. */
function signatureAt(code: string, start: number): string {
  const open = code.indexOf("(", start);
  let depth = 0;
  let end = open;
  do {
    if (code[end] === "(") depth++;
    else if (code[end] === ")") depth--;
    end++;
  } while (depth > 0 && end < code.length);
  const rest = code.slice(end);
  const stop = /\n\S|\{\n|=>/.exec(rest)?.index ?? rest.length;
  return code.slice(start, end + stop);
}

describe("documentation", () => {
  test("the test sees exported functions", () => {
    expect(FILES.flatMap((file) => exportedFunctions(read(file))).length).toBeGreaterThan(1);
  });

  test.each(FILES)("every exported function of %s is documented, with shapes", (file) => {
    const problems = exportedFunctions(read(file)).flatMap(({ name, signature, doc }) => {
      if (doc === "") return [`${name} has no doc comment directly above`];
      return HAS_SHAPE.test(signature) && !SHAPE.test(doc) ? [`${name} gives no shape, like [N,C]`] : [];
    });
    expect(problems).toEqual([]);
  });
});
