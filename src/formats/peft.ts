// A trained adapter as the two files that PEFT loads. PEFT only warns when a tensor is missing, misnamed or transposed, and
// then runs with a random or zero adapter, so everything is checked here before it is written.
// Source: https://huggingface.co/docs/peft/developer_guides/checkpoint (file format).

import { BugError, UserError } from "../common/errors.ts";
import type { NamedStream } from "./encoded-file.ts";
import { streamOf } from "./encoded-file.ts";
import { encodeSafetensors } from "./safetensors-stream.ts";

export interface PeftTensor {
  /** A [r,in] or B [out,r]. */
  readonly shape: readonly number[];
  /** Row-major; read when its turn comes. */
  readonly values: () => Promise<Float32Array>;
}

export interface PeftAdapter {
  readonly lora: { readonly rank: number; readonly alpha: number; readonly targets: readonly string[] };
  /** Where PEFT finds the base: a name such as "Qwen/Qwen2.5-0.5B-Instruct". */
  readonly baseModelName: string;
  /**
   * By PEFT's name, `base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight`, or by the module's own,
   * `model.layers.0.self_attn.q_proj.lora_A`.
   */
  readonly tensors: ReadonlyMap<string, PeftTensor>;
  /** Step of the run that it is of. */
  readonly step?: number;
}

/** Entry of the weights' metadata that says the step; PEFT does not look at it. */
export const STEP_ENTRY = "gradus_step";

/**
 * `adapter_config.json` and `adapter_model.safetensors`. Their pieces throw UserError when training left a value that is not
 * finite.
 */
export function peftAdapterFiles({
  lora,
  baseModelName,
  tensors,
  step,
}: PeftAdapter): readonly NamedStream[] {
  const named = new Map([...tensors].map(([name, tensor]) => [peftName(name), tensor]));
  if (named.size < tensors.size) throw new BugError("an adapter names one tensor in two ways");
  checkPairs(named, lora.rank);
  checkTargets([...named.keys()], lora.targets);
  const json = `${JSON.stringify(configOf(lora, baseModelName), null, 2)}\n`;
  const weights = [...named].map(([name, { shape, values }]) => ({
    name,
    dtype: "F32" as const,
    shape,
    values: async () => checked(name, shape, await values()),
  }));
  const metadata = { format: "pt", ...(step !== undefined && { [STEP_ENTRY]: String(step) }) };
  return [
    streamOf("adapter_config.json", new TextEncoder().encode(json)),
    { name: "adapter_model.safetensors", ...encodeSafetensors(weights, metadata) },
  ];
}

/** Only fields that every version of PEFT knows: an older one refuses to load a field that it does not. */
const configOf = ({ rank, alpha, targets }: PeftAdapter["lora"], baseModelName: string) => ({
  base_model_name_or_path: baseModelName,
  bias: "none",
  fan_in_fan_out: false,
  inference_mode: true,
  init_lora_weights: true,
  lora_alpha: alpha,
  lora_dropout: 0,
  modules_to_save: null,
  peft_type: "LORA",
  r: rank,
  target_modules: targets,
  task_type: "CAUSAL_LM",
});

/** PEFT's name of one side of the adapter of `module`, such as `model.layers.0.self_attn.q_proj`. */
export const peftTensorName = (module: string, side: "A" | "B"): string =>
  `base_model.model.${module}.lora_${side}.weight`;

const NAME = /^(?:base_model\.model\.)?((?:\w+\.)+)lora_([AB])(?:\.weight)?$/;

function peftName(name: string): string {
  const [, module, side] = NAME.exec(name) ?? [];
  if (!module) throw new BugError(`"${name}" is no tensor of an adapter: it must end in lora_A or lora_B`);
  return peftTensorName(module.slice(0, -1), side as "A" | "B");
}

/** Every A [r,in] has its B [out,r], and every B its A. */
function checkPairs(tensors: ReadonlyMap<string, PeftTensor>, rank: number): void {
  for (const [name, { shape }] of tensors) {
    const other = name.includes(".lora_A.")
      ? name.replace(".lora_A.", ".lora_B.")
      : name.replace(".lora_B.", ".lora_A.");
    if (!tensors.has(other)) throw new BugError(`an adapter has "${name}" and no "${other}"`);
    const ranked = name.includes(".lora_A.") ? shape[0] : shape[1];
    if (shape.length !== 2 || ranked !== rank)
      throw new BugError(`"${name}" [${shape}] does not fit rank ${rank}`);
  }
}

/** PEFT adapts each module whose name ends in a target: no more, and no fewer, than have tensors. */
function checkTargets(names: readonly string[], targets: readonly string[]): void {
  const trained = new Set(names.map((name) => name.split(".").at(-3)!));
  if (trained.size === targets.length && targets.every((target) => trained.has(target))) return;
  throw new BugError(
    `an adapter of ${targets.join(", ")} has tensors of ${[...trained].join(", ") || "nothing"}`,
  );
}

function checked(name: string, shape: readonly number[], values: Float32Array): Float32Array {
  if (values.length !== shape[0]! * shape[1]!)
    throw new BugError(`"${name}" [${shape}] has ${values.length} values`);
  const at = values.findIndex((value) => !Number.isFinite(value));
  if (at < 0) return values;
  throw new UserError(
    `The adapter cannot be exported: ${name} holds ${values[at]} at element ${at}, so its training diverged. Export an earlier checkpoint.`,
  );
}
