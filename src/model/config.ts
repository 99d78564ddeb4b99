// A decoder's shape, read from a Hugging Face `config.json` and refused by name where it asks for something that the
// engine does not compute. Holds no weights.

import { UserError } from "../common/errors.ts";
import type { DecoderShape } from "../formats/onnx/shape.ts";
import type { FamilyName } from "./families.ts";
import { FAMILIES } from "./families.ts";
import { ropeConfig } from "./rope-config.ts";

export interface DecoderConfig extends DecoderShape {
  readonly family: FamilyName;
  /** Ids that end a response. */
  readonly eosTokenIds: readonly number[];
}

type Json = Readonly<Record<string, unknown>>;

/** Reads a `config.json` as transformers 4 and 5 write it. Throws UserError naming the field, its value and what fits. */
export function parseDecoderConfig(json: unknown, file = "config.json"): DecoderConfig {
  try {
    return readConfig(json);
  } catch (error) {
    if (error instanceof UserError) throw new UserError(`${file}: ${error.message}`, { cause: error });
    throw error;
  }
}

function readConfig(json: unknown): DecoderConfig {
  if (typeof json !== "object" || json === null)
    throw new UserError("it does not hold an object, so it is not a model configuration.");
  const c = json as Json;
  refuse(c, "model_type", c["model_type"], Object.keys(FAMILIES));
  const family = c["model_type"] as FamilyName;
  refuse(c, "hidden_act", c["hidden_act"], ["silu"]);
  for (const [field, why] of UNSUPPORTED) refuseField(c, field, why);
  if (!FAMILIES[family].hasQkvBias)
    refuseField(c, "attention_bias", "attention of this family is computed without biases here");
  const heads = positive(c, "num_attention_heads");
  const hidden = positive(c, "hidden_size");
  const layers = positive(c, "num_hidden_layers");
  refuseWindows(c, layers);
  const config: DecoderConfig = {
    family,
    layers,
    hidden,
    heads,
    kvHeads: positive(c, "num_key_value_heads", heads),
    headSize: headSize(c, family, hidden, heads),
    intermediate: positive(c, "intermediate_size"),
    vocab: positive(c, "vocab_size"),
    maxPositions: positive(c, "max_position_embeddings"),
    ...ropeConfig(c),
    rmsEps: number(c, "rms_norm_eps"),
    tied: c["tie_word_embeddings"] === true,
    eosTokenIds: [c["eos_token_id"]].flat().filter((id) => typeof id === "number"),
  };
  checkHeads(config);
  return config;
}

function headSize(c: Json, family: FamilyName, hidden: number, heads: number): number {
  const { headSize: own } = FAMILIES[family];
  if ((c["head_dim"] ?? undefined) !== undefined) return positive(c, "head_dim");
  if (own !== null) return own;
  if (hidden % heads === 0) return hidden / heads;
  throw new UserError(
    `hidden_size ${hidden} is not a multiple of num_attention_heads ${heads}, and there is no head_dim.`,
  );
}

/** Fields that change what is computed, where they are set, and what of it is missing here. */
const UNSUPPORTED = [
  ["mlp_bias", "biases in the MLP are not computed here"],
  ["num_experts", "mixtures of experts are not computed here"],
  ["num_local_experts", "mixtures of experts are not computed here"],
  ["quantization_config", "its weights are packed in a way that is not read here"],
] as const;

function refuseField(c: Json, field: string, why: string): void {
  const value = c[field] ?? false;
  if (value === false || value === 0) return;
  throw new UserError(`${field} is ${JSON.stringify(value)}, and ${why}. Use a model without it.`);
}

/** Whether some layer attends to its neighbourhood alone, by transformers' rule; models carry the fields unused, too. */
function refuseWindows(c: Json, layers: number): void {
  const first = c["max_window_layers"] ?? 0;
  const isUsed = c["use_sliding_window"] === true && c["sliding_window"] !== null;
  const types = Array.isArray(c["layer_types"]) ? (c["layer_types"] as unknown[]) : undefined;
  const other = types?.find((type) => type !== "full_attention");
  if (types ? other === undefined : !isUsed || (typeof first === "number" && first >= layers)) return;
  const field = types ? `layer_types has ${JSON.stringify(other)}` : "use_sliding_window is true";
  throw new UserError(`${field}, and sliding-window attention is not computed here. Use a model without it.`);
}

function checkHeads({ heads, kvHeads, headSize, vocab }: DecoderConfig): void {
  if (heads % kvHeads !== 0) {
    throw new UserError(`num_attention_heads ${heads} is not a multiple of num_key_value_heads ${kvHeads}.`);
  }
  if (headSize % 4 !== 0 || headSize < 16 || headSize > 128) {
    throw new UserError(`the head size is ${headSize}; a multiple of 4 from 16 to 128 is needed.`);
  }
  if (vocab > 2 ** 24) throw new UserError(`vocab_size is ${vocab}; at most ${2 ** 24} is supported.`);
}

function refuse(c: Json, field: string, value: unknown, allowed: readonly string[]): void {
  if (typeof value === "string" && allowed.includes(value)) return;
  const architecture = Array.isArray(c["architectures"]) ? ` (${String(c["architectures"][0])})` : "";
  throw new UserError(
    `${field} is ${JSON.stringify(value) ?? "missing"}${architecture}, and this engine computes ${allowed.join(", ")}. Use a Qwen2, Qwen2.5, Qwen3, Llama or SmolLM2 model.`,
  );
}

function number(c: Json, field: string, fallback?: number): number {
  const value = c[field] ?? fallback;
  if (typeof value !== "number" || !Number.isFinite(value) || value <= 0) {
    throw new UserError(`${field} is ${JSON.stringify(value) ?? "missing"}; a positive number is needed.`);
  }
  return value;
}

function positive(c: Json, field: string, fallback?: number): number {
  const value = number(c, field, fallback);
  if (!Number.isSafeInteger(value)) throw new UserError(`${field} is ${value}; a whole number is needed.`);
  return value;
}
