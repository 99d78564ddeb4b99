// Which engine writes the responses of a run: our own decoder on the live weights, or ONNX Runtime on the dropped graph. In
// `auto`, a run that begins measures both where the second can be had, and the faster one is its engine from then on.

import { UserError } from "../common/errors.ts";
import { bytesIn } from "../formats/encoded-file.ts";
import type { OnnxFiles } from "../formats/onnx/model.ts";
import type { ByteSource } from "../formats/safetensors.ts";
import type { Allocator, Gpu } from "../gpu/index.ts";
import type { DecoderConfig } from "../model/config.ts";
import { adapterShapes } from "../model/lora.ts";
import type { PolicyOptions } from "../model/memory.ts";
import type { Policy } from "../model/policy.ts";
import { parameterShapes } from "../model/weights.ts";
import type { RolloutEngine } from "../rollout/engine.ts";
import { WITHOUT_IT } from "../rollout/onnxruntime/decoder-session.ts";
import { OrtRollout } from "../rollout/onnxruntime/engine.ts";
import { planSession } from "../rollout/onnxruntime/plan.ts";
import { ortBackend } from "../rollout/onnxruntime/runtime.ts";
import { WgslRollout } from "../rollout/wgsl.ts";
import type { RunConfig } from "./config.ts";
import { SAMPLING_METHODS } from "./config/field.ts";
import { rolloutSizes } from "./options/index.ts";

/** What of a model's files ONNX Runtime would run. */
export interface RolloutFiles {
  /** Absent: the weights are not ONNX. */
  readonly onnx?: OnnxFiles;
  /** All files of the model; those of the graph are told by their names. */
  readonly files?: readonly ByteSource[];
}

/** What a plan needs of them; the files may still be at a hub. */
export interface PlannedFiles {
  /** Absent: the weights are not ONNX. */
  readonly onnx?: unknown;
  readonly files?: readonly Pick<ByteSource, "name" | "size">[];
}

/** An engine with what it holds besides the policy. */
export interface OwnedEngine {
  readonly engine: RolloutEngine;
  destroy(): void;
}

/** A plan above this is not made larger just to try which engine is faster: 4 GiB. */
const MOST_FOR_AUTO = 2 ** 32;

/** Throws UserError where the configuration asks for ONNX Runtime and the model is not for it. */
export function checkRolloutEngine(config: RunConfig, { onnx }: PlannedFiles): void {
  if (config["gradus.rollout_engine"] !== "onnxruntime" || onnx) return;
  throw new UserError(
    "Rollout engine (gradus.rollout_engine) is onnxruntime, and this model's weights are safetensors: ONNX Runtime runs ONNX graphs. Set it to wgsl or auto, or drop the model's ONNX files.",
  );
}

/** The engine that the configuration names; `auto` is our own. Throws UserError where it cannot be had. */
export async function openRolloutEngine(
  policy: Policy,
  config: RunConfig,
  model: RolloutFiles,
): Promise<OwnedEngine> {
  checkRolloutEngine(config, model);
  if (config["gradus.rollout_engine"] !== "onnxruntime")
    return { engine: new WgslRollout(policy), destroy: () => {} };
  try {
    return await openOrt(policy, config, model.onnx!);
  } catch (cause) {
    if (!(cause instanceof UserError)) throw cause;
    throw new UserError(`${cause.message} ${WITHOUT_IT}`, { cause });
  }
}

export async function openOrt(policy: Policy, config: RunConfig, onnx: OnnxFiles): Promise<OwnedEngine> {
  const engine = await OrtRollout.create(policy, onnx, rolloutSizes(config));
  // A session that cannot be closed has lost its WebAssembly, and its memory with it: nothing is left to be done or said.
  return { engine, destroy: () => void engine.destroy().catch(() => {}) };
}

const isGraphFile = ({ name }: Pick<ByteSource, "name">): boolean =>
  !/\.(json|jinja|txt|model|safetensors)$/.test(name);

/** Adds, on paper, what ONNX Runtime takes in a run with these settings. */
export function planRolloutEngine(
  allocator: Allocator,
  model: PlannedFiles & { readonly config: DecoderConfig },
  config: RunConfig,
  { lora }: PolicyOptions,
): void {
  const fileBytes = bytesIn((model.files ?? []).filter(isGraphFile));
  planSession(allocator, model.config, {
    sizes: rolloutSizes(config),
    fileBytes: lora ? fileBytes : 0,
    trained: (lora ? adapterShapes(model.config, lora) : parameterShapes(model.config)).values(),
  });
}

/**
 * Whether a run that begins tries ONNX Runtime: it is left to the measurement, the graph is there, something is sampled, and
 * the session would have a device. On the processor it can only be faster than a device that is the processor, too.
 */
export const triesOnnxRuntime = (
  config: RunConfig,
  { onnx }: PlannedFiles,
  { isSoftware }: Pick<Gpu, "isSoftware">,
): boolean =>
  config["gradus.rollout_engine"] === "auto" &&
  onnx !== undefined &&
  (SAMPLING_METHODS as readonly string[]).includes(config["gradus.mode"]) &&
  (ortBackend === "webgpu" || isSoftware);

/** Whether a plan with ONNX Runtime in it is small enough to try, on a device that is said to have so much. */
export const hasRoomToTry = (
  totalBytes: number,
  { memoryBytes = MOST_FOR_AUTO }: Pick<Gpu, "memoryBytes">,
): boolean => totalBytes <= Math.min(MOST_FOR_AUTO, memoryBytes);
