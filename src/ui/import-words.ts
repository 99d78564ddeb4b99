// What the page says of a verl configuration that was applied, as data.

import type { VerlImport } from "../worker/api.ts";

const MAX_VALUE_CHARACTERS = 48;

/** What was kept and not told among the refused, as files are. */
export function clusterKeys({ kept, refused }: VerlImport): string[] {
  const told = new Set(refused.map(({ keptAs }) => keptAs));
  return Object.keys(kept).filter((key) => !told.has(key));
}

/** "12 settings applied, 3 kept for a cluster, 1 unknown, 2 not taken." */
export function importLine(imported: VerlImport): string {
  const { applied, refused } = imported;
  const count = applied.length;
  const unknown = refused.filter(({ kind }) => kind === "unknown").length;
  const counted = (number: number, what: string): string[] => (number === 0 ? [] : [`${number} ${what}`]);
  const parts = [
    `${count === 0 ? "No" : count} setting${count === 1 ? "" : "s"} applied`,
    ...counted(clusterKeys(imported).length, "kept for a cluster"),
    ...counted(unknown, "unknown"),
    ...counted(refused.length - unknown, "not taken"),
  ];
  return `${parts.join(", ")}.`;
}

/** "trainer.total_epochs = 15", a long value cut. */
export function settingText(key: string, value: unknown): string {
  const text = typeof value === "string" ? value : (JSON.stringify(value) ?? "");
  const cut = text.length > MAX_VALUE_CHARACTERS ? `${text.slice(0, MAX_VALUE_CHARACTERS - 1)}…` : text;
  return cut === "" ? key : `${key} = ${cut}`;
}

/** Kept settings by what they are about: "parallelism", with the keys in order. */
export function clusterGroups(imported: VerlImport): [about: string, keys: string[]][] {
  const groups = new Map<string, string[]>();
  for (const key of clusterKeys(imported)) {
    const about = imported.about[key] ?? "";
    groups.set(about, [...(groups.get(about) ?? []), key]);
  }
  return [...groups];
}
