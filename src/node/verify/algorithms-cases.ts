// What each kind of golden case compares, and which cases this engine has nothing for. A new loss, estimator or penalty is
// covered as soon as it is in its list; a new kind is a line in KINDS. Kinds between scores and the loss are in
// algorithms-advantages.ts.

import { aggregationMode } from "../../rl/losses/aggregate.ts";
import { klType } from "../../rl/losses/kl.ts";
import { lossParams, POLICY_LOSSES, policyLossById } from "../../rl/losses/index.ts";
import { REWARD_KINDS } from "./algorithms-advantages.ts";
import type { GoldenCase } from "./algorithms-golden.ts";
import { bypassCaseOf, compareBypassMetrics, isBypass } from "./algorithms-bypass.ts";
import { matrixOf, numberOf, numbersOf, packed, rowLengths, unpacked } from "./algorithms-golden.ts";
import type { HeadDevice } from "./algorithms-head.ts";
import { METRIC_KINDS } from "./algorithms-metrics.ts";
import { PREFERENCE_KINDS } from "./algorithms-preference.ts";
import type { ValueDevice } from "./algorithms-value.ts";
import { VALUE_KINDS } from "./algorithms-value.ts";
import { isRefused, isRefusedCount, Judge, TOLERANCE } from "./algorithms-judge.ts";
import type { LossCase, LossDevice, LossResult } from "./algorithms-loss.ts";
import { goldenWeights, klCaseOf, lossCaseOf, runOnCpu, tokensOnEdge } from "./algorithms-loss.ts";

/** Where a case is computed. */
export type Place = "CPU float64" | "GPU float32";

/** What runs cases on a device. */
export interface Devices {
  readonly loss: LossDevice;
  readonly head: HeadDevice;
  readonly value: ValueDevice;
}

export interface Kind {
  /** Says in a few words why there is nothing to compare, or undefined. */
  missing?(golden: GoldenCase): string | undefined;
  /** What the case is about within its kind, such as the name of the loss. */
  topic(golden: GoldenCase): string;
  /** Which cases run on the device; none where absent. */
  readonly usesDevice?: "float32" | "all";
  /** `devices` is there for cases that run on one. */
  compare(golden: GoldenCase, judge: Judge, devices: Devices | undefined): Promise<void> | void;
}

const idOf = ({ params }: GoldenCase, key: string): string => {
  const value = params[key];
  return typeof value === "string" ? value : "";
};
const isError = ({ outputs }: GoldenCase): boolean => outputs["error"] !== undefined;

const unknownLoss = (golden: GoldenCase): string | undefined => {
  const id = idOf(golden, "loss_mode");
  return isBypass(golden) || POLICY_LOSSES.some((loss) => loss.id === id)
    ? undefined
    : `no policy loss "${id}"`;
};

const largest = (...lists: ArrayLike<number>[]): number =>
  lists.reduce((top, list) => Array.from(list).reduce((a, b) => Math.max(a, Math.abs(b)), top), 0);

const runLoss = (golden: GoldenCase, test: LossCase, devices: Devices | undefined): Promise<LossResult> =>
  golden.dtype === "float32" && devices ? devices.loss.run(test) : Promise.resolve(runOnCpu(test));

async function comparePolicyLoss(
  golden: GoldenCase,
  judge: Judge,
  devices: Devices | undefined,
): Promise<void> {
  const { inputs, outputs } = golden;
  const test = isBypass(golden) ? bypassCaseOf(golden) : lossCaseOf(golden);
  const result = await runLoss(golden, test, devices);
  const mask = matrixOf(inputs["response_mask"]);
  if (outputs["per_token_loss"]) {
    // verl hands a loss with its sampler weight to the aggregation.
    const perToken = packed(matrixOf(outputs["per_token_loss"]), mask);
    const wanted = perToken.map((loss, r) => loss * test.batch.weight[r]!);
    judge.compare("per_token_loss", result.pgLoss, wanted);
  }
  judge.compare("loss", [result.loss], [numberOf(outputs["loss"])], {
    scale: largest(result.pgLoss, [numberOf(outputs["loss"])]),
  });
  if (!golden.params["ulp_sensitive"]) {
    judge.compare("grad", result.dLogProb, packed(matrixOf(outputs["grad"]), mask));
  }
  if (outputs["grad_entropy"])
    judge.compare("grad_entropy", result.dEntropy, packed(matrixOf(outputs["grad_entropy"]), mask));
  compareMetrics(golden, judge, test, result);
  if (isBypass(golden)) compareBypassMetrics(golden, judge);
}

