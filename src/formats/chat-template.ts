// From messages to the text a model was trained to answer: the model's own Jinja template, taken from
// chat_template.jinja or tokenizer_config.json, in the environment that transformers gives it. Does not tokenize.

import { wordsOf } from "../common/error-words.ts";
import { Template } from "@huggingface/jinja";
import { UserError } from "../common/errors.ts";
import { isObject, nameOf } from "./json.ts";
import type { JsonObject } from "./json.ts";

export interface ChatMessage {
  /** "system", "user" or "assistant", or what else the template knows. */
  readonly role: string;
  readonly content: string;
}

export interface RenderOptions {
  /** End with the words that start the model's turn, so that it answers; true for every prompt. */
  readonly addGenerationPrompt: boolean;
  /** Names that some templates read besides, such as `enable_thinking`. */
  readonly variables?: JsonObject;
}

/** Names of tokenizer_config.json that templates may print; null where the model has none. */
const TOKEN_NAMES = ["bos_token", "eos_token", "pad_token", "unk_token"];

/**
 * The date that Llama 3's templates print as today's, their own where they know none: the prompts of a run must be the same
 * on the day that it is resumed, and in a browser of another language.
 */
const DATE = "26 Jul 2024";

/** A model's chat template, parsed once. */
export class ChatTemplate {
  readonly #template: Template;
  readonly #tokens: JsonObject;

  /** @param source Jinja text. @param config tokenizer_config.json. Throws UserError when the text is not a template. */
  constructor(source: string, config: JsonObject) {
    try {
      this.#template = new Template(source);
    } catch (error) {
      throw new UserError(
        `The model's chat template is not valid Jinja: ${wordsOf(error)}. Take tokenizer_config.json or chat_template.jinja from the model's page again.`,
      );
    }
    this.#tokens = Object.fromEntries(TOKEN_NAMES.map((name) => [name, tokenText(config[name])]));
  }

  /** The text of a conversation. Throws UserError with the template's own words when it refuses the messages. */
  render(messages: readonly ChatMessage[], { addGenerationPrompt, variables }: RenderOptions): string {
    const context = { ...this.#tokens, ...variables, messages, add_generation_prompt: addGenerationPrompt };
    try {
      return this.#template.render({ tools: null, documents: null, date_string: DATE, ...context });
    } catch (error) {
      const roles = messages.map(({ role }) => role).join(", ");
      throw new UserError(
        `The model's chat template refused messages with roles ${roles || "(none)"}: ${wordsOf(error)}. Change the messages, or use another model.`,
      );
    }
  }
}

/**
 * The template of a model: `jinja`, the text of its chat_template.jinja, if it has that file (it wins, as in
 * transformers), else `chat_template` of tokenizer_config.json. Throws UserError when there is neither.
 */
export function chatTemplateOf(config: JsonObject, jinja?: string): ChatTemplate {
  const source = jinja ?? defaultTemplate(config["chat_template"]);
  if (typeof source === "string" && source.trim() !== "") return new ChatTemplate(source, config);
  throw new UserError(
    `The model has no chat template: chat_template in tokenizer_config.json is ${nameOf(source)}, and there is no chat_template.jinja. Drop the missing file, or use an instruction-tuned model.`,
  );
}

/** Some models name several templates: [{name, template}]; "default" is the one for plain conversations. */
function defaultTemplate(value: unknown): unknown {
  if (!Array.isArray(value)) return value;
  return value.filter(isObject).find(({ name }) => name === "default")?.["template"];
}

/** A special token stands as text, or as an object with `content`. */
export function tokenText(value: unknown): string | null {
  const text = isObject(value) ? value["content"] : value;
  return typeof text === "string" ? text : null;
}
