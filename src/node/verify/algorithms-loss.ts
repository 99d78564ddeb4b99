// Golden cases of policy losses, KL penalties and the actor's whole objective: in double precision against the reference, in
// single precision against the kernels on the device.

import type { GpuAllocator, Recorder, Tensor } from "../../gpu/index.ts";
import type { AggregationMode } from "../../rl/losses/aggregate.ts";
import { aggregationMode, aggregationWeight } from "../../rl/losses/aggregate.ts";
import { klType } from "../../rl/losses/kl.ts";
import type { LossMemory } from "../../rl/losses/launch.ts";
import {
  allocateLossMemory,
  clearLossStats,
  policyLoss,
  readLossStats,
  uploadReference,
} from "../../rl/losses/launch.ts";
import type { LossBatch, Objective } from "../../rl/losses/index.ts";
import { lossParams, policyLossById } from "../../rl/losses/index.ts";
import type { ObjectiveValue, PolicyValues } from "../../rl/losses/reference.ts";
import { objectiveReference } from "../../rl/losses/reference.ts";
import { LOSS_STATS } from "../../rl/losses/stats.ts";
import type { GoldenCase } from "./algorithms-golden.ts";
import { matrixOf, numberOf, packed, perToken, rowLengths, startsOf } from "./algorithms-golden.ts";

/** Most response tokens of a case. */
const CAPACITY = 256;

/** A case as the engine would see it: R tokens without padding. */
export interface LossCase {
  readonly policy: PolicyValues;
  readonly batch: LossBatch;
  readonly objective: Objective;
}

/** `clip_ratio_low` of `actor_rollout_ref.actor.clip_ratio_low`: golden files leave the rest out. */
const lastOf = (key: string): string => key.slice(key.lastIndexOf(".") + 1);

/**
 * The weights of a mask [B,T] in the order of its tokens. verl multiplies by the number of ranks, which is 1 in training here.
 * Throws BugError with several ranks and no counts over all of them.
 */
export function goldenWeights(
  mode: AggregationMode,
  mask: readonly number[][],
  counts: Readonly<Record<string, unknown>>,
): number[] {
  const lengths = rowLengths(mask);
  const given = (key: string, otherwise: number): number =>
    typeof counts[key] === "number" ? counts[key] : otherwise;
  const ranks = given("dp_size", 1);
  /** What one rank counts says nothing of the others. */
  const ofBatch = (key: string, local: number): number => given(key, ranks > 1 ? Number.NaN : local);
  const whole = {
    tokens: ofBatch(
      "batch_num_tokens",
      lengths.reduce((a, b) => a + b, 0),
    ),
    sequences: ofBatch("global_batch_size", lengths.filter((length) => length > 0).length),
    tokenNormaliser: given("loss_scale_factor", mask[0]?.length ?? 0),
  };
  const weights = lengths.map((length) =>
    length === 0 ? 0 : ranks * aggregationWeight(mode, length, whole),
  );
  return perToken(weights, lengths);
}

/** Reads a case of kind policy_loss or actor_loss, whose loss is known. */
export function lossCaseOf({ params, inputs }: GoldenCase): LossCase {
  const mask = matrixOf(inputs["response_mask"]);
  const of = (name: string): number[] => packed(matrixOf(inputs[name]), mask);
  const loss = policyLossById(String(params["loss_mode"]));
  const given = (params["global_batch_info"] ?? {}) as Record<string, unknown>;
  // verl takes GMPO's mean over the rows of the micro-batch, empty ones included, whatever the whole batch is.
  const counts = loss.id === "geo_mean" ? { global_batch_size: mask.length } : given;
  const mode = aggregationMode(String(params["loss_agg_mode"]));
  const entropy = inputs["entropy"] ? of("entropy") : of("log_prob").map(() => 0);
  const coef = numberOf(params["kl_loss_coef"]);
  return {
    policy: {
      logProb: of("log_prob"),
      entropy,
      ...(inputs["ref_log_prob"] ? { refLogProb: of("ref_log_prob") } : {}),
    },
    batch: {
      oldLogProb: of("old_log_prob"),
      advantage: of("advantages"),
      weight: goldenWeights(loss.aggregation ?? mode, mask, counts),
      penaltyWeight: goldenWeights(mode, mask, given),
      ...(inputs["rollout_is_weights"] ? { samplerWeight: of("rollout_is_weights") } : {}),
      sequenceStarts: startsOf(rowLengths(mask)),
      // Golden files were made with the identity in place of a random order.
      random: of("log_prob").map((_, r, all) => r / all.length),
    },
    objective: {
      loss,
      params: lossParams(loss, (key) => params[lastOf(key)] as number | null | undefined),
      entropyCoef: numberOf(params["entropy_coeff"] ?? 0),
      ...(params["use_kl_loss"] === true && {
        kl: { type: klType(String(params["kl_loss_type"])), coef },
      }),
    },
  };
}

