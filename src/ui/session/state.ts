// What the session holds: everything that the page shows. How it changes is session.ts's matter.

import type { RunConfig } from "../../rl/config.ts";
import type {
  DeviceSummary,
  LoadProgress,
  ModelSummary,
  PlanSummary,
  ProblemsSummary,
  RunSummary,
  StorageSummary,
  Unfit,
  VerlImport,
} from "../../worker/api.ts";
import type { RunView } from "../run-view.ts";
import type { AskedExport } from "./exports.ts";
import type { HubState } from "./hub.ts";
import type { Judgement } from "./judge.ts";

export const PLACES = ["setup", "run", "checkpoints"] as const;
export type Place = (typeof PLACES)[number];

/** Where a failure is shown: beside what failed. */
export type Concern = "device" | "model" | "problems" | "recipe" | "run" | "checkpoints";

export interface SessionState {
  readonly place: Place;
  readonly device?: DeviceSummary;
  readonly model?: ModelSummary;
  readonly modelProgress?: LoadProgress;
  /** What ONNX Runtime says about the model, where it was asked. */
  readonly judgement?: Judgement | undefined;
  readonly problems?: ProblemsSummary;
  readonly presetId: string;
  readonly config: RunConfig;
  /** The last verl configuration that was applied, until a recipe is chosen. */
  readonly imported?: VerlImport | undefined;
  /** What all of them have had for a cluster. */
  readonly kept: VerlImport["kept"];
  readonly plan?: PlanSummary | undefined;
  /** Why there is no plan: the run would not fit. */
  readonly unfit?: Unfit | undefined;
  /** Models of a hub. */
  readonly hub: HubState;
  /** The run on the screen: going on, paused, or ended. */
  readonly run?: RunView;
  readonly runs: readonly RunSummary[];
  readonly storage?: StorageSummary;
  /** The trained weights that were asked for last. */
  readonly exported?: AskedExport | undefined;
  /** One sentence per concern. */
  readonly errors: Readonly<Partial<Record<Concern, string>>>;
  /** What is being worked on, so that its button can wait. */
  readonly busy: Readonly<Partial<Record<Concern, boolean>>>;
}

/** States in which a run holds the device. */
export const isUnderWay = (run: RunView | undefined): boolean =>
  run !== undefined && ["loading", "running", "pausing", "paused"].includes(run.state);