/** verl's metrics from ours. In single precision verl's 1e-8 in the denominator vanishes. */
function compareMetrics(golden: GoldenCase, judge: Judge, test: LossCase, { stats }: LossResult): void {
  const metrics = golden.outputs["metrics"] as Record<string, unknown>;
  const count = stats.tokens + (golden.dtype === "float64" ? 1e-8 : 0);
  const check = (key: string, value: number, scale: number, abs = 0): void => {
    if (metrics[key] !== undefined) judge.compare(key, [value], [numberOf(metrics[key])], { scale, abs });
  };
  if (!golden.params["ulp_sensitive"]) {
    const edge = golden.dtype === "float32" ? tokensOnEdge(test) : { clipped: 0, dual: 0 };
    check("actor/pg_clipfrac", (stats.clippedLow + stats.clippedHigh) / count, 1, edge.clipped / count);
    check("actor/pg_clipfrac_lower", stats.clippedDual / count, 1, edge.dual / count);
  }
  const { logProb } = test.policy;
  const old = test.batch.oldLogProb as ArrayLike<number>;
  const ratios = Array.from(logProb, (value, r) => value - old[r]!);
  check("actor/ppo_kl", stats.ppoKl / count, Math.max(largest(ratios), 1e-30));
  check("actor/pg_loss", stats.pgLoss, Math.max(1, Math.abs(stats.pgLoss)));
  check("actor/entropy_loss", stats.entropyLoss, Math.max(1, Math.abs(stats.entropyLoss)));
  check("kl_loss", stats.klLoss, Math.max(1, Math.abs(stats.klLoss)));
}

async function compareKl(golden: GoldenCase, judge: Judge, devices: Devices | undefined): Promise<void> {
  if (isError(golden)) {
    return judge.expect(
      "a refusal",
      isRefused(() => klType(idOf(golden, "kl_penalty"))),
    );
  }
  const result = await runLoss(golden, klCaseOf(golden), devices);
  judge.compare("value", result.klRef, numbersOf(golden.outputs["value"]));
  judge.compare("grad", result.dLogProb, numbersOf(golden.outputs["grad"]));
}

function compareAggregation(golden: GoldenCase, judge: Judge): void {
  const { params, inputs, outputs } = golden;
  const name = idOf(golden, "loss_agg_mode");
  const mask = matrixOf(inputs["response_mask"]);
  if (isError(golden))
    return judge.expect(
      "a refusal",
      // verl's own counts of one rank are those of no batch.
      Number(params["dp_size"] ?? 1) > 1
        ? isRefusedCount(() => goldenWeights(aggregationMode(name), mask, params))
        : isRefused(() => aggregationMode(name)),
    );
  const isEmpty = rowLengths(mask).every((length) => length === 0);
  const losses = packed(matrixOf(inputs["loss_mat"]), mask);
  const weights = goldenWeights(aggregationMode(name), mask, params);
  if (outputs["grad"])
    judge.compare("grad", unpacked(weights, mask), numbersOf(outputs["grad"]), { scale: 1 });
  const terms = losses.map((loss, r) => loss * weights[r]!);
  const loss = numberOf(outputs["loss"]);
  // verl divides by 0 there; here an update without tokens is left out.
  if (isEmpty && Number.isNaN(loss)) return judge.expect("no token to learn from", terms.length === 0);
  judge.compare("loss", [terms.reduce((a, b) => a + b, 0)], [loss], { scale: largest(terms, [loss]) });
}

function missingAggregation({ inputs, outputs }: GoldenCase): string | undefined {
  if (outputs["error"] !== undefined || outputs["loss"] !== "NaN") return undefined;
  const isEmpty = rowLengths(matrixOf(inputs["response_mask"])).every((length) => length === 0);
  return isEmpty ? undefined : "NaN in padding poisons verl's sum; packed batches have no padding";
}

