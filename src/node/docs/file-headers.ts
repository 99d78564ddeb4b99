// What the head of a source file says: the formulas that stand there, indented, and the source they are from. So a formula
// stands once, beside the code that computes it.

const FILES: Readonly<Record<string, string>> = {
  ...import.meta.glob<string>("../../rl/losses/*.ts", { query: "?raw", import: "default", eager: true }),
  ...import.meta.glob<string>("../../rl/advantages/*.ts", { query: "?raw", import: "default", eager: true }),
  ...import.meta.glob<string>("../../rl/rewards/*.ts", { query: "?raw", import: "default", eager: true }),
};

/** The words that a formula is indented by, behind the comment sign. */
const INDENT = "//   ";

export interface FileHeader {
  /** Lines, as they stand; empty where the head has none. */
  readonly formula: string;
  /** "verl/trainer/ppo/core_algos.py, compute_..."; empty where none is named. */
  readonly source: string;
}

/** The head of the file of an entry: `id` with its words joined by hyphens, in a folder of src/rl. */
export function fileHeader(folder: "losses" | "advantages" | "rewards", id: string): FileHeader {
  const text = FILES[`../../rl/${folder}/${id.replaceAll("_", "-")}.ts`] ?? "";
  const lines = text.split("\n");
  const end = lines.findIndex((line) => !line.startsWith("//"));
  const head = lines.slice(0, end);
  const formula = head.filter((line) => line.startsWith(INDENT)).map((line) => line.slice(INDENT.length));
  const words = head.map((line) => line.slice("// ".length)).join(" ");
  const source = /Source: (.*?)\.(?:\s|$)/.exec(words)?.[1] ?? "";
  return { formula: formula.join("\n"), source: source.replace(/^(\w+) \1\//, "$1/") };
}
