// The updates of a step: mini-batches of prompts, each cut into micro-batches by the token budget, one AdamW step a
// mini-batch. Where a step has several updates, or a KL term, log-probabilities under the old and the reference policy are
// computed before the first.

import type { MicroBatch } from "../model/packing.ts";
import { packGroups } from "../model/packing.ts";
import { optimizerStep } from "../optim/optimizer.ts";
import type { StepControl } from "./control.ts";
import { timed } from "./control.ts";
import type { Phase } from "./events.ts";
import { aggregationWeight } from "./losses/aggregate.ts";
import { clearLossStats, policyLoss, readLossStats, uploadReference } from "./losses/launch.ts";
import type { LossBatch } from "./losses/policy-loss.ts";
import { sequenceStarts } from "./losses/policy-loss.ts";
import { randomPerToken } from "./losses/selection.ts";
import type { LossStats } from "./losses/stats.ts";
import {
  adamwOptions,
  aggregationOf,
  miniBatchSize,
  objectiveOf,
  updatesPerStep,
  usesReference,
} from "./options.ts";
import type { Prompt } from "./prompts.ts";
import type { Run } from "./run.ts";
import type { ScoredRollout } from "./score.ts";

/** More than a step has; numbers the micro-batches of a run for losses that choose tokens at random. */
const MICRO_BATCHES = 65536;

/** What became of one mini-batch. */
export interface UpdateResult {
  readonly stats: LossStats;
  /** Length of the gradient before clipping; 0 when it is not finite. */
  readonly gradNorm: number;
  /** A gradient was not finite, and nothing has changed. */
  readonly isSkipped: boolean;
}

/** Log-probability and entropy of every token of a rollout, before the first update of the step. */
export interface TokenNumbers {
  readonly logProb: Float32Array;
  readonly entropy: Float32Array;
}

export interface StepUpdate {
  readonly updates: readonly UpdateResult[];
  readonly lr: number;
  /** In the order of the rollouts. */
  readonly tokens: readonly TokenNumbers[];
  readonly seconds: { readonly oldLogProb: number; readonly reference: number; readonly update: number };
}

/** A micro-batch with the rollouts of its targets, and what was computed for it before the updates. */
interface Micro {
  readonly batch: MicroBatch;
  readonly rollouts: readonly ScoredRollout[];
  oldLogProb?: Float32Array;
  refLogProb?: Float32Array;
}

/** Takes all updates of a step. `optimizerSteps` is how many the run has taken. Throws Interrupted before the first. */
export async function updatePolicy(
  run: Run,
  prompts: readonly Prompt[],
  rollouts: readonly ScoredRollout[],
  optimizerSteps: number,
  control: StepControl,
): Promise<StepUpdate> {
  const { config } = run;
  const miniBatches = miniBatchesOf(run, prompts, rollouts);
  const tokens = rollouts.map(({ tokens: { length } }) => ({
    logProb: new Float32Array(length),
    entropy: new Float32Array(length),
  }));
  const places = new Map(rollouts.map((rollout, i) => [rollout, tokens[i]!]));
  const keep = (micro: Micro, numbers: TokenNumbers): void => keepNumbers(micro, numbers, places);
  const old = await timed(() =>
    updatesPerStep(config) > 1
      ? evaluateAll(run, miniBatches, "oldLogProb", control, keep)
      : Promise.resolve(),
  );
  const reference = await timed(() =>
    usesReference(config) ? evaluateAll(run, miniBatches, "reference", control) : Promise.resolve(),
  );
  const updates: UpdateResult[] = [];
  const adamw = adamwOptions(config, control.step);
  const update = await timed(async () => {
    const epochs = config["actor_rollout_ref.actor.ppo_epochs"];
    const total = epochs * miniBatches.reduce((sum, { micros }) => sum + micros.length, 0);
    let done = 0;
    control.progress("update", 0, total);
    for (let epoch = 0; epoch < epochs; epoch++) {
      for (const { micros, counts } of miniBatches) {
        const { recorder } = run.policy;
        run.policy.clearGradients();
        clearLossStats(recorder, run.lossMemory);
        for (const micro of micros) {
          control.check();
          // No other micro-batch of the run has this number, whatever the settings.
          const stream = control.step * MICRO_BATCHES + done;
          const numbers = await accumulate(run, micro, counts, stream);
          if (!micro.oldLogProb) keep(micro, numbers);
          control.progress("update", ++done, total);
        }
        control.commit();
        const step = optimizerSteps + updates.filter(({ isSkipped }) => !isSkipped).length + 1;
        optimizerStep(recorder, run.policy.memory, step, adamw);
        updates.push(await resultOf(run));
      }
    }
  });
  return {
    updates,
    lr: adamw.lr,
    tokens,
    seconds: { oldLogProb: old.seconds, reference: reference.seconds, update: update.seconds },
  };
}

