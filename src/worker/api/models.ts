// Models, between page and worker: the demo and dropped files; those of a hub are in hub.ts.

import type { AdapterSettings } from "../../rl/options/index.ts";

export interface ModelSummary {
  readonly name: string;
  readonly isDemo: boolean;
  /** Its weights come from an ONNX file, so that ONNX Runtime can be asked about it. */
  readonly isOnnx: boolean;
  /** "Qwen2", "Qwen3", "Llama". */
  readonly architecture: string;
  /** What the weights were read from: "ONNX, model builder layout, float32" or "safetensors, bfloat16". */
  readonly source: string;
  readonly parameters: number;
  readonly layers: number;
  readonly hidden: number;
  readonly vocab: number;
  /** Files as they were dropped or fetched. */
  readonly files: readonly { readonly name: string; readonly bytes: number }[];
  /** What a run goes on from. */
  readonly adapter?: AdapterSummary;
}

export interface AdapterSummary {
  /** The settings that it decides. */
  readonly settings: AdapterSettings;
  /** "F32". */
  readonly types: readonly string[];
  /** Of the run that it was taken from, where known. */
  readonly step?: number;
  /** A sentence each. */
  readonly notices: readonly string[];
  readonly files: readonly { readonly name: string; readonly bytes: number }[];
}

/** Loading of files, before a run. */
export interface LoadProgress {
  readonly what: string;
  readonly done: number;
  readonly total: number;
}

export interface ModelApi {
  /** Loads the demo model that comes with the page. */
  useDemoModel(onProgress: (progress: LoadProgress) => void): Promise<ModelSummary>;
  /** Loads a model from dropped files (a folder's files in one list). Keeps the former model when it rejects. */
  useModelFiles(files: readonly File[], onProgress: (progress: LoadProgress) => void): Promise<ModelSummary>;
  /**
   * What runs go on from: PEFT's two files, or a zip archive of them. Rejects where it does not fit the model that is loaded,
   * and keeps the former adapter, if any. Another model comes without one.
   */
  useAdapterFiles(files: readonly File[]): Promise<ModelSummary>;
  removeAdapter(): Promise<ModelSummary>;
}
