// Several rewards at once: every response gets a score from each, and their weighted sum is what training sees.

import type { OpenedReward, RewardArgs, RewardSettings, WeightedReward } from "./reward.ts";

/** What one kind of reward gave a response. */
export interface RewardComponent {
  /** Id of the reward. */
  readonly id: string;
  /** Before its weight. */
  readonly score: number;
  readonly weight: number;
}

export interface Judgement {
  /** Sum of weight x score over the components. */
  readonly score: number;
  /** One for each reward, in the order of the rewards. */
  readonly components: readonly RewardComponent[];
}

type Scorer = (args: RewardArgs) => number | Promise<number>;

/** The rewards of one run, ready to judge. */
export class RewardJudge {
  /** In the order of the components. */
  readonly rewards: readonly WeightedReward[];
  readonly #scorers: readonly Scorer[];
  readonly #opened: readonly OpenedReward[];

  private constructor(
    rewards: readonly WeightedReward[],
    scorers: readonly Scorer[],
    opened: readonly OpenedReward[],
  ) {
    this.rewards = rewards;
    this.#scorers = scorers;
    this.#opened = opened;
  }

  /** Starts what must be started. Throws RewardFunctionError where a person's function will not do. */
  static async open(rewards: readonly WeightedReward[], settings: RewardSettings): Promise<RewardJudge> {
    const opened: OpenedReward[] = [];
    const scorers: Scorer[] = [];
    for (const { reward } of rewards) {
      if ("score" in reward) scorers.push((args) => reward.score(args, settings));
      else {
        const own = await reward.open(settings);
        opened.push(own);
        scorers.push((args) => own.score(args));
      }
    }
    return new RewardJudge(rewards, scorers, opened);
  }

  /** Throws RewardFunctionError. */
  async judge(args: RewardArgs): Promise<Judgement> {
    const components: RewardComponent[] = [];
    for (const [k, { reward, weight }] of this.rewards.entries())
      components.push({ id: reward.id, score: await this.#scorers[k]!(args), weight });
    return { score: components.reduce((sum, { score, weight }) => sum + weight * score, 0), components };
  }

  dispose(): void {
    for (const own of this.#opened) own.dispose();
  }
}
