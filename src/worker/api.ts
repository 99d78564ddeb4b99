// The contract between the page and the worker, imported by both sides: types, and the list of downloads. Everything is plain data or a File;
// errors cross with their name and message (comlink keeps nothing else), so a message is a sentence for the person.

import type { DeviceApi } from "./api/device.ts";
import type { ExportApi } from "./api/exports.ts";
import type { HubApi } from "./api/hub.ts";
import type { JudgeApi } from "./api/judge.ts";
import type { KeptApi } from "./api/kept.ts";
import type { ModelApi } from "./api/models.ts";
import type { ProblemsApi } from "./api/problems.ts";
import type { RecipeApi } from "./api/recipe.ts";
import type { RunApi } from "./api/run.ts";

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
export type { Verdict } from "../app/judge.ts";
export type { DataKind } from "../formats/problem.ts";
export type { RewardFault, RewardTest, ShownGroup, TestedResponse } from "../app/reward-test.ts";
export type { MetricRow } from "../rl/metrics.ts";
export type { VerlImport } from "../rl/verl/imported.ts";
export type { DeviceSummary } from "./api/device.ts";
export { DOWNLOADS } from "./api/kept.ts";
export type { CheckpointSummary, DownloadId, RunSummary, StorageSummary } from "./api/kept.ts";
export type { AdapterSummary, LoadProgress, ModelSummary } from "./api/models.ts";
export { HUGGING_FACE } from "./api/hub.ts";
export type { FormFit, HubFits, HubForm, HubModel, ModelId } from "./api/hub.ts";
export type { ProblemPreview, ProblemsSummary } from "./api/problems.ts";
export type { ExportCheck, ExportOffer, ExportProgress, MadeExport, WeightForm } from "./api/exports.ts";
export type { PlanSummary, SettingsForm, Unfit } from "./api/recipe.ts";
export type { RunSnapshot } from "./api/run.ts";

export type WorkerApi = DeviceApi &
  ModelApi &
  HubApi &
  JudgeApi &
  ProblemsApi &
  RecipeApi &
  RunApi &
  KeptApi &
  ExportApi;
