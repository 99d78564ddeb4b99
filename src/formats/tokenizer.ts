// Text to token ids and back, as a model's tokenizer.json says. A typed shell around @huggingface/tokenizers: every
// fault becomes a sentence, ids outside the vocabulary are skipped as Hugging Face's own decoder does, and text is never
// tidied after decoding, because a reward reads what the model wrote. Knows no messages; see chat-template.ts.

import { wordsOf } from "../common/error-words.ts";
import { Tokenizer as HuggingFaceTokenizer } from "@huggingface/tokenizers";
import { UserError } from "../common/errors.ts";
import { tokenText } from "./chat-template.ts";
import { isObject, nameOf, readJsonObject } from "./json.ts";
import type { JsonObject } from "./json.ts";
import type { ByteSource } from "./safetensors.ts";

export interface EncodeOptions {
  /** Add what the model expects around a plain text (Llama's begin-of-text). Leave out after a chat template, which wrote it. */
  readonly addSpecialTokens?: boolean;
}

export interface DecodeOptions {
  /** Leave out end-of-text and its like. */
  readonly skipSpecialTokens?: boolean;
}

export interface SpecialToken {
  readonly text: string;
  readonly id: number;
}

/** A model's tokenizer; open one with `openTokenizer`. */
export class Tokenizer {
  readonly #tokenizer: HuggingFaceTokenizer;
  /** Ids below this may stand for a token; a model's embedding often has more rows. */
  readonly vocabSize: number;
  readonly specialIds: ReadonlySet<number>;
  /** Ends a response, and fills up a batch; null where tokenizer_config.json names none. */
  readonly eosToken: SpecialToken | null;
  readonly padToken: SpecialToken | null;

  constructor(tokenizer: HuggingFaceTokenizer, config: JsonObject) {
    this.#tokenizer = tokenizer;
    this.vocabSize = tokenizer.model?.vocab.length ?? 0;
    this.specialIds = new Set(
      [...tokenizer.get_added_tokens_decoder()].flatMap(([id, { special }]) => (special ? [id] : [])),
    );
    this.eosToken = this.#named(config, "eos_token");
    this.padToken = this.#named(config, "pad_token");
  }

  /** Token ids of `text`. Throws UserError when a piece of it has no token (BPE alone leaves such a piece out, as its original does). */
  encode(text: string, { addSpecialTokens = false }: EncodeOptions = {}): number[] {
    const { ids, tokens } = this.#tokenizer.encode(text, { add_special_tokens: addSpecialTokens });
    // The declared type leaves out that a piece without a token comes as undefined or null.
    const missing = ids.findIndex((id) => !isId(id));
    if (missing === -1) return ids;
    throw new UserError(
      `The tokenizer has no id for "${tokens[missing]}", so the text cannot be given to this model. Check that tokenizer.json is the model's own.`,
    );
  }

  /** Text of `ids`, exactly: bytes that are not UTF-8 show as U+FFFD, ids without a token show as nothing. */
  decode(ids: readonly number[], options: DecodeOptions = {}): string {
    const shown = ids.filter((id) => this.shows(id, options));
    if (shown.length === 0) return "";
    return this.#tokenizer.decode(shown, { clean_up_tokenization_spaces: false });
  }

  /** Whether `id` takes part in decoding. */
  shows(id: number, { skipSpecialTokens = false }: DecodeOptions): boolean {
    return this.tokenOf(id) !== undefined && !(skipSpecialTokens && this.specialIds.has(id));
  }

  /** The id of one token, such as "<|im_end|>". */
  idOf(token: string): number | undefined {
    return this.#tokenizer.token_to_id(token);
  }

  /** The token of an id as tokenizer.json writes it; undefined for the unused rows of a model's embedding. */
  tokenOf(id: number): string | undefined {
    return this.#tokenizer.id_to_token(id);
  }

