// The contract between the page and the worker, imported by both sides: types, and the list of downloads. Everything is plain data or a File;
// errors cross with their name and message (comlink keeps nothing else), so a message is a sentence for the person.

import type { DataKind } from "../formats/problem.ts";
import type { RewardTest, ShownGroup } from "../app/reward-test.ts";
import type { RunConfig } from "../rl/config.ts";
import type { Evaluation, RunEvent, RunState } from "../rl/events.ts";
import type { MetricRow } from "../rl/metrics.ts";
import type { VerlImport } from "../rl/verl/imported.ts";

export type {
  Accuracy,
  Evaluation,
  EvaluationSample,
  LiveResponse,
  Phase,
  RunEvent,
  RunState,
  ScoredPart,
  ScoredResponse,
  ScoredToken,
} from "../rl/events.ts";
export type { DataKind } from "../formats/problem.ts";
export type { RewardFault, RewardTest, ShownGroup, TestedResponse } from "../app/reward-test.ts";
export type { MetricRow } from "../rl/metrics.ts";
export type { VerlImport } from "../rl/verl/imported.ts";

/** The WebGPU device as the page shows it. */
export interface DeviceSummary {
  readonly name: string;
  readonly isSoftware: boolean;
  readonly hasF16: boolean;
  readonly hasSubgroups: boolean;
  readonly maxBufferBytes: number;
  /** Bytes held on the device now. */
  readonly liveBytes: number;
}

export interface ModelSummary {
  readonly name: string;
  readonly isDemo: boolean;
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

export interface ProblemPreview {
  readonly question: string;
  readonly groundTruth: string;
  /** The two responses of a preference pair. */
  readonly pair?: { readonly chosen: string; readonly rejected: string };
  /** The prompt as the model sees it, if a model is loaded. */
  readonly prompt?: string;
}

export interface ProblemsSummary {
  readonly name: string;
  readonly isDemo: boolean;
  /** Of what is trained on. */
  readonly kind: DataKind;
  readonly format: string;
  readonly count: number;
  readonly train: number;
  readonly heldOut: number;
  /** The first three. */
  readonly preview: readonly ProblemPreview[];
  /** Rows that were left out, and why; at most 100 are listed. */
  readonly refused: readonly { readonly where: string; readonly why: string }[];
  readonly refusedCount: number;
}

/** Device memory of a run by owner, before anything is allocated. */
export interface PlanSummary {
  readonly bytes: readonly { readonly owner: string; readonly bytes: number }[];
  readonly totalBytes: number;
  readonly trainableParameters: number;
}

export interface CheckpointSummary {
  readonly step: number;
  readonly bytes: number;
  /** Milliseconds since 1970. */
  readonly savedAt: number;
  readonly strict?: number;
  readonly reward?: number;
}

/** A run that is kept in this browser. */
export interface RunSummary {
  readonly id: string;
  readonly name: string;
  readonly modelName: string;
  readonly dataName: string;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly step: number;
  readonly totalSteps: number;
  readonly state: RunState;
  /** Another tab has it. */
  readonly isBusy: boolean;
  readonly checkpoints: readonly CheckpointSummary[];
}

/** What a page shows of a run that it did not see from its beginning. */
export interface RunSnapshot {
  readonly id: string;
  readonly config: RunConfig;
  readonly history: readonly MetricRow[];
  readonly evaluations: readonly Evaluation[];
}

export interface StorageSummary {
  readonly usedBytes: number;
  readonly quotaBytes: number;
  readonly isPersisted: boolean;
}

/** What can be downloaded of a checkpoint, or of a run. */
export const DOWNLOADS = [
  { id: "weights", label: "Trained weights", detail: "model.safetensors, or a PEFT adapter as a zip file" },
  { id: "metrics-jsonl", label: "Metrics", detail: "JSON Lines, one step a line" },
  { id: "metrics-csv", label: "Metrics", detail: "CSV" },
  { id: "config", label: "Configuration", detail: "verl YAML" },
  { id: "command", label: "verl command", detail: "a shell script that starts verl with these settings" },
] as const;
export type DownloadId = (typeof DOWNLOADS)[number]["id"];
/** Settings as a file: verl YAML, or a script with a command. */
export type SettingsForm = Extract<DownloadId, "config" | "command">;

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

export interface WorkerApi {
  /** Opens the device. Rejects with one sentence, reason and remedy, when this browser cannot run Gradus. */
  openDevice(): Promise<DeviceSummary>;
  device(): Promise<DeviceSummary>;

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
  useDemoProblems(): Promise<ProblemsSummary>;
  /** Loads problems from one or two files (training, and held-out). Keeps the former problems when it rejects. */
  useProblemFiles(files: readonly File[]): Promise<ProblemsSummary>;

  /** What `config` would hold on the device. Rejects with the setting to change when it does not fit. */
  plan(config: RunConfig): Promise<PlanSummary>;

  /** `config` with the settings of a verl command, script or YAML. Rejects when the text is none of them. */
  importSettings(text: string, config: RunConfig): Promise<VerlImport>;
  /** verl's form of settings that may not have been started, with what an import has kept for a cluster. */
  exportSettings(what: SettingsForm, config: RunConfig, kept: VerlImport["kept"]): Promise<File>;

  /**
   * Tries a reward function, `limitMs` for each response: on the group that a run shows, else on answers of the loaded problems.
   * What is wrong with the function is part of the answer; rejects only when no function can be run here.
   */
  testReward(code: string, limitMs: number, group: ShownGroup | undefined): Promise<RewardTest>;

  /**
   * Begins a run with the loaded model and problems, and returns once it is under way. `kept` is what an import has kept
   * for a cluster; it stays with the run.
   */
  start(
    config: RunConfig,
    kept: VerlImport["kept"],
    onEvent: (event: RunEvent) => void,
  ): Promise<RunSnapshot>;
  /**
   * Continues a kept run from its newest checkpoint, or from `step`, with `changes` on top of its settings. If it is this
   * tab's own, it is stopped first. Rejects when another tab has it, or when a run cannot change such a setting.
   */
  resumeRun(
    id: string,
    step: number | undefined,
    changes: Readonly<Record<string, unknown>>,
    onEvent: (event: RunEvent) => void,
  ): Promise<RunSnapshot>;
  /** Answers at once; the state event "paused" follows, after a checkpoint. */
  pause(): Promise<void>;
  /** Goes on after a pause. */
  proceed(): Promise<void>;
  /** Ends the run for good after a checkpoint; it stays resumable. */
  stop(): Promise<void>;
  /** Evaluates after the current step. */
  evaluateSoon(): Promise<void>;
  /** Writes a checkpoint as soon as the weights are whole. */
  saveSoon(): Promise<void>;

  runs(): Promise<readonly RunSummary[]>;
  removeRun(id: string): Promise<void>;
  removeCheckpoint(id: string, step: number): Promise<void>;
  /** A file of a checkpoint (newest where `step` is undefined). Its name says what opens it. */
  download(what: DownloadId, id: string, step: number | undefined): Promise<File>;
  storage(): Promise<StorageSummary>;
}
