// Models, between page and worker: the demo, dropped files, and those of a hub.

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
  /** `done` and `total` are bytes that are fetched, which can be stopped and taken up again. */
  readonly isBytes?: boolean;
}

/** A repository of a hub with the forms of its weights that can be read, the smallest first. */
export interface HubOffer {
  readonly repository: string;
  /** The commit. */
  readonly revision: string;
  readonly variants: readonly { readonly id: string; readonly label: string; readonly bytes: number }[];
  /** What of it lies in this browser, bytes; absent where it was asked of the hub. */
  readonly cachedBytes?: number;
}

export interface ModelApi {
  /** Loads the demo model that comes with the page. */
  useDemoModel(onProgress: (progress: LoadProgress) => void): Promise<ModelSummary>;
  /** Loads a model from dropped files (a folder's files in one list). Keeps the former model when it rejects. */
  useModelFiles(files: readonly File[], onProgress: (progress: LoadProgress) => void): Promise<ModelSummary>;
  /** What a repository (its id, or the address of its page) offers. Rejects when the hub at `hubUrl` does not have it. */
  hubOffer(repository: string, hubUrl: string): Promise<HubOffer>;
  /** Loads one form of a repository; what is not in this browser yet is fetched. Keeps the former model when it rejects. */
  useHubModel(
    model: Pick<HubOffer, "repository" | "revision">,
    variant: string,
    hubUrl: string,
    onProgress: (progress: LoadProgress) => void,
  ): Promise<ModelSummary>;
  /** Leaves the download under way; what has come is kept. */
  stopFetching(): Promise<void>;
  /** Models that were fetched, with the forms that need no network. */
  cachedModels(): Promise<readonly HubOffer[]>;
  removeCachedModel(repository: string, revision: string): Promise<void>;
}
