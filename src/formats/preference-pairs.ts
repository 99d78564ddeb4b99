// Rows of preference pairs, as TRL's preference data sets have them: a prompt, a better and a worse response to it, each as
// text or as chat messages. Reads no files, and judges nothing: which response is better is what the row says.
// Source: TRL docs/source/dataset_formats.md, "Preference". Differs: plain texts without a prompt are refused.

import { UserError } from "../common/errors.ts";
import type { ChatMessage } from "./chat-template.ts";
import { isObject, nameOf } from "./json.ts";
import type { JsonObject } from "./json.ts";

export interface ResponsePair {
  /** The prompt, before the chat template. */
  readonly messages: readonly ChatMessage[];
  readonly chosen: string;
  readonly rejected: string;
}

/** Columns that a pair is made of. */
export const PAIR_FIELDS: readonly string[] = ["prompt", "chosen", "rejected"];

/** Whether a row is meant as a pair. */
export const isPairRow = (row: unknown): row is JsonObject =>
  isObject(row) && isThere(row["chosen"]) && isThere(row["rejected"]);

const isThere = (value: unknown): boolean => value !== undefined && value !== null;

/**
 * The pair of {prompt, chosen, rejected}, or of {chosen, rejected} as two conversations that differ in the last message.
 * Throws UserError whose message is half a sentence about the row: why there is none.
 */
export function responsePairOf(row: JsonObject): ResponsePair {
  const [chosen, rejected] = [responseOf(row, "chosen"), responseOf(row, "rejected")];
  if (chosen.text === rejected.text)
    throw new UserError("its chosen and rejected responses are the same, so there is nothing to prefer");
  const messages = promptOf(row["prompt"], chosen.before, rejected.before);
  return { messages, chosen: chosen.text, rejected: rejected.text };
}

interface Response {
  readonly text: string;
  /** Messages before the response. */
  readonly before: readonly ChatMessage[];
}

function responseOf(row: JsonObject, name: "chosen" | "rejected"): Response {
  const value = row[name];
  if (typeof value === "string") return { text: filled(value, name), before: [] };
  const messages = messagesOf(value, name);
  const last = messages.at(-1)!;
  if (last.role !== "assistant")
    throw new UserError(
      `the last message of its ${name} is of role ${last.role}, and a response is assistant's`,
    );
  return { text: filled(last.content, name), before: messages.slice(0, -1) };
}

function promptOf(
  prompt: unknown,
  chosen: readonly ChatMessage[],
  rejected: readonly ChatMessage[],
): readonly ChatMessage[] {
  if (!isSame(chosen, rejected))
    throw new UserError(
      "its chosen and rejected conversations differ before their last message, so they answer two prompts",
    );
  if (!isThere(prompt)) {
    if (chosen.length > 0) return chosen;
    throw new UserError("it has no prompt, and its responses do not begin with one");
  }
  const messages: ChatMessage[] =
    typeof prompt === "string"
      ? [{ role: "user", content: filled(prompt, "prompt") }]
      : messagesOf(prompt, "prompt");
  if (chosen.length === 0) return messages;
  // Some sets state the prompt twice: as a column, and again before each response.
  const said = chosen.filter(({ role }) => role !== "system");
  if (isSame(chosen, messages) || isSame(said, messages)) return chosen;
  throw new UserError("its responses begin with messages that are not its prompt");
}

const isSame = (some: readonly ChatMessage[], others: readonly ChatMessage[]): boolean =>
  some.length === others.length &&
  some.every(({ role, content }, i) => role === others[i]!.role && content === others[i]!.content);

function messagesOf(value: unknown, name: string): ChatMessage[] {
  if (!Array.isArray(value) || value.length === 0)
    throw new UserError(
      `its ${name} is ${Array.isArray(value) ? "an empty list" : nameOf(value)}: a text or a list of chat messages is needed`,
    );
  return value.map((message: unknown, at) => {
    const { role, content } = isObject(message) ? message : {};
    if (typeof role === "string" && typeof content === "string") return { role, content };
    throw new UserError(`message ${at + 1} of its ${name} needs a role and a content, both text`);
  });
}

function filled(text: string, name: string): string {
  if (text.trim() !== "") return text;
  throw new UserError(`its ${name} is empty: a text is needed`);
}
