// What a response costs by its length: score = -tokens / longest response, from just below 0 to -1. With a positive weight shorter
// responses earn more; with a negative one longer ones do. Even over the whole range, where the penalty for long responses
// (overlong.ts) only guards its end.
// Source: the length reward of Kimi k1.5, arXiv:2501.12599, section 2.3.3. Differs: relative to the longest response that is allowed, not to those of the group,
// so that a response's score does not depend on its neighbours; and the same for right and wrong ones.

import type { RewardRule } from "./reward.ts";

/** verl does not tell a reward how many tokens a response has. */
const PYTHON_LENGTH = `@functools.cache
def tokenizer():
    """The model's, which verl has loaded from the same place."""
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(MODEL_PATH)


def count_tokens(text):
    """Tokens of a response and its end. verl gives a reward the text alone, so this may be off by a few."""
    return len(tokenizer().encode(text, add_special_tokens=False)) + 1`;

export const length = {
  id: "length",
  label: "Length",
  description:
    "Minus the share of the longest response that was used. A positive weight favours short responses, a negative one long ones.",
  paper: {
    title: "Kimi k1.5: Scaling Reinforcement Learning with LLMs",
    url: "https://arxiv.org/abs/2501.12599",
  },
  differs: "Relative to the longest response, not to the group's; the same for right and wrong answers.",
  params: ["data.max_response_length"],
  defaultWeight: 0,
  score: ({ tokens }, { maxLength }) => -tokens / maxLength,
  python: { definitions: [PYTHON_LENGTH], score: "-count_tokens(solution_str) / MAX_LENGTH" },
} as const satisfies RewardRule;
