// Rotary embedding as config.json describes it: transformers 4 writes rope_theta and rope_scaling, transformers 5
// rope_parameters {rope_theta, rope_type}. Refuses by name what is not computed.

import { UserError } from "../common/errors.ts";
import type { Rotary, RotaryScaling } from "../common/rotary.ts";

type Json = Readonly<Record<string, unknown>>;

const DEFAULT_THETA = 10000;

/** Throws UserError naming the field, its value and what is computed. */
export function ropeConfig(config: Json): Omit<Rotary, "headSize"> {
  const [field, value] = ["rope_parameters", "rope_scaling"]
    .map((name) => [name, config[name]] as const)
    .find(([, found]) => found !== undefined && found !== null) ?? ["rope_scaling", {}];
  if (typeof value !== "object" || value === null)
    throw new UserError(`${field} is ${JSON.stringify(value)}; an object or null is needed.`);
  const rope = value as Json;
  const theta = positive("rope_theta", rope["rope_theta"] ?? config["rope_theta"] ?? DEFAULT_THETA);
  refusePartial(rope["partial_rotary_factor"] ?? config["partial_rotary_factor"] ?? 1);
  const scaling = ropeScaling(rope, config, field);
  return { ropeTheta: theta, ...(scaling && { ropeScaling: scaling }) };
}

function ropeScaling(rope: Json, config: Json, field: string): RotaryScaling | undefined {
  const type = rope["rope_type"] ?? rope["type"] ?? "default";
  const number = (name: string, value: unknown = rope[name]): number => positive(`${field}.${name}`, value);
  if (type === "default") return undefined;
  if (type === "linear") return { type, factor: number("factor") };
  if (type !== "llama3") {
    throw new UserError(
      `the rotary embedding is scaled (${field}: ${JSON.stringify(type)}), and "llama3" and "linear" are computed here. Use a model without this scaling; for short prompts many models say that it can be left out, which is "${field}": null in config.json.`,
    );
  }
  const name = "original_max_position_embeddings";
  const scaling: RotaryScaling = {
    type,
    factor: number("factor"),
    lowFrequencyFactor: number("low_freq_factor"),
    highFrequencyFactor: number("high_freq_factor"),
    originalPositions: number(name, rope[name] ?? config[name]),
  };
  if (scaling.lowFrequencyFactor < scaling.highFrequencyFactor) return scaling;
  throw new UserError(
    `${field}: low_freq_factor ${scaling.lowFrequencyFactor} is not below high_freq_factor ${scaling.highFrequencyFactor}, so no frequency lies between. Take config.json from the model's page again.`,
  );
}

function positive(name: string, value: unknown): number {
  if (typeof value === "number" && Number.isFinite(value) && value > 0) return value;
  throw new UserError(`${name} is ${JSON.stringify(value) ?? "missing"}; a positive number is needed.`);
}

function refusePartial(factor: unknown): void {
  if (factor === 1) return;
  throw new UserError(
    `partial_rotary_factor is ${JSON.stringify(factor)}, and whole heads are rotated here. Use a Qwen2, Qwen3 or Llama model without it.`,
  );
}
