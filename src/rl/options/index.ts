// From a run's settings to what the engine, the optimiser, the loss and the rewards take. The only place that translates
// keys; one file a matter.

export { advantagesNeed, advantagesOf } from "./advantages.ts";
export { bypassLossOf, correctionOf } from "./correction.ts";
export type { DriverSettings } from "./driver.ts";
export { driverOf, entropyControlOf } from "./driver.ts";
export {
  aggregationOf,
  klRewardOf,
  needsOldPass,
  objectiveOf,
  tokenNormaliserOf,
  usesKlLoss,
  usesReference,
} from "./objective.ts";
export type { CriticSettings } from "./critic.ts";
export { criticOf, criticOnlySteps, trainsPolicy, usesCritic } from "./critic.ts";
export { miniBatchSize, updatesPerStep } from "./batches.ts";
export { adamwOptions, policyOptions } from "./policy.ts";
export type { PairSettings, PreferenceSettings } from "./preference.ts";
export { pairsOf, preferenceOf } from "./preference.ts";
export { overlongOf, rewardSettingsOf, rewardsOf } from "./rewards.ts";
export type { FilterSettings } from "./rollout.ts";
export { filterOf, greedySampling, orderOf, rolloutSizes, samplingOf } from "./rollout.ts";
