// Markdown as the documentation uses it: tables, code blocks, links. Knows nothing of algorithms.

/** A table, its cells on one line each; empty without rows. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return "";
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|").replaceAll("\n", " ")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

export const code = (text: string): string => `\`${text}\``;

export const block = (text: string): string => (text === "" ? "" : `\`\`\`text\n${text}\n\`\`\``);

export const link = ({ title, url }: { readonly title: string; readonly url: string }): string =>
  `[${title}](${url})`;

/** Paragraphs, blocks and headings with an empty line between them; what is empty is left out. */
export const pieces = (...parts: readonly (string | undefined)[]): string =>
  parts.filter((part) => part !== undefined && part !== "").join("\n\n");

/** A text with its arXiv numbers as links. */
export const linked = (text: string): string =>
  text.replaceAll(/arXiv:(\d+\.\d+)/g, "[arXiv:$1](https://arxiv.org/abs/$1)");
