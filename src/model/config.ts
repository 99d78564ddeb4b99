// A decoder's shape, read from a Hugging Face `config.json` and refused by name where it asks for something that the
// engine does not compute. Holds no weights.

import { UserError } from "../common/errors.ts";
import type { DecoderShape } from "../formats/onnx/shape.ts";

/** Qwen2 / Qwen2.5: RMSNorm, rotary embedding, grouped-query attention with q, k, v biases, SwiGLU. */
export interface DecoderConfig extends DecoderShape {
  readonly family: "qwen2";
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
  refuse(c, "model_type", c["model_type"], ["qwen2"]);
  refuse(c, "hidden_act", c["hidden_act"], ["silu"]);
  if (c["use_sliding_window"] === true) {
    throw new UserError(
      "use_sliding_window is true, and sliding-window attention is not computed here. Use a model without it.",
    );
  }
  const heads = positive(c, "num_attention_heads");
  const hidden = positive(c, "hidden_size");
  const config: DecoderConfig = {
    family: "qwen2",
    layers: positive(c, "num_hidden_layers"),
    hidden,
    heads,
    kvHeads: positive(c, "num_key_value_heads", heads),
    headSize: headSize(c, hidden, heads),
    intermediate: positive(c, "intermediate_size"),
    vocab: positive(c, "vocab_size"),
    maxPositions: positive(c, "max_position_embeddings"),
    ropeTheta: ropeTheta(c),
    rmsEps: number(c, "rms_norm_eps"),
    tied: c["tie_word_embeddings"] === true,
    eosTokenIds: [c["eos_token_id"]].flat().filter((id) => typeof id === "number"),
  };
  checkHeads(config);
  return config;
}

function headSize(c: Json, hidden: number, heads: number): number {
  if ((c["head_dim"] ?? undefined) !== undefined) return positive(c, "head_dim");
  if (hidden % heads === 0) return hidden / heads;
  throw new UserError(
    `hidden_size ${hidden} is not a multiple of num_attention_heads ${heads}, and there is no head_dim.`,
  );
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
    `${field} is ${JSON.stringify(value) ?? "missing"}${architecture}, and this engine computes ${allowed.join(" or ")}. Use a Qwen2 or Qwen2.5 model.`,
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

/** transformers 4 writes rope_theta and rope_scaling, transformers 5 rope_parameters {rope_theta, rope_type}. */
function ropeTheta(c: Json): number {
  const parameters = (c["rope_parameters"] ?? c["rope_scaling"] ?? {}) as Json;
  const type = parameters["rope_type"] ?? parameters["type"] ?? "default";
  if (type !== "default") {
    throw new UserError(
      `the rotary embedding is scaled (${JSON.stringify(type)}), which is not computed here. Use a model without rope scaling.`,
    );
  }
  return number({ rope_theta: parameters["rope_theta"] ?? c["rope_theta"] }, "rope_theta", 10000);
}
