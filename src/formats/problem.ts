// One problem to train on, and how the rows people have become one: GSM8K's, verl's, {prompt, ground_truth}, and pairs of
// responses. A GSM8K row first becomes the row that verl's own preprocessing writes. Reads no files.
// Source: verl examples/data_preprocess/gsm8k.py.

import { UserError } from "../common/errors.ts";
import type { ChatMessage } from "./chat-template.ts";
import { isObject, nameOf } from "./json.ts";
import type { JsonObject } from "./json.ts";
import { isPairRow, PAIR_FIELDS, responsePairOf } from "./preference-pairs.ts";

export interface Problem {
  /** The prompt, before the chat template. */
  readonly messages: readonly ChatMessage[];
  /** What a reward compares the response with; empty only in a pair whose row has none. */
  readonly groundTruth: string;
  /** Chooses the reward, such as "openai/gsm8k"; empty where the row names none. */
  readonly dataSource: string;
  /** The question as people know it, without instructions to the model. The split goes by it. */
  readonly question: string;
  /** A worked solution, where the row has one; of a pair the chosen response. */
  readonly answer?: string;
  /** A better and a worse response, where the row is a preference pair. */
  readonly pair?: { readonly chosen: string; readonly rejected: string };
  readonly extraInfo: JsonObject;
}

/** What a file holds: problems to answer, or preference pairs. */
export type DataKind = "problems" | "pairs";

export const kindOf = ({ pair }: Problem): DataKind => (pair ? "pairs" : "problems");

/** Where a row stands; becomes part of `extra_info`, as in verl. */
export interface RowPlace {
  readonly split: string;
  /** Position among all rows of its file, from 0. */
  readonly index: number;
}

/** Columns that a problem is made of; others need not be read. */
export const ROW_FIELDS = [
  "question",
  "answer",
  ...PAIR_FIELDS,
  "ground_truth",
  "data_source",
  "reward_model",
  "extra_info",
];

const INSTRUCTION = 'Let\'s think step by step and output the final answer after "####".';

/** The problem of a row in any of the forms. Throws UserError whose message is why there is none. */
export function problemOf(row: unknown, place: RowPlace): Problem {
  if (!isObject(row)) throw new UserError(`it is ${nameOf(row)}, not an object with fields`);
  if (isPairRow(row)) return problemOfPair(row);
  checkHalfPair(row);
  if (has(row, "prompt")) return problemOfPrompt(row);
  if (has(row, "question")) return problemOfPrompt(verlRowOfGsm8k(row, place));
  const fields = Object.keys(row).slice(0, 8).join(", ");
  throw new UserError(
    `it has neither question and answer nor prompt and ground_truth; its fields are: ${fields || "none"}`,
  );
}

/** The row that verl's preprocessing makes of GSM8K's {question, answer}. Throws UserError when the answer has no "#### N". */
export function verlRowOfGsm8k(row: JsonObject, { split, index }: RowPlace): JsonObject {
  const question = textField(row, "question");
  const answer = textField(row, "answer");
  const marked = /#### (-?[0-9.,]+)/.exec(answer);
  if (!marked) throw new UserError('its answer has no number after "#### ", which is where GSM8K states it');
  return {
    data_source: "openai/gsm8k",
    prompt: [{ role: "user", content: `${question} ${INSTRUCTION}` }],
    ability: "math",
    reward_model: { style: "rule", ground_truth: marked[1]!.replaceAll(",", "") },
    extra_info: { split, index, answer, question },
  };
}

/** The row of `problem` as verl's preprocessing would write it; what else its row had beside its texts is kept. */
export const verlRowOf = (
  { dataSource, messages, groundTruth, extraInfo }: Problem,
  { split, index }: RowPlace,
): JsonObject => ({
  data_source: dataSource,
  prompt: messages.map(({ role, content }) => ({ role, content })),
  // verl does not read it.
  ability: "math",
  reward_model: { style: "rule", ground_truth: groundTruth },
  extra_info: { index, ...extraInfo, split },
});

