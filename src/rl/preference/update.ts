// The updates of preference: before each, a pass that says how likely the responses of its pairs are now; then the gradient of
// the loss, which is one number a response, goes back through the policy. Exact wherever micro-batches cut a group.

import { optimizerStep, readOptimizerStep } from "../../optim/optimizer.ts";
import type { Micro, MiniBatch, StepBatches, TokenNumbers } from "../batches.ts";
import { keepNumbers, readNumbers, roomFor, temperatureOf } from "../batches.ts";
import type { StepControl } from "../control.ts";
import { klPenalty } from "../losses/kl.ts";
import type { PreferenceSettings } from "../options/index.ts";
import { adamwOptions } from "../options/index.ts";
import type { Run } from "../run.ts";
import type { JudgedRollout } from "../score.ts";
import type { PreferencePair, PreferenceValue } from "./loss.ts";
import { preferenceLoss, responseLogProb, tokenSlope } from "./loss.ts";
import { getExtremePair, getPreferencePairs } from "./rank.ts";

/** What the pairs of one update came to, before it. */
export interface PreferenceUpdate extends Omit<PreferenceValue, "dScore"> {
  readonly pairs: number;
  /** Mean log-probability of a token of the better and of the worse responses, nats; NaN without pairs. */
  readonly chosen: number;
  readonly rejected: number;
  /** Mean k3 of a token to the reference, nats; 0 without one. */
  readonly klRef: number;
  /** Length of the gradient before clipping; 0 when it is not finite, or there are no pairs. */
  readonly gradNorm: number;
  /** Without pairs there is nothing to learn, and no update is taken: AdamW would drift on. */
  readonly outcome: "applied" | "skipped" | "without pairs";
  /** -dLoss/dlogProb of every token, times the tokens of the update: the advantage with the same gradient. */
  readonly advantages: ReadonlyMap<JudgedRollout, number>;
}

type Numbers = ReadonlyMap<JudgedRollout, TokenNumbers>;

/** The rollouts of a mini-batch with their pairs, as places in the list. */
interface Paired {
  readonly members: readonly JudgedRollout[];
  readonly pairs: readonly PreferencePair[];
}

/**
 * Takes all updates on `batches`, which hold log-probabilities of the reference where there is one, and fills `numbers` with
 * what each rollout's first pass says. `optimizerSteps` is how many the run has taken. Throws Interrupted before the first.
 */
export async function updateOnPreference(
  run: Run,
  settings: PreferenceSettings,
  batches: StepBatches,
  optimizerSteps: number,
  control: StepControl,
): Promise<PreferenceUpdate[]> {
  const epochs = run.config["actor_rollout_ref.actor.ppo_epochs"];
  const total = 2 * epochs * batches.miniBatches.reduce((sum, { micros }) => sum + micros.length, 0);
  const updates: PreferenceUpdate[] = [];
  let [done, applied] = [0, 0];
  const tell = (count: number): void => control.progress("update", (done += count), total);
  tell(0);
  for (let epoch = 0; epoch < epochs; epoch++) {
    for (const batch of batches.miniBatches) {
      const paired = pairsOf(batch, settings);
      const numbers = await numbersOf(run, batch, control, () => tell(1));
      if (epoch === 0)
        for (const [rollout, found] of numbers) copyNumbers(found, batches.numbers.get(rollout)!);
      const { value, slopes, ...means } = judge(paired, numbers, batches.reference, settings);
      const { dScore: _, ...logged } = value;
      const result = { ...logged, ...means, advantages: advantagesOf(slopes, batch) };
      if (paired.pairs.length === 0) {
        updates.push({ ...result, gradNorm: 0, outcome: "without pairs" });
        tell(batch.micros.length);
        continue;
      }
      const { gradNorm, isSkipped } = await take(run, batch, slopes, {
        control,
        step: optimizerSteps + applied + 1,
        tell: () => tell(1),
      });
      if (!isSkipped) applied++;
      updates.push({ ...result, gradNorm, outcome: isSkipped ? "skipped" : "applied" });
    }
  }
  return updates;
}