  #named(config: JsonObject, name: string): SpecialToken | null {
    const text = tokenText(config[name]);
    if (text === null) return null;
    const id = this.idOf(text);
    if (id !== undefined) return { text, id };
    throw new UserError(
      `tokenizer_config.json names ${name} "${text}", which tokenizer.json does not have: the two are of different models. Take both from one model's page.`,
    );
  }
}

/** Opens a tokenizer.json; `config` is the model's tokenizer_config.json. Throws UserError naming the part that is missing. */
export async function openTokenizer(source: ByteSource, config: JsonObject = {}): Promise<Tokenizer> {
  const json = await readJsonObject(source);
  const fault = missingPart(json);
  if (fault)
    throw new UserError(
      `${source.name} is not a whole tokenizer: ${fault}. Take tokenizer.json from the model's page again.`,
    );
  const parts = { normalizer: null, pre_tokenizer: null, post_processor: null, decoder: null, ...json };
  try {
    const tokenizer = new HuggingFaceTokenizer(parts, config);
    // A part with a wrong inside is met only when it is used.
    tokenizer.encode("a 1\n", { add_special_tokens: true });
    tokenizer.decode([0]);
    return new Tokenizer(tokenizer, config);
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(
      `${source.name} describes a tokenizer that cannot be built: ${wordsOf(error)}. Take tokenizer.json from the model's page again.`,
    );
  }
}

const MAX_ID = 2 ** 24;
const isId = (value: unknown): value is number =>
  Number.isInteger(value) && (value as number) >= 0 && (value as number) < MAX_ID;

/** What a tokenizer cannot do without, as a half sentence. */
function missingPart({ model, added_tokens: added }: JsonObject): string | undefined {
  if (!isObject(model)) return `its "model" is ${nameOf(model)}`;
  const { vocab, merges } = model;
  if (!Array.isArray(vocab) && !isObject(vocab)) return `its "model.vocab" is ${nameOf(vocab)}`;
  if (isObject(vocab) && !Object.values(vocab).every(isId)) return `its "model.vocab" has a token without id`;
  if (model["type"] === "BPE" && !Array.isArray(merges)) return `its "model.merges" is ${nameOf(merges)}`;
  if (!Array.isArray(added)) return `its "added_tokens" is ${nameOf(added)}`;
  const isToken = (token: unknown): boolean =>
    isObject(token) && isId(token["id"]) && typeof token["content"] === "string" && token["content"] !== "";
  return added.every(isToken) ? undefined : `its "added_tokens" has one without id or content`;
}

/**
 * Decodes a response while it is being written: the pieces joined are `decode` of all ids. A character whose bytes lie
 * in several tokens comes when its last byte does.
 */
export class IncrementalDecoder {
  readonly #tokenizer: Tokenizer;
  readonly #options: DecodeOptions;
  /** Ids whose text came last, since a decoder may treat the first token of a text apart, then ids yet to come. */
  #window: number[] = [];
  /** How many ids of the window have come, and their text. */
  #given = { count: 0, text: "" };

  constructor(tokenizer: Tokenizer, options: DecodeOptions = {}) {
    this.#tokenizer = tokenizer;
    this.#options = options;
  }

  /** The text that `id` completes; empty while a character is incomplete. */
  push(id: number): string {
    if (!this.#tokenizer.shows(id, this.#options)) return "";
    this.#window.push(id);
    const text = this.#tokenizer.decode(this.#window);
    return text.endsWith("\uFFFD") ? "" : this.#give(text);
  }

  /** The rest, with an incomplete character as U+FFFD. Call once, after the last id. */
  finish(): string {
    return this.#give(this.#tokenizer.decode(this.#window));
  }

  #give(text: string): string {
    const fresh = text.slice(this.#given.text.length);
    this.#window = this.#window.slice(this.#given.count);
    this.#given = { count: this.#window.length, text: this.#tokenizer.decode(this.#window) };
    return fresh;
  }
}
