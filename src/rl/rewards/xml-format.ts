// Whether a response thinks and answers in tags: <think>...</think><answer>...</answer>, the form of DeepSeek-R1. A quarter for each
// tag that stands there exactly once and behind the one before it; the last quarter only where nothing but white space
// stands outside of the two. Soft, because a model that has not learnt the form never writes all of it by chance: a reward of all or
// nothing would be 0 for every response, and teach nothing. The answer itself is other rewards' matter.
// Source: DeepSeek-R1, arXiv:2501.12948, section 2.2.2 (format reward); TRL's think_format_reward is the strict form of it.

import { PYTHON_SPACE } from "./python.ts";
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

/** The same in Python. */
const PYTHON_XML_FORMAT = `TAGS = ["<think>", "</think>", "<answer>", "</answer>"]


def xml_format_score(response):
    """A quarter for each tag in its place; all of it only with nothing outside."""
    end, found, between = 0, 0, []
    for tag in TAGS:
        at = response.find(tag)
        if at < end or response.find(tag, at + len(tag)) >= 0:
            continue
        between.append(response[end:at])
        end = at + len(tag)
        found += 1
    between.append(response[end:])
    if found < len(TAGS):
        return found / len(TAGS)
    return 1.0 if all(strip(between[place]) == "" for place in (0, 2, 4)) else 0.75`;

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
  python: { definitions: [PYTHON_SPACE, PYTHON_XML_FORMAT], score: "xml_format_score(solution_str)" },
} as const satisfies RewardRule;
