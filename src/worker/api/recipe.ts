// Settings before a run, between page and worker.

import type { RewardTest, ShownGroup } from "../../app/reward-test.ts";
import type { FieldValue, RunConfig } from "../../rl/config.ts";
import type { VerlImport } from "../../rl/verl/imported.ts";
import type { DownloadId } from "./kept.ts";

/** Device memory of a run by owner, before anything is allocated. */
export interface PlanSummary {
  readonly bytes: readonly { readonly owner: string; readonly bytes: number }[];
  readonly totalBytes: number;
  readonly trainableParameters: number;
}

/** Why settings do not fit the device, and others that would. */
export interface Unfit {
  readonly problem: string;
  readonly remedy?: { readonly values: Readonly<Record<string, FieldValue>>; readonly totalBytes: number };
}

/** Settings as a file: verl YAML, or a script with a command. */
export type SettingsForm = Extract<DownloadId, "config" | "command">;

export interface RecipeApi {
  /** What `config` would hold on the device, or why it does not fit. */
  plan(config: RunConfig): Promise<PlanSummary | Unfit>;

  /** `config` with the settings of a verl command, script or YAML. Rejects when the text is none of them. */
  importSettings(text: string, config: RunConfig): Promise<VerlImport>;
  /** verl's form of settings that may not have been started, with what an import has kept for a cluster. */
  exportSettings(what: SettingsForm, config: RunConfig, kept: VerlImport["kept"]): Promise<File>;

  /**
   * Tries a reward function, `limitMs` for each response: on the group that a run shows, else on answers of the loaded problems.
   * What is wrong with the function is part of the answer; rejects only when no function can be run here.
   */
  testReward(code: string, limitMs: number, group: ShownGroup | undefined): Promise<RewardTest>;
}