/** The pairs within each group of a mini-batch. */
function pairsOf({ micros }: MiniBatch, { usesAllPairs, margin }: PreferenceSettings): Paired {
  const members = [...new Set(micros.flatMap(({ rollouts }) => rollouts))];
  const groups = [...new Set(members.map(({ group }) => group))];
  const choose = usesAllPairs ? getPreferencePairs : getExtremePair;
  const pairs = groups.flatMap((group) => {
    const inOrder = [...members.keys()]
      .filter((place) => members[place]!.group === group)
      .toSorted((a, b) => members[a]!.sample - members[b]!.sample);
    const rewards = inOrder.map((place) => members[place]!.reward.score);
    return choose(inOrder, rewards, margin).map(([chosen, rejected]): PreferencePair => [chosen, rejected]);
  });
  return { members, pairs };
}

/** What the policy says of every token of the mini-batch now. */
async function numbersOf(
  run: Run,
  { micros }: MiniBatch,
  control: StepControl,
  tell: () => void,
): Promise<Numbers> {
  const numbers = roomFor(micros.flatMap(({ rollouts }) => rollouts));
  for (const micro of micros) {
    control.check();
    forward(run, micro);
    keepNumbers(micro, await readNumbers(run, micro), numbers);
    tell();
  }
  return numbers;
}

const forward = (run: Run, { batch }: Micro): void =>
  run.policy.forward(batch, { temperature: temperatureOf(run), useAdapter: true });

function copyNumbers(from: TokenNumbers, to: TokenNumbers): void {
  to.logProb.set(from.logProb);
  to.entropy.set(from.entropy);
}

/** The loss of the pairs, its derivative with respect to the logProb of each rollout's tokens, and what is logged. */
function judge(
  { members, pairs }: Paired,
  numbers: Numbers,
  reference: StepBatches["reference"],
  { beta, logProb: by }: PreferenceSettings,
) {
  const logProbs = members.map((rollout) => numbers.get(rollout)!.logProb);
  const references = members.map((rollout) => reference.get(rollout));
  const scores = logProbs.map((logProb, i) => {
    const ref = references[i];
    return responseLogProb(logProb, by) - (ref ? responseLogProb(ref, by) : 0);
  });
  const value = preferenceLoss({ scores, pairs, beta });
  const perToken = logProbs.map((logProb) => responseLogProb(logProb, "mean"));
  const meanOf = (which: 0 | 1): number =>
    pairs.reduce((sum, pair) => sum + perToken[pair[which]]!, 0) / pairs.length;
  return {
    value,
    slopes: new Map(
      members.map((rollout, i) => [rollout, value.dScore[i]! * tokenSlope(rollout.tokens.length, by)]),
    ),
    pairs: pairs.length,
    chosen: meanOf(0),
    rejected: meanOf(1),
    klRef: meanKl(logProbs, references),
  };
}

function meanKl(
  logProbs: readonly Float32Array[],
  references: readonly (Float32Array | undefined)[],
): number {
  let [sum, tokens] = [0, 0];
  logProbs.forEach((logProb, i) => {
    references[i]?.forEach((ref, t) => {
      sum += klPenalty("low_var_kl", logProb[t]!, ref).value;
      tokens++;
    });
  });
  return tokens > 0 ? sum / tokens : 0;
}

const advantagesOf = (
  slopes: ReadonlyMap<JudgedRollout, number>,
  { counts }: MiniBatch,
): ReadonlyMap<JudgedRollout, number> =>
  // Adding 0 turns -0 into 0.
  new Map([...slopes].map(([rollout, slope]) => [rollout, 0 - slope * counts.tokens]));

interface Taking {
  readonly control: StepControl;
  /** Number of the optimiser step, the first being 1. */
  readonly step: number;
  readonly tell: () => void;
}

/** Forward and backward of every micro-batch with the slope of each rollout on its tokens, then one AdamW step. */
async function take(
  run: Run,
  { micros }: MiniBatch,
  slopes: ReadonlyMap<JudgedRollout, number>,
  { control, step, tell }: Taking,
): Promise<{ gradNorm: number; isSkipped: boolean }> {
  const { policy } = run;
  const { recorder, memory } = policy;
  policy.clearGradients();
  for (const micro of micros) {
    control.check();
    forward(run, micro);
    policy.setTargetGradients(Float32Array.from(micro.rollouts, (rollout) => slopes.get(rollout)!));
    policy.backward();
    await recorder.done();
    tell();
  }
  control.commit();
  optimizerStep(recorder, memory, step, adamwOptions(run.config, control.step));
  return readOptimizerStep(recorder, memory);
}
