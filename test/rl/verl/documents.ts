// The blocks of the user's documents (shared/documents), and which of them hold settings. The documents are only there.

import { existsSync, readdirSync, readFileSync } from "node:fs";

const DOCUMENTS = new URL("../../../../shared/documents/", import.meta.url);

export interface Block {
  readonly id: string;
  /** "000" to "004". */
  readonly document: string;
  readonly language: string;
  readonly text: string;
}

/** Every fenced block; none where the documents are missing. */
export const BLOCKS: readonly Block[] = (
  existsSync(DOCUMENTS) ? readdirSync(DOCUMENTS).toSorted() : []
).flatMap((name) => {
  const text = readFileSync(new URL(name, DOCUMENTS), "utf8");
  const document = name.slice(0, 3);
  return [...text.matchAll(/^```(\w*)\n([^]*?)^```/gm)].map(([, language, inner], index) => ({
    id: `${document}, block ${index + 1}`,
    document,
    language: language!,
    text: inner!,
  }));
});

/** A whole document. */
export function documentText(document: string): string {
  const name = readdirSync(DOCUMENTS).find((file) => file.startsWith(document))!;
  return readFileSync(new URL(name, DOCUMENTS), "utf8");
}

/**
 * Whether a block holds settings, told by its form alone: YAML does, a script with `name=value` or `--name value`, and Python
 * of nothing but `name = number` and comments.
 */
export function isConfiguration({ language, text }: Block): boolean {
  const lines = text.split("\n").filter((line) => !/^\s*(#|$)/.test(line));
  if (language === "yaml") return lines.length > 0;
  if (language === "bash") return lines.some((line) => /(^|\s)(--\w+[ =]\S|[\w.]+=\S)/.test(line));
  return language === "python" && lines.some((line) => /^\w+ = [\d.]+/.test(line)) && !/:\s*$/m.test(text);
}
