// Whether a response thinks and answers in tags: <think>...</think><answer>...</answer>, the form of DeepSeek-R1. A quarter for each
// tag that stands there exactly once and behind the one before it; the last quarter only where nothing but white space
// stands outside of the two. Soft, because a model that has not learnt the form never writes all of it by chance: a reward of all or
// nothing would be 0 for every response, and teach nothing. The answer itself is other rewards' matter.
// Source: DeepSeek-R1, arXiv:2501.12948, section 2.2.2 (format reward); TRL's think_format_reward is the strict form of it.

import type { RewardRule } from "./reward.ts";

const TAGS = ["<think>", "</think>", "<answer>", "</answer>"];
/** Texts between and around the four tags that must be empty. */
const OUTSIDE = [0, 2, 4];

/** 0, 0.25, 0.5, 0.75 or 1. */
export function xmlFormatScore(response: string): number {
  let [end, found] = [0, 0];
  const between: string[] = [];
  for (const tag of TAGS) {
    const at = response.indexOf(tag);
    if (at < end || response.includes(tag, at + tag.length)) continue;
    between.push(response.slice(end, at));
    end = at + tag.length;
    found++;
  }
  between.push(response.slice(end));
  if (found < TAGS.length) return found / TAGS.length;
  return OUTSIDE.every((place) => between[place]!.trim() === "") ? 1 : 1 - 1 / TAGS.length;
}

export const xmlFormat = {
  id: "xml_format",
  label: "Think and answer tags",
  description:
    "A quarter for each tag of <think>...</think><answer>...</answer> in its place; all of it only with nothing outside.",
  paper: {
    title: "DeepSeek-R1: Incentivizing Reasoning Capability in LLMs via Reinforcement Learning",
    url: "https://arxiv.org/abs/2501.12948",
  },
  differs: "Soft, where the paper and TRL give all or nothing; TRL asks for <think> alone.",
  params: [],
  defaultWeight: 0,
  score: ({ response }) => xmlFormatScore(response),
} as const satisfies RewardRule;
