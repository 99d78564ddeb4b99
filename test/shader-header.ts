// Reads what a WGSL file says about itself (the leading comment, conventions of shaders/) and what it declares, as text.
// For the tests alone: the engine reads what it needs in src/gpu/wgsl.ts. It judges nothing.

/** The labelled parts that a kernel's header has, in this order, after its first line and the formula. */
export const LABELS = [
  "Entries",
  "Bindings",
  "Constants",
  "Dispatch",
  "Precision",
  "Links",
  "Reference",
  "Source",
] as const;
export type Label = (typeof LABELS)[number];

export interface Binding {
  readonly number: number;
  readonly name: string;
  readonly access: "uniform" | "read" | "read_write";
}

export interface Header {
  /** `rmsnorm` of `// rmsnorm: ...`. */
  readonly name: string;
  /** What follows the name, over as many lines as it takes. */
  readonly sentence: string;
  readonly formula: string;
  /** Text by label, continuation lines joined by a space; only those present, in the order of the file. */
  readonly parts: ReadonlyMap<string, string>;
}

/** Lines of the leading `//` block, without the slashes. */
export function leadingComment(code: string): string[] {
  const lines = code.split("\n");
  const end = lines.findIndex((line) => !line.startsWith("//"));
  return lines.slice(0, end < 0 ? lines.length : end).map((line) => line.slice(2));
}

/** The header of a kernel file. Labels start in column 3; everything else is indented or belongs to the first line. */
export function parseHeader(code: string): Header {
  const [first = "", ...rest] = leadingComment(code);
  const [, name = "", sentence = ""] = /^ (\w+): (.*)$/.exec(first) ?? [];
  const parts = new Map<string, string>();
  const formula: string[] = [];
  let label: string | undefined;
  for (const line of rest) {
    const start = /^ ([A-Z][a-z]+)\s{2,}(\S.*)$/.exec(line);
    if (start) parts.set((label = start[1]!), start[2]!.trim());
    else if (label !== undefined) parts.set(label, `${parts.get(label)} ${line.trim()}`);
    else formula.push(line.trim());
  }
  return { name, sentence: sentence.trim(), formula: formula.join(" ").trim(), parts };
}

/** Names in a comma-separated list, up to a remark in parentheses. */
export const names = (text: string): string[] =>
  text
    .replace(/\([^)]*\)/g, "")
    .split(/[,\s]+/)
    .filter(Boolean);

/** `0 params uniform {...}   1 x read elem[N,C]` as bindings. */
export function bindingsInHeader(text: string): Binding[] {
  const pattern = /(?<![\w[{,.])(\d+)\s+([a-z]\w*)\s+(uniform|read_write|read)\b/g;
  return [...text.matchAll(pattern)].map((match) => ({
    number: Number(match[1]),
    name: match[2]!,
    access: match[3] as Binding["access"],
  }));
}

export const withoutComments = (code: string): string =>
  code.replace(/\/\/.*$/gm, "").replace(/\/\*[\s\S]*?\*\//g, "");

/** Module-scope resource variables, whatever their group. */
export function bindingsInCode(code: string): (Binding & { readonly group: number })[] {
  const pattern =
    /@group\((\d+)\)\s*@binding\((\d+)\)\s*var<\s*(uniform|storage)\s*(?:,\s*(read_write|read)\s*)?>\s*(\w+)/g;
  return [...withoutComments(code).matchAll(pattern)].map((match) => ({
    group: Number(match[1]),
    number: Number(match[2]),
    name: match[5]!,
    access: match[3] === "uniform" ? "uniform" : ((match[4] ?? "read") as Binding["access"]),
  }));
}

/** Names of the `@compute` functions, in the order of the file. */
export const entriesInCode = (code: string): string[] =>
  [...withoutComments(code).matchAll(/@compute\b[^{;]*?\bfn\s+(\w+)/g)].map((match) => match[1]!);

export interface WgslFunction {
  /** From the name to the return type, white space collapsed. */
  readonly signature: string;
  readonly body: string;
}

/** All functions by name. */
export function functionsInCode(code: string): Map<string, WgslFunction> {
  const text = withoutComments(code);
  const found = new Map<string, WgslFunction>();
  for (const match of text.matchAll(/\bfn\s+(\w+)\s*\(/g)) {
    const open = text.indexOf("{", match.index);
    const signature = text.slice(match.index, open).replace(/\s+/g, " ").trim();
    found.set(match[1]!, { signature, body: text.slice(open, closingBrace(text, open) + 1) });
  }
  return found;
}

function closingBrace(text: string, open: number): number {
  let depth = 0;
  for (let i = open; i < text.length; i++) {
    if (text[i] === "{") depth++;
    else if (text[i] === "}" && --depth === 0) return i;
  }
  return text.length;
}

/** Every word that `entry` reaches through the functions it calls. */
export function wordsReached(code: string, entry: string): Set<string> {
  const functions = functionsInCode(code);
  const words = new Set<string>();
  const queue = [entry];
  for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
    for (const word of functions.get(name)?.body.match(/[A-Za-z_]\w*/g) ?? []) {
      if (!words.has(word) && functions.has(word)) queue.push(word);
      words.add(word);
    }
  }
  return words;
}
