// A model without config.json: what its ONNX graph and the other files beside it tell is put together as one, and what nobody
// tells is asked for by name.

import { UserError } from "../common/errors.ts";
import type { JsonObject } from "../formats/json.ts";
import { isObject, readJsonObject } from "../formats/json.ts";
import { configOfGraph } from "../formats/onnx/graph-config.ts";
import type { OnnxFiles } from "../formats/onnx/model.ts";
import type { ByteSource } from "../formats/safetensors.ts";

/** Without which nothing is computed, and what of the graph would have told it. */
const NEEDED = {
  num_hidden_layers: "its layers",
  hidden_size: "its output head",
  vocab_size: "its output head",
  intermediate_size: "its MLP",
  num_attention_heads: "its attention",
  num_key_value_heads: "its attention",
  head_dim: "its rotary embedding",
  max_position_embeddings: "a rotary table",
  rms_norm_eps: "its norms",
  rope_theta: "a rotary embedding that turns evenly, or as Llama 3's does",
  tie_word_embeddings: "its embedding and its output head",
} as const;

/** Lengths beyond this stand for "no limit" in tokenizer_config.json. */
const MOST_POSITIONS = 2 ** 24;

export interface FilesBeside extends Omit<OnnxFiles, "config"> {
  /** The file of this name beside the model. */
  readonly find: (name: string) => ByteSource | undefined;
}

/** What config.json would say. Throws UserError naming the fields that neither the graph nor the files beside it tell. */
export async function derivedConfig({ model, external, find }: FilesBeside): Promise<JsonObject> {
  const graph = await configOfGraph({ model, ...(external && { external }) });
  const beside = async (name: string): Promise<JsonObject> => {
    const file = find(name);
    return file ? readJsonObject(file) : {};
  };
  const genai = objectOf((await beside("genai_config.json"))["model"]);
  const decoder = objectOf(genai["decoder"]);
  const longest = (await beside("tokenizer_config.json"))["model_max_length"];
  const eos = (await beside("generation_config.json"))["eos_token_id"] ?? genai["eos_token_id"];
  const given = {
    model_type: genai["type"],
    num_attention_heads: decoder["num_attention_heads"],
    num_key_value_heads: decoder["num_key_value_heads"],
    head_dim: decoder["head_size"],
    max_position_embeddings:
      genai["context_length"] ??
      (typeof longest === "number" && longest <= MOST_POSITIONS ? longest : undefined),
  };
  const config: Record<string, unknown> = { ...given };
  for (const [field, value] of Object.entries(graph)) config[field] = value ?? config[field];
  // What is exported by the name of another family differs in ways that a graph may not show.
  if (typeof given.model_type === "string") config["model_type"] = given.model_type;
  if (eos !== undefined) config["eos_token_id"] = eos;
  refuseMissing(model.name, config);
  return config;
}

const objectOf = (value: unknown): JsonObject => (isObject(value) ? value : {});

function refuseMissing(file: string, config: JsonObject): void {
  if (config["sliding_window"] !== undefined) {
    throw new UserError(
      `${file} lets attention see ${JSON.stringify(config["sliding_window"])} positions. Some exporters write this for models that see all of them, and config.json, which would tell, is not there. Drop it together with the others; every model's page has it.`,
    );
  }
  const missing = Object.entries(NEEDED).filter(([field]) => config[field] === undefined);
  if (missing.length === 0) return;
  const fields = missing.map(([field, from]) => `${field} (from ${from})`).join(", ");
  throw new UserError(
    `There is no config.json, and ${file} alone does not tell ${fields}. Drop config.json together with the others; every model's page has it.`,
  );
}
