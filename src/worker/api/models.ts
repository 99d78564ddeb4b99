// Models, between page and worker: the demo and dropped files; those of a hub are in hub.ts.

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
}
