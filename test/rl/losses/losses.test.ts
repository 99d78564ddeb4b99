// Every loss of the list in double precision: its gradient is that of its value where it is an objective, its settings are in
// the configuration, its numbers are verl's. Losses that verl does not have are in beyond-verl.test.ts.

import { readFileSync } from "node:fs";

import { describe, expect, test } from "vitest";

import { KINDS, judgeCase, placeOf } from "../../../src/node/verify/algorithms-cases.ts";
import { parseCases } from "../../../src/node/verify/algorithms-golden.ts";
import { lossCaseOf } from "../../../src/node/verify/algorithms-loss.ts";
import { reportLines, runAlgorithms } from "../../../src/node/verify/algorithms.ts";
import type { ConfigKey } from "../../../src/rl/config.ts";
import { DEFAULTS, fieldOf } from "../../../src/rl/config.ts";
import { cispoBySign } from "../../../src/rl/losses/cispo-by-sign.ts";
import { cispo } from "../../../src/rl/losses/cispo.ts";
import { dro } from "../../../src/rl/losses/dro.ts";
import { lossParams, POLICY_LOSSES, policyLossById } from "../../../src/rl/losses/index.ts";
import type { PolicyLoss } from "../../../src/rl/losses/policy-loss.ts";
import { objectiveReference } from "../../../src/rl/losses/reference.ts";
import { fixture, isShared, sharedPath } from "../../formats/fixtures.ts";
import { expectClose } from "../../harness.ts";
import type { Sample } from "./batches.ts";
import { paramsOf, part, sample, sampleBySequence } from "./batches.ts";

const STEP = 1e-6;
/** Losses whose value is an objective: the gradient of a token is its derivative. */
const OBJECTIVES = [
  "vanilla",
  "gspo",
  "luspo",
  "sapo",
  "sapo_min",
  "geo_mean",
  "gpg",
  "reinforce",
  "dro",
  "clip_cov",
  "kl_cov",
];
/** Losses that weigh the log-probability with a number that no gradient goes through. */
const WEIGHTED = ["cispo", "cispo_cap", "cispo_by_sign", "dppo_tv", "dppo_kl", "vespo"];

const lossOnly = (loss: PolicyLoss) => ({ loss, params: paramsOf(loss), entropyCoef: 0 });
const value = (loss: PolicyLoss, { policy, batch }: Sample) =>
  objectiveReference(policy, batch, lossOnly(loss));
test("every loss is either an objective or a weighted log-probability", () => {
  const ids = POLICY_LOSSES.map(({ id }) => id);
  expect([...OBJECTIVES, ...WEIGHTED].toSorted()).toEqual(ids.toSorted());
});

describe.each(OBJECTIVES.map(policyLossById))("$id", (loss) => {
  test("has a gradient that finite differences confirm", () => {
    const whole = sampleBySequence(53, 2);
    const { dLogProb } = value(loss, whole);
    const at = (r: number, by: number): number => {
      const moved = Float64Array.from(whole.policy.logProb);
      moved[r]! += by;
      return objectiveReference({ ...whole.policy, logProb: moved }, whole.batch, lossOnly(loss)).loss;
    };
    const slopes = Array.from(dLogProb, (_, r) => (at(r, STEP) - at(r, -STEP)) / (2 * STEP));
    // A difference of 2e-6 leaves about 1e-9 of a double, of a loss near 1.
    expectClose(dLogProb, slopes, { rtol: 1e-6, atol: 1e-9 }, "dLogProb");
  });
});

describe.each(WEIGHTED.map(policyLossById))("$id", (loss) => {
  test("is -weight * advantage * logProb, and its gradient the same without logProb", () => {
    const { policy, batch } = sample(53, 2);
    const plain = { ...batch, weight: batch.weight.map(() => 1), samplerWeight: batch.weight.map(() => 1) };
    const { tokenLoss, dLogProb } = value(loss, { policy, batch: plain });
    expectClose(
      tokenLoss,
      dLogProb.map((d, r) => d * policy.logProb[r]!),
      { rtol: 1e-12, atol: 0 },
    );
    for (const [r, d] of dLogProb.entries())
      expect(-d * Math.sign(batch.advantage[r]!)).toBeGreaterThanOrEqual(0);
    expect(new Set(dLogProb.map((d, r) => -d / batch.advantage[r]!)).size).toBeGreaterThan(1);
  });
});

describe.each(POLICY_LOSSES)("$id", (loss) => {
  test("reads settings that are in the configuration, and takes their defaults", () => {
    for (const { key } of loss.params) expect(fieldOf(key as ConfigKey).mode).toBe("rl");
    const config = DEFAULTS as Readonly<Record<string, unknown>>;
    expect(() => lossParams(loss, (key) => config[key] as number)).not.toThrow();
    expect(loss.params.map(({ name }) => name)).toEqual(Object.keys(paramsOf(loss)));
  });

  test("names a paper and what differs, and says so in sentences", () => {
    expect(loss.paper.url).toMatch(/^https:\/\/(arxiv\.org\/abs\/\d{4}\.\d{5}|doi\.org\/\S+)$/);
    for (const text of [loss.differs, loss.description]) expect(text).toMatch(/^([A-Z]|verl ).*\.$/);
  });

  test("has the reference in a file of its name", () => {
    const file = `src/rl/losses/${loss.id.replaceAll("_", "-")}.ts`;
    expect(loss.wgsl).toContain(`in ${file}`);
    expect(loss.wgsl.split("\n")[0]).toContain(`// ${loss.id}:`);
    expect(loss.wgsl.includes("fn selection_key")).toBe(loss.selection !== undefined);
  });

  test.skipIf(loss.selection)("does not care how a batch was cut between sequences", () => {
    const whole = sample(90, 4);
    const sequences = whole.batch.sequenceStarts.length - 1;
    const cut = [part(whole, 0, 2), part(whole, 2, sequences)].map((half) => value(loss, half));
    const { dLogProb, stats } = value(loss, whole);
    expect([...cut[0]!.dLogProb, ...cut[1]!.dLogProb]).toEqual([...dLogProb]);
    expect(cut[0]!.stats.pgLoss + cut[1]!.stats.pgLoss).toBeCloseTo(stats.pgLoss, 12);
  });
});