/** TRL's preference pair. A ground truth beside it lets held-out prompts be answered and judged as well. */
function problemOfPair(row: JsonObject): Problem {
  const { messages, ...pair } = responsePairOf(row);
  const extraInfo = isObject(row["extra_info"]) ? row["extra_info"] : {};
  return {
    messages,
    groundTruth: isTruth(truthOf(row)) ? String(truthOf(row)) : "",
    dataSource: has(row, "data_source") ? textField(row, "data_source") : "",
    question: questionOf(messages, extraInfo["question"]),
    answer: pair.chosen,
    pair,
    extraInfo,
  };
}

/** One response without the other would be told as a missing ground truth. */
function checkHalfPair(row: JsonObject): void {
  const [there, missing] = has(row, "chosen") ? ["chosen", "rejected"] : ["rejected", "chosen"];
  if (!has(row, there!) || has(row, "question") || isTruth(truthOf(row))) return;
  throw new UserError(`it has a ${there} response and no ${missing} one: a preference pair needs both`);
}

/** verl's row, or {prompt: text, ground_truth, data_source}. */
function problemOfPrompt(row: JsonObject): Problem {
  const messages = messagesOf(row["prompt"]);
  const extraInfo = isObject(row["extra_info"]) ? row["extra_info"] : {};
  const { answer } = extraInfo;
  return {
    messages,
    groundTruth: groundTruthOf(row),
    dataSource: has(row, "data_source") ? textField(row, "data_source") : "",
    question: questionOf(messages, extraInfo["question"]),
    ...(typeof answer === "string" && { answer }),
    extraInfo,
  };
}

function messagesOf(prompt: unknown): ChatMessage[] {
  if (typeof prompt === "string") return [{ role: "user", content: textField({ prompt }, "prompt") }];
  if (!Array.isArray(prompt) || prompt.length === 0)
    throw new UserError(
      `its prompt is ${Array.isArray(prompt) ? "an empty list" : nameOf(prompt)}: a text or a list of chat messages is needed`,
    );
  return prompt.map((message: unknown, at) => {
    const { role, content } = isObject(message) ? message : {};
    if (typeof role === "string" && typeof content === "string") return { role, content };
    throw new UserError(`message ${at + 1} of its prompt needs a role and a content, both text`);
  });
}

/** A number becomes the text that a person would type. */
function groundTruthOf(row: JsonObject): string {
  const value = truthOf(row);
  if (isTruth(value)) return String(value);
  throw new UserError(
    `its ground_truth is ${value === "" ? "empty" : nameOf(value)}: a text or a number is needed to judge responses by`,
  );
}

const truthOf = ({ reward_model: rewardModel, ground_truth: plain }: JsonObject): unknown =>
  (isObject(rewardModel) ? rewardModel["ground_truth"] : undefined) ?? plain;

const isTruth = (value: unknown): value is string | number =>
  Number.isFinite(value) || (typeof value === "string" && value !== "");

/** `known`, else the last thing the user says without GSM8K's instruction, so that both forms fall on one side of a split. */
function questionOf(messages: readonly ChatMessage[], known: unknown): string {
  if (typeof known === "string" && known.trim() !== "") return known;
  const { content } = messages.findLast(({ role }) => role === "user") ?? messages.at(-1)!;
  return content.endsWith(` ${INSTRUCTION}`) ? content.slice(0, -INSTRUCTION.length - 1) : content;
}

/** Parquet writes null into the columns that a row does not have. */
const has = (row: JsonObject, name: string): boolean => row[name] !== undefined && row[name] !== null;

function textField(row: JsonObject, name: string): string {
  const value = row[name];
  if (typeof value === "string" && value.trim() !== "") return value;
  throw new UserError(
    `its ${name} is ${typeof value === "string" ? "empty" : nameOf(value)}: a text is needed`,
  );
}
