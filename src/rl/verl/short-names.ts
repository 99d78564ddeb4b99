// Names of settings without the sections they stand in, as documents show them and scripts call their variables. A name that
// ends exactly one known setting is that one; the others are here.

const ROLLOUT = "actor_rollout_ref.rollout";
const ACTOR = "actor_rollout_ref.actor";

/** Names that scripts around verl use for settings, in lower case: variables, and options of launchers. */
const VARIABLES: Readonly<Record<string, string>> = {
  model: "actor_rollout_ref.model.path",
  model_path: "actor_rollout_ref.model.path",
  rollout_n: `${ROLLOUT}.n`,
  n_resp_per_prompt: `${ROLLOUT}.n`,
  rollout_temperature: `${ROLLOUT}.temperature`,
  rollout_mode: `${ROLLOUT}.mode`,
  rollout_name: `${ROLLOUT}.name`,
  learning_rate: `${ACTOR}.optim.lr`,
  train_prompt_bsz: "data.train_batch_size",
  gen_prompt_bsz: "data.gen_batch_size",
  train_prompt_mini_bsz: `${ACTOR}.ppo_mini_batch_size`,
  enable_filter_groups: "algorithm.filter_groups.enable",
  filter_groups_metric: "algorithm.filter_groups.metric",
  train_file: "data.train_files",
  test_file: "data.val_files",
  n_gpus: "trainer.n_gpus_per_node",
  ngpus_per_node: "trainer.n_gpus_per_node",
  exp_name: "trainer.experiment_name",
  ckpts_dir: "trainer.default_local_dir",
  reward_func: "custom_reward_function.path",
  // Group self-play preference, by its own launcher.
  self_play_rounds: "gradus.self_play_rounds",
  preference_beta: "gradus.preference_beta",
  margin: "gradus.preference_margin",
  use_ranking_loss: "gradus.ranking_loss",
};

/** Names that only the launcher of group self-play preference has. */
const PREFERENCE = /^(self_play_rounds|preference_beta|margin|use_ranking_loss)$/i;

/** Whether a configuration is of group self-play preference, whose method has no setting of its own there. */
export const isPreference = (names: readonly string[], launchers: readonly string[]): boolean =>
  names.some((name) => PREFERENCE.test(name)) ||
  (launchers.length > 0 && launchers.every((launcher) => /(^|[./\\])train\.sh$/.test(launcher)));

/**
 * The names among `known`, settings and sections, that `key` may stand for: those that end with it, or whose section ends
 * with its first parts. A critic's are meant only where `key` says so.
 */
export function fullNames(key: string, known: readonly string[]): string[] {
  const variable = Object.hasOwn(VARIABLES, key.toLowerCase()) ? VARIABLES[key.toLowerCase()] : undefined;
  if (variable !== undefined) return [variable];
  // Variables of the shell stand in capitals.
  const parts = (/[a-z]/.test(key) ? key : key.toLowerCase()).split(".");
  for (let count = parts.length; count > 0; count--) {
    const [head, rest] = [parts.slice(0, count).join("."), parts.slice(count)];
    const ends = known.filter((name) => name.endsWith(`.${head}`));
    const meant = ends.filter((name) => !name.startsWith("critic."));
    const found = meant.length > 0 ? meant : ends;
    if (found.length > 0) return [...new Set(found)].map((name) => [name, ...rest].join("."));
  }
  return [];
}