describe("verl's golden numbers", () => {
  const cases = parseCases(
    "golden_losses.json",
    new TextDecoder().decode(fixture("algorithms/golden_losses.json")),
  );
  const onCpu = cases.filter((golden) => placeOf(golden, KINDS[golden.kind]!) === "CPU float64");

  test("are met in double precision by every loss that verl has", async () => {
    const report = await runAlgorithms(onCpu, undefined);
    const { rows } = report;
    expect(
      rows.flatMap(({ failed }) => failed),
      reportLines(report).join("\n"),
    ).toEqual([]);
    expect([...report.notCovered]).toEqual([]);
    expect(rows.reduce((sum, row) => sum + row.cases, 0)).toBe(71);
    const ours = ["vanilla", "luspo", "vespo", "cispo_cap", "cispo_by_sign", "sapo_min"];
    for (const { id } of POLICY_LOSSES)
      expect(rows.some(({ title }) => title === `policy_loss ${id}`)).toBe(!ours.includes(id));
  });

  test("count, each of them: a loss, a gradient or a metric that is a little off fails its case", async () => {
    const off = (number: unknown): unknown =>
      Array.isArray(number)
        ? number.map(off)
        : typeof number === "number"
          ? number + 1e-3 * Math.max(1, Math.abs(number))
          : typeof number === "object" && number !== null
            ? Object.fromEntries(Object.entries(number).map(([key, entry]) => [key, off(entry)]))
            : number;
    const passed: string[] = [];
    for (const golden of onCpu.filter(({ outputs }) => outputs["error"] === undefined)) {
      for (const [key, output] of Object.entries(golden.outputs)) {
        const isEmpty = ["{}", "null"].includes(JSON.stringify(output));
        if (isEmpty || (key === "grad" && golden.params["ulp_sensitive"])) continue;
        const wrong = { ...golden, outputs: { ...golden.outputs, [key]: off(output) } };
        const { worst } = await judgeCase(wrong, KINDS[golden.kind]!, undefined);
        if (worst.error <= worst.tolerance) passed.push(`${golden.name}: ${key}`);
      }
    }
    expect(passed).toEqual([]);
  });

  const SHARED = "algorithms/golden.json";
  test.skipIf(!isShared(SHARED))(
    "are met by every loss in the whole file ../shared/data/algorithms/golden.json",
    async () => {
      const all = parseCases(SHARED, readFileSync(sharedPath(SHARED), "utf8"));
      const losses = all.filter(
        ({ kind, dtype }) => /^(policy|actor)_loss/.test(kind) && dtype === "float64",
      );
      const report = await runAlgorithms(losses, undefined);
      expect(report.rows.flatMap(({ failed }) => failed)).toEqual([]);
      expect([...report.notCovered]).toEqual([]);
    },
  );

  test.each([
    ["rand", 4, 19],
    ["holes", 7, 15],
  ])("show where a guide's CISPO is another loss: batch %s", (name, differing, tokens) => {
    const golden = cases.find((one) => one.name.startsWith("gspo/default/" + name))!;
    const { policy, batch } = lossCaseOf(golden);
    const gradients = [cispo, cispoBySign].map(
      (loss) =>
        objectiveReference(
          policy,
          { ...batch, weight: batch.advantage },
          {
            loss,
            params: { clipLow: 10, clipHigh: 0.2 },
            entropyCoef: 0,
          },
        ).dLogProb,
    );
    expect(policy.logProb.length).toBe(tokens);
    const others = Array.from(policy.logProb, (_, r) => gradients[0]![r] !== gradients[1]![r]);
    expect(others.filter(Boolean).length).toBe(differing);
  });
});

describe("settings that make no sense are refused with what to do", () => {
  test.each([
    ["sapo", "actor_rollout_ref.actor.tau_neg", 0, /tau_pos, tau_neg\) are 1 and 0/],
    ["dro", "actor_rollout_ref.actor.policy_loss.dro_beta", 0, /DRO's beta \(dro_beta\) is 0/],
    ["cispo_cap", "gradus.cispo_cap", 0, /gradus.cispo_cap\) is 0/],
    ["clip_cov", "actor_rollout_ref.actor.policy_loss.clip_cov_ratio", 0, /clip_cov_ratio\) is 0/],
    ["kl_cov", "actor_rollout_ref.actor.policy_loss.kl_cov_ratio", 0, /kl_cov_ratio\) is 0/],
  ])("%s with %s", (id, changed, number, sentence) => {
    const config = { ...DEFAULTS, [changed]: number } as Readonly<Record<string, unknown>>;
    expect(() => lossParams(policyLossById(id), (key) => config[key] as number)).toThrow(sentence);
  });

  test("and one that is missing is named", () => {
    expect(() => lossParams(dro, () => null)).toThrow(/dro_beta is not set/);
  });
});