async function compareHead(golden: GoldenCase, judge: Judge, devices: Devices | undefined): Promise<void> {
  const { kind, inputs, outputs } = golden;
  const logits = (inputs["logits"] as number[][][]).flat();
  const isEntropy = kind === "entropy";
  const mask = matrixOf(inputs["response_mask"]);
  const mode = isEntropy ? aggregationMode(idOf(golden, "loss_agg_mode")) : undefined;
  const weights = mode && goldenWeights(mode, mask, {});
  // Masked tokens stay in, with weight 0: what verl computes there is compared too.
  const ofToken = mask.flat().map((on) => (on === 1 ? weights!.shift()! : 0));
  const targets = isEntropy ? logits.map(() => 0) : numbersOf(inputs["labels"]);
  const result = await devices!.head.run({
    logits,
    targets,
    dLogProb: logits.map(() => (isEntropy ? 0 : 1)),
    dEntropy: isEntropy ? ofToken : logits.map(() => 0),
  });
  const name = isEntropy ? "entropy" : "log_prob";
  judge.compare(name, isEntropy ? result.entropy : result.logProb, numbersOf(outputs[name]));
  judge.compare("grad", result.dLogits, numbersOf(outputs["grad"]));
  if (!isEntropy) return;
  const loss = result.entropy.reduce((sum, value, r) => sum + ofToken[r]! * value, 0);
  judge.compare("loss", [loss], [numberOf(outputs["loss"])]);
}

/** What these cases leave out, as far as verl has a default. */
const VERL_DEFAULTS: Readonly<Record<string, number>> = {
  clip_ratio_low: 0.2,
  clip_ratio_high: 0.2,
  clip_ratio_c: 3,
  clip_cov_ratio: 2e-4,
  clip_cov_lb: 1,
  clip_cov_ub: 5,
  kl_cov_ratio: 2e-4,
  ppo_kl_coef: 0.1,
};

/** Whether verl does not know the loss either. */
const isUnsupported = ({ outputs }: GoldenCase): boolean =>
  String(outputs["message"]).startsWith("Unsupported loss mode");

function compareRefusal(golden: GoldenCase, judge: Judge): void {
  const read = (key: string): number | undefined => {
    const name = key.slice(key.lastIndexOf(".") + 1);
    return name in golden.params ? numberOf(golden.params[name]) : VERL_DEFAULTS[name];
  };
  judge.expect(
    "a refusal",
    isRefused(() => lossParams(policyLossById(idOf(golden, "loss_mode")), read)),
  );
}

export const KINDS: Readonly<Record<string, Kind>> = {
  policy_loss: {
    missing: unknownLoss,
    topic: (golden) => idOf(golden, "loss_mode"),
    usesDevice: "float32",
    compare: comparePolicyLoss,
  },
  policy_loss_error: {
    missing: (golden) => (isUnsupported(golden) ? undefined : unknownLoss(golden)),
    topic: (golden) => idOf(golden, "loss_mode"),
    compare: compareRefusal,
  },
  actor_loss: {
    missing: unknownLoss,
    topic: (golden) => idOf(golden, "loss_mode"),
    usesDevice: "float32",
    compare: comparePolicyLoss,
  },
  kl_penalty: { topic: () => "", usesDevice: "float32", compare: compareKl },
  entropy: { topic: () => "", usesDevice: "all", compare: compareHead },
  logprobs: { topic: () => "", usesDevice: "all", compare: compareHead },
  agg_loss: { missing: missingAggregation, topic: () => "", compare: compareAggregation },
  ...REWARD_KINDS,
  ...METRIC_KINDS,
  ...PREFERENCE_KINDS,
  ...VALUE_KINDS,
};

/** Where `golden` is computed, if its kind is known. */
export function placeOf(golden: GoldenCase, kind: Kind): Place {
  const isForDevice = kind.usesDevice === "all" || kind.usesDevice === golden.dtype;
  return isForDevice && !isError(golden) ? "GPU float32" : "CPU float64";
}

/** Compares one case with what it should be, by float32's tolerance where the file or we computed in it. */
export async function judgeCase(
  golden: GoldenCase,
  kind: Kind,
  devices: Devices | undefined,
): Promise<Judge> {
  const isDouble = golden.dtype === "float64" && placeOf(golden, kind) === "CPU float64";
  const judge = new Judge(isDouble ? TOLERANCE.float64 : TOLERANCE.float32);
  await kind.compare(golden, judge, devices);
  return judge;
}
