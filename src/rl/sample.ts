// The groups of a step: prompts, responses, rewards. With dynamic sampling (DAPO), groups that teach nothing are left out and
// more prompts are answered until the step is full.

import type { StepControl } from "./control.ts";
import { timed } from "./control.ts";
import type { FilterSettings } from "./options/index.ts";
import { filterOf, orderOf } from "./options/index.ts";
import { filterGroups, needsMoreGroups } from "./filter-groups.ts";
import { generateGroups } from "./generate.ts";
import type { StepPrompt } from "./generate.ts";
import type { GreedyBaseline } from "./greedy-baseline.ts";
import { promptsFrom } from "./prompts.ts";
import type { Run } from "./run.ts";
import type { JudgedResponse } from "./score.ts";
import { judgeGroup } from "./score.ts";

export interface SampledGroup {
  readonly prompt: StepPrompt;
  readonly responses: readonly JudgedResponse[];
}

/** What a step trains on, before advantages. Kept over a pause, so that it is not sampled anew. */
export interface StepSample {
  readonly step: number;
  readonly groups: readonly SampledGroup[];
  /** Prompts taken from the list, those left out among them. */
  readonly drawn: number;
  /** Times prompts were answered. */
  readonly rounds: number;
  /** Responses of all rounds, tokens. */
  readonly tokens: number;
  /** Share of the groups whose responses differed; surplus counts as kept. */
  readonly keptShare: number;
  readonly seconds: number;
  /** Where advantages need one; comes after the rest. */
  readonly greedyBaseline?: GreedyBaseline;
}

/**
 * The groups of step `control.step`, taking prompts from place `first` on. Throws SamplingLimitError when dynamic sampling may not
 * go on, RewardFunctionError when a person's function gives no score, Interrupted when the step is left.
 */
export async function sampleStep(run: Run, first: number, control: StepControl): Promise<StepSample> {
  const { config, train } = run;
  const filter = filterOf(config);
  const wanted = config["data.train_batch_size"];
  const perRound = filter?.roundSize ?? wanted;
  const groups: SampledGroup[] = [];
  let [rounds, tokens, seconds] = [0, 0, 0];
  const isShort = (): boolean =>
    needsMoreGroups({ kept: groups.length, wanted, batches: rounds, maxBatches: filter?.maxRounds ?? 0 });
  while (isShort()) {
    const prompts = promptsFrom(train, first + rounds * perRound, perRound, orderOf(config));
    const { value, seconds: spent } = await timed(() => generateGroups(run, prompts, control));
    const judged: SampledGroup[] = [];
    for (const [i, responses] of value.entries())
      judged.push({ prompt: prompts[i]!, responses: await judgeGroup(run, prompts[i]!, responses) });
    groups.push(...(filter ? teaching(judged, filter) : judged));
    tokens += value.flat().reduce((sum, response) => sum + response.tokens.length, 0);
    seconds += spent;
    rounds++;
  }
  const drawn = rounds * perRound;
  return {
    step: control.step,
    groups: groups.slice(0, wanted),
    drawn,
    rounds,
    tokens,
    keptShare: groups.length / drawn,
    seconds,
  };
}

/** The groups whose responses differ in the run's metric. */
function teaching(groups: readonly SampledGroup[], { metric }: FilterSettings): SampledGroup[] {
  const values = groups.flatMap(({ responses }) => responses.map((response) => metric.valueOf(response)));
  const owners = groups.flatMap(({ responses }, group) => responses.map(() => group));
  return filterGroups(values, owners, metric.precision).map((group) => groups[group]!);
}
