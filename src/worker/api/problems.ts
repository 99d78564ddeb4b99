// Problems, between page and worker.

import type { DataKind } from "../../formats/problem.ts";

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

export interface ProblemsApi {
  useDemoProblems(): Promise<ProblemsSummary>;
  /** Loads problems from one or two files (training, and held-out). Keeps the former problems when it rejects. */
  useProblemFiles(files: readonly File[]): Promise<ProblemsSummary>;
}