interface MiniBatch {
  readonly micros: readonly Micro[];
  readonly counts: { readonly tokens: number; readonly sequences: number };
}

function miniBatchesOf(
  run: Run,
  prompts: readonly Prompt[],
  rollouts: readonly ScoredRollout[],
): MiniBatch[] {
  const size = miniBatchSize(run.config);
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
    );
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

/** Computes the log-probabilities of every micro-batch under the old or the reference policy; `keep` gets the former's. */
async function evaluateAll(
  run: Run,
  miniBatches: readonly MiniBatch[],
  phase: Extract<Phase, "oldLogProb" | "reference">,
  control: StepControl,
  keep: (micro: Micro, numbers: TokenNumbers) => void = () => {},
): Promise<void> {
  const micros = miniBatches.flatMap((miniBatch) => miniBatch.micros);
  const { policy } = run;
  control.progress(phase, 0, micros.length);
  for (const [i, micro] of micros.entries()) {
    control.check();
    policy.forward(micro.batch, { temperature: temperatureOf(run), useAdapter: phase === "oldLogProb" });
    const numbers = await readNumbers(run, micro);
    if (phase === "oldLogProb") micro.oldLogProb = numbers.logProb;
    else micro.refLogProb = numbers.logProb;
    keep(micro, numbers);
    control.progress(phase, i + 1, micros.length);
  }
}

const temperatureOf = ({ config }: Run): number => config["actor_rollout_ref.rollout.temperature"];

/**
 * Forward, loss and backward of one micro-batch: adds to the gradients and to the counts. Waits for the device, so that no
 * more than one micro-batch is under way and a pause is answered between two.
 */
async function accumulate(
  run: Run,
  micro: Micro,
  counts: MiniBatch["counts"],
  stream: number,
): Promise<TokenNumbers> {
  const { policy, lossMemory } = run;
  const { recorder, memory } = policy;
  const { head } = memory;
  policy.forward(micro.batch, { temperature: temperatureOf(run), useAdapter: true });
  if (micro.refLogProb) uploadReference(recorder, lossMemory, micro.refLogProb);
  policyLoss(recorder, {
    memory: lossMemory,
    head,
    batch: lossBatch(run, micro, counts, stream),
    objective: objectiveOf(run.config),
  });
  policy.backward();
  return readNumbers(run, micro);
}

/** What the last forward pass said of the targets of `micro`, in its order. */
async function readNumbers({ policy }: Run, { batch }: Micro): Promise<TokenNumbers> {
  const { recorder, memory } = policy;
  const rows = batch.targets.length;
  const [logProb, entropy] = await Promise.all([
    recorder.readF32(memory.head.logProb, rows),
    recorder.readF32(memory.head.entropy, rows),
  ]);
  return { logProb, entropy };
}

function lossBatch(
  { config }: Run,
  { batch, rollouts, oldLogProb }: Micro,
  counts: MiniBatch["counts"],
  stream: number,
): LossBatch {
  const { policy, penalty, tokenNormaliser } = aggregationOf(config, objectiveOf(config));
  const weights = (mode: typeof policy): Float64Array =>
    Float64Array.from(rollouts, ({ tokens }) =>
      aggregationWeight(mode, tokens.length, { ...counts, tokenNormaliser }),
    );
  return {
    oldLogProb: oldLogProb ?? "current",
    advantage: Float64Array.from(batch.sources, ({ token }, i) => rollouts[i]!.advantage[token]!),
    weight: weights(policy),
    penaltyWeight: weights(penalty),
    sequenceStarts: sequenceStarts(batch.sources),
    random: randomPerToken([config["data.seed"], stream], rollouts.length),
  };
}

function keepNumbers(
  { batch, rollouts }: Micro,
  { logProb, entropy }: TokenNumbers,
  places: ReadonlyMap<ScoredRollout, TokenNumbers>,
): void {
  batch.sources.forEach(({ token }, i) => {
    const place = places.get(rollouts[i]!)!;
    place.logProb[token] = logProb[i]!;
    place.entropy[token] = entropy[i]!;
  });
}

async function resultOf({ policy, lossMemory }: Run): Promise<UpdateResult> {
  const { recorder, memory } = policy;
  const [stats, [gradNorm = 0, , isFinite]] = await Promise.all([
    readLossStats(recorder, lossMemory),
    recorder.readF32(memory.norm, 3),
  ]);
  return { stats, gradNorm, isSkipped: isFinite !== 1 };
}
