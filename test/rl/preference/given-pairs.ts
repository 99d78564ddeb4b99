// Preference pairs for the tests of runs: the demo's problems with their worked answer over the bare one.

import { readDataset } from "../../../src/formats/dataset.ts";
import type { Problem } from "../../../src/formats/problem.ts";
import type { ByteSource } from "../../../src/formats/safetensors.ts";
import { bytesSource } from "../../../src/formats/safetensors.ts";
import { demoFile } from "../tiny-run.ts";

/** Rows as TRL has them; the answer's last line alone is right, too, but shows no working. */
export async function pairRows(
  name: string,
): Promise<{ prompt: string; chosen: string; rejected: string }[]> {
  const { problems } = await readDataset(demoFile(name));
  return problems.map(({ question, groundTruth, answer }) => ({
    prompt: question,
    chosen: answer!,
    rejected: `#### ${groundTruth}`,
  }));
}

/** The first `count` of them as a file. */
export async function pairFile(name: string, count: number): Promise<ByteSource> {
  const rows = (await pairRows(name)).slice(0, count);
  return bytesSource(name, new TextEncoder().encode(rows.map((row) => JSON.stringify(row)).join("\n")));
}

export const pairProblems = async (name: string, count: number): Promise<readonly Problem[]> =>
  (await readDataset(await pairFile(name, count))).problems;
