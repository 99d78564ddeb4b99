// What is kept in this browser, between page and worker: runs, their checkpoints, and what can be downloaded of them.

import type { RunState } from "../../rl/events.ts";

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

export interface StorageSummary {
  readonly usedBytes: number;
  readonly quotaBytes: number;
  readonly isPersisted: boolean;
}

/** What can be downloaded of a checkpoint, or of a run, beside its weights. */
export const DOWNLOADS = [
  { id: "metrics-jsonl", label: "Metrics", detail: "JSON Lines, one step a line" },
  { id: "metrics-csv", label: "Metrics", detail: "CSV" },
  { id: "config", label: "Configuration", detail: "verl YAML" },
  { id: "command", label: "verl command", detail: "a shell script that starts verl with these settings" },
] as const;
export type DownloadId = (typeof DOWNLOADS)[number]["id"];

export interface KeptApi {
  runs(): Promise<readonly RunSummary[]>;
  removeRun(id: string): Promise<void>;
  removeCheckpoint(id: string, step: number): Promise<void>;
  /** A file of a checkpoint (newest where `step` is undefined). Its name says what opens it. */
  download(what: DownloadId, id: string, step: number | undefined): Promise<File>;
  storage(): Promise<StorageSummary>;
}
