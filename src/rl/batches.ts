// The responses of a step as micro-batches, and what the old and the reference policy say of them: everything that needs the
// device before rewards become advantages.

import type { MicroBatch } from "../model/packing.ts";
import { packGroups } from "../model/packing.ts";
import type { StepControl } from "./control.ts";
import { timed } from "./control.ts";
import type { Phase } from "./events.ts";
import { advantagesNeed, miniBatchSize, needsOldPass, usesReference } from "./options/index.ts";
import type { Prompt } from "./prompts.ts";
import type { Run } from "./run.ts";
import type { JudgedRollout } from "./score.ts";
import type { SumSquaredProb } from "./sum-squared-prob.ts";
import { keepSums, roomForSums } from "./sum-squared-prob.ts";
import type { TokenTreatment } from "./token-treatment.ts";
import { trainedTokens, treatTokens } from "./token-treatment.ts";

/** Log-probability and entropy of every token of a rollout, before the first update of the step. */
export interface TokenNumbers {
  readonly logProb: Float32Array;
  readonly entropy: Float32Array;
}

/** A micro-batch of R targets with the rollouts that they are of, and what was computed for it before the updates, f32[R]. */
export interface Micro {
  readonly batch: MicroBatch;
  readonly rollouts: readonly JudgedRollout[];
  readonly oldLogProb?: Float32Array;
  readonly refLogProb?: Float32Array;
}

/** What one update is made of. */
export interface MiniBatch {
  readonly micros: readonly Micro[];
  /** Response tokens that are trained on, and all responses, which losses are divided by. */
  readonly counts: { readonly tokens: number; readonly sequences: number };
}

export interface StepBatches {
  readonly miniBatches: readonly MiniBatch[];
  /**
   * What the policy says before the first update; filled by the old pass, or by the first update where there is none. In bypass
   * mode with several mini-batches each is filled by its own first update.
   */
  readonly numbers: ReadonlyMap<JudgedRollout, TokenNumbers>;
  /** Log-probabilities under the reference policy; empty without one. */
  readonly reference: ReadonlyMap<JudgedRollout, Float32Array>;
  /** Sums of squared probabilities under the old policy; absent where advantages do not need them. */
  readonly sumSquaredProb?: SumSquaredProb;
  readonly treatment: TokenTreatment;
  readonly seconds: { readonly oldLogProb: number; readonly reference: number };
}

/** Packs the rollouts and takes the passes that this run needs. Throws Interrupted when the step is left. */
export async function prepareBatches(
  run: Run,
  prompts: readonly Prompt[],
  rollouts: readonly JudgedRollout[],
  control: StepControl,
): Promise<StepBatches> {
  const packed = miniBatchesOf(run, prompts, rollouts, miniBatchSize(run.config));
  const numbers = roomFor(rollouts);
  const reference = new Map<JudgedRollout, Float32Array>();
  const sums = advantagesNeed(run.config, "sum-squared-prob") ? roomForSums(rollouts) : undefined;
  const old = await timed(async () => {
    if (!needsOldPass(run.config, control.step)) return packed;
    return withPass(packed, run, "oldLogProb", control, async (micro, found) => {
      keepNumbers(micro, found, numbers);
      if (sums) await keepSums(run, micro, found.logProb, temperatureOf(run), sums);
    });
  });
  const whole = await timed(async () => {
    if (!usesReference(run.config)) return old.value;
    for (const rollout of rollouts) reference.set(rollout, new Float32Array(rollout.tokens.length));
    return withPass(old.value, run, "reference", control, ({ batch, rollouts: owners }, { logProb }) =>
      batch.sources.forEach(({ token }, i) => (reference.get(owners[i]!)![token] = logProb[i]!)),
    );
  });
  const treatment = treatTokens(run.config, rollouts, whole.value, numbers);
  return {
    miniBatches: whole.value.map((batch) => ({
      ...batch,
      counts: { ...batch.counts, tokens: trainedTokens(batch, treatment) },
    })),
    treatment,
    numbers,
    reference,
    ...(sums && { sumSquaredProb: sums }),
    seconds: { oldLogProb: old.seconds, reference: whole.seconds },
  };
}