/** A KL penalty alone: tokens with advantage 0 and weight 1. */
export function klCaseOf({ params, inputs }: GoldenCase): LossCase {
  const logProb = inputs["log_prob"] as number[];
  const fill = (value: number): number[] => logProb.map(() => value);
  return {
    policy: { logProb, entropy: fill(0), refLogProb: inputs["ref_log_prob"] as number[] },
    batch: {
      oldLogProb: "current",
      advantage: fill(0),
      weight: fill(1),
      sequenceStarts: [0, logProb.length],
    },
    objective: {
      loss: policyLossById("vanilla"),
      params: { clipLow: 0.2, clipHigh: 0.2, dualClip: 3, delta: -1 },
      kl: { type: klType(String(params["kl_penalty"])), coef: 1 },
      entropyCoef: 0,
    },
  };
}

/** What both ways of computing give. */
export interface LossResult extends Pick<ObjectiveValue, "loss" | "dLogProb" | "dEntropy" | "stats"> {
  /** Weighted policy loss and plain KL of each token, [R]. */
  readonly pgLoss: ArrayLike<number>;
  readonly klRef: ArrayLike<number>;
}

/** Loss, gradients [R] and counts of a case in double precision. */
export function runOnCpu({ policy, batch, objective }: LossCase): LossResult {
  const result = objectiveReference(policy, batch, objective);
  const sampler = objective.loss.appliesSamplerWeight ? undefined : batch.samplerWeight;
  const weight = (r: number): number => batch.weight[r]! * (sampler?.[r] ?? 1);
  return { ...result, pgLoss: result.tokenLoss.map((loss, r) => loss * weight(r)), klRef: result.tokenKl };
}

/** More than float32 may be off in a log-probability near 4 and in exp. */
const FEW_BITS = 6e-7;

/** Tokens so near a bound that the last bits of float32 decide whether they count as clipped: clippedLow or High, and Dual. */
export function tokensOnEdge({ policy, batch, objective }: LossCase): { clipped: number; dual: number } {
  const { oldLogProb } = batch;
  const moved = (by: number): LossResult["stats"] => {
    // A ratio of exactly 1 is exact on any device.
    const logProb = Array.from(policy.logProb, (value, r) =>
      oldLogProb === "current" || value === oldLogProb[r] ? value : value + by,
    );
    return runOnCpu({ policy: { ...policy, logProb }, batch, objective }).stats;
  };
  const [less, more] = [moved(-FEW_BITS), moved(FEW_BITS)];
  const low = Math.abs(more.clippedLow - less.clippedLow);
  return {
    clipped: low + Math.abs(more.clippedHigh - less.clippedHigh),
    dual: Math.abs(more.clippedDual - less.clippedDual),
  };
}

/** Runs cases on a device, in buffers made once. */
export class LossDevice {
  readonly #recorder: Recorder;
  readonly #memory: LossMemory;
  readonly #head: Record<"logProb" | "entropy" | "dLogProb" | "dEntropy", Tensor>;

  constructor(recorder: Recorder, allocator: GpuAllocator) {
    const make = (name: string): Tensor => allocator.tensor("head", `verify.${name}`, [CAPACITY]);
    this.#recorder = recorder;
    this.#memory = allocateLossMemory(allocator, CAPACITY);
    this.#head = {
      logProb: make("logProb"),
      entropy: make("entropy"),
      dLogProb: make("dLogProb"),
      dEntropy: make("dEntropy"),
    };
  }

  /** Loss, gradients [R] and counts of a case. */
  async run({ policy, batch, objective }: LossCase): Promise<LossResult> {
    const recorder = this.#recorder;
    const memory = this.#memory;
    const head = this.#head;
    const rows = policy.logProb.length;
    recorder.write(head.logProb, Float32Array.from(policy.logProb));
    recorder.write(head.entropy, Float32Array.from(policy.entropy));
    if (policy.refLogProb) uploadReference(recorder, memory, policy.refLogProb);
    clearLossStats(recorder, memory);
    policyLoss(recorder, { memory, head, batch, objective });
    const stats = await readLossStats(recorder, memory);
    const perToken = await recorder.readF32(memory.tokenStats, rows * LOSS_STATS.length);
    const slot = (id: string): number[] => {
      const at = LOSS_STATS.findIndex((stat) => stat.id === id);
      return Array.from({ length: rows }, (_, r) => perToken[LOSS_STATS.length * r + at]!);
    };
    const { kl, entropyCoef } = objective;
    return {
      loss: stats.pgLoss + (kl?.coef ?? 0) * stats.klLoss - entropyCoef * stats.entropyLoss,
      dLogProb: Float64Array.from(await recorder.readF32(head.dLogProb, rows)),
      dEntropy: Float64Array.from(await recorder.readF32(head.dEntropy, rows)),
      stats,
      pgLoss: slot("pgLoss"),
      klRef: slot("klRef"),
    };
  }
}
