// Whatever bytes come, a reader gives a valid result or a UserError, and takes little for it: more than ten thousand damaged
// files of every kind that people drop.

import { expect, test } from "vitest";

import { SeededRandom } from "../../src/common/random.ts";
import { bytesSource } from "../../src/formats/safetensors.ts";
import { costOf } from "./guard.ts";
import { mutated } from "./mutate.ts";
import { targets } from "./targets.ts";

const TARGETS = await targets();
/** `GRADUS_FUZZ=20` damages twenty times as many. */
const TIMES = Number(process.env["GRADUS_FUZZ"] ?? 1);

/** Rounds beyond the usual ones that were neither read nor refused once. */
const ONCE_BROKEN: Readonly<Record<string, readonly number[]>> = {
  "a config.json": [1069],
  "problems as verl's parquet": [2242],
  "problems as pairs in parquet": [3942],
};

test("ten thousand files are damaged", () => {
  expect(TARGETS.reduce((sum, { rounds }) => sum + rounds, 0)).toBeGreaterThanOrEqual(10_000);
});

test.each(TARGETS)("$name is read as it is", ({ name, bytes, read }) => read(bytesSource(name, bytes)));

test.each(TARGETS)(
  "$name, damaged, is read or refused",
  { timeout: TIMES * 120_000 },
  async ({ name, bytes, rounds, read }) => {
    const outcomes = new Map<string, number>();
    const usual = Array.from({ length: TIMES * rounds }, (_, round) => round);
    for (const round of [...usual, ...(ONCE_BROKEN[name] ?? [])]) {
      const damaged = mutated(bytes, new SeededRandom(round));
      let outcome: unknown = "read";
      const { excess } = await costOf(async () => {
        try {
          await read(bytesSource(name, damaged));
        } catch (error) {
          outcome = error instanceof Error && error.name === "UserError" ? "refused" : error;
        }
      });
      if (outcome !== "read" && outcome !== "refused")
        throw new Error(`round ${round}: ${String(outcome)}`, { cause: outcome });
      expect(excess, `round ${round}`).toBeUndefined();
      outcomes.set(outcome as string, (outcomes.get(outcome as string) ?? 0) + 1);
    }
    // Damage that nothing sees, or that nothing survives, would test little.
    expect(outcomes.get("refused") ?? 0, "refused").toBeGreaterThan(rounds / 50);
    expect(outcomes.get("read") ?? 0, "read").toBeGreaterThan(0);
  },
);