/** The rollouts, whose groups are places in `prompts`, packed; `size` prompts a mini-batch. */
export function miniBatchesOf(
  run: Run,
  prompts: readonly Prompt[],
  rollouts: readonly JudgedRollout[],
  size: number,
): MiniBatch[] {
  const batches: MiniBatch[] = [];
  for (let first = 0; first < prompts.length; first += size) {
    const groups = prompts.slice(first, first + size).map(({ tokens }, i) => ({
      prompt: tokens,
      members: rollouts.filter(({ group }) => group === first + i),
    }));
    const members = groups.flatMap((group) => group.members);
    const packed = packGroups(
      groups.map((group) => ({ prompt: group.prompt, responses: group.members.map(({ tokens }) => tokens) })),
      run.policy.options.tokenBudget,
    ).filter(({ targets }) => targets.length > 0);
    const tokens = members.reduce((sum, rollout) => sum + rollout.tokens.length, 0);
    batches.push({
      micros: packed.map((batch) => ({
        batch,
        rollouts: batch.sources.map(({ group, response }) => groups[group]!.members[response]!),
      })),
      counts: { tokens, sequences: members.length },
    });
  }
  return batches;
}

/** The mini-batches with the log-probabilities of every micro-batch under the old or the reference policy. */
async function withPass(
  miniBatches: readonly MiniBatch[],
  run: Run,
  phase: Extract<Phase, "oldLogProb" | "reference">,
  control: StepControl,
  keep: (micro: Micro, numbers: TokenNumbers) => Promise<void> | void,
): Promise<MiniBatch[]> {
  const { policy } = run;
  const total = miniBatches.reduce((sum, { micros }) => sum + micros.length, 0);
  let done = 0;
  control.progress(phase, 0, total);
  const result: MiniBatch[] = [];
  for (const { micros, counts } of miniBatches) {
    const computed: Micro[] = [];
    for (const micro of micros) {
      control.check();
      policy.forward(micro.batch, { temperature: temperatureOf(run), useAdapter: phase === "oldLogProb" });
      const numbers = await readNumbers(run, micro);
      await keep(micro, numbers);
      const { logProb } = numbers;
      computed.push({
        ...micro,
        ...(phase === "oldLogProb" ? { oldLogProb: logProb } : { refLogProb: logProb }),
      });
      control.progress(phase, ++done, total);
    }
    result.push({ micros: computed, counts });
  }
  return result;
}

/** Given responses were not sampled at a temperature, and are judged at 1, as in TRL. */
export const temperatureOf = ({ config }: Run): number =>
  config["gradus.mode"] === "dpo" ? 1 : config["actor_rollout_ref.rollout.temperature"];

/** What the last forward pass said of the targets of `micro`, in its order. */
export async function readNumbers({ policy }: Run, { batch }: Micro): Promise<TokenNumbers> {
  const { recorder, memory } = policy;
  const rows = batch.targets.length;
  const [logProb, entropy] = await Promise.all([
    recorder.readF32(memory.head.logProb, rows),
    recorder.readF32(memory.head.entropy, rows),
  ]);
  return { logProb, entropy };
}

/** Places for the numbers of rollouts, all 0. */
export const roomFor = (rollouts: readonly JudgedRollout[]): Map<JudgedRollout, TokenNumbers> =>
  new Map(
    rollouts.map((rollout) => {
      const { length } = rollout.tokens;
      return [rollout, { logProb: new Float32Array(length), entropy: new Float32Array(length) }];
    }),
  );

/** Puts the numbers of a micro-batch into their places in the rollouts. */
export function keepNumbers(
  { batch, rollouts }: Micro,
  { logProb, entropy }: TokenNumbers,
  places: ReadonlyMap<JudgedRollout, TokenNumbers>,
): void {
  batch.sources.forEach(({ token }, i) => {
    const place = places.get(rollouts[i]!)!;
    place.logProb[token] = logProb[i]!;
    place.entropy[token] = entropy[i]!;
  });
}
