// PPO: a critic in place of the group.

import { criticBeside, type Recipe } from "../recipe.ts";

export const PPO: Recipe = {
  id: "ppo",
  label: "PPO",
  fullName: "Proximal Policy Optimization",
  family: "clip",
  description:
    "A critic learns what reward is still to come, so that every token is judged by what it changed. Needs no group, and memory for a second model or adapter.",
  source: "PPO, arXiv:1707.06347; GAE, arXiv:1506.02438; passes of the critic measured on the demo",
  values: { "algorithm.adv_estimator": "gae", "critic.ppo_epochs": 2 },
  sized: criticBeside,
};
