// What the page knows of one run, as a fold over its events: pure, so that it can be tested without a page.

import type { RunConfig } from "../rl/config.ts";
import { STEP } from "../rl/metrics.ts";
import type {
  Evaluation,
  LiveResponse,
  MetricRow,
  RunEvent,
  RunSnapshot,
  RunState,
  ScoredResponse,
  ShownGroup,
} from "../worker/api.ts";

/** The group on show: being written, then scored. */
export interface LiveGroup {
  readonly step: number;
  readonly question: string;
  readonly groundTruth: string;
  readonly samples: number;
  readonly responses: readonly LiveResponse[];
  /** In the order of `responses`; absent until rewards are known. */
  readonly scored?: readonly ScoredResponse[];
}

/** How far the phase under way has got, as it was last told. */
export type Progress = Omit<Extract<RunEvent, { type: "progress" }>, "type">;

export interface RunView {
  /** Undefined until the worker has told. */
  readonly id?: string;
  readonly config?: RunConfig;
  readonly state: RunState;
  /** Steps taken. */
  readonly step: number;
  /** Why it failed, or what a state means. */
  readonly message?: string;
  readonly progress?: Progress;
  readonly history: readonly MetricRow[];
  readonly evaluations: readonly Evaluation[];
  readonly group?: LiveGroup;
  /** The last group that was scored, which stays on show while the next is written. */
  readonly scoredGroup?: LiveGroup;
  readonly lastCheckpoint?: { readonly step: number; readonly bytes: number };
  /** Newest last; at most 20. */
  readonly notices: readonly string[];
}

const EMPTY: RunView = { state: "loading", step: 0, history: [], evaluations: [], notices: [] };
const NOTICES = 20;

/** The view of a run that has just been begun or continued, with what its events have told already. */
export function viewOf(snapshot: RunSnapshot, current: RunView | undefined): RunView {
  const view = current ?? EMPTY;
  const history = mergeRows([...snapshot.history, ...view.history]);
  const evaluations = mergeEvaluations([...snapshot.evaluations, ...view.evaluations]);
  return { ...view, id: snapshot.id, config: snapshot.config, history, evaluations };
}

/** The newest group that is written to its end, as a reward function may be tried on it: also one that it failed at. */
export function shownGroup(run: RunView | undefined): ShownGroup | undefined {
  const { group, scoredGroup } = run ?? EMPTY;
  const isWritten =
    group?.responses.length === group?.samples && group?.responses.every((one) => one.isFinished);
  const shown = isWritten ? group : scoredGroup;
  if (!shown) return undefined;
  const { step, question, groundTruth, responses, scored } = shown;
  return { step, question, groundTruth, responses: (scored ?? responses).map(({ text }) => text) };
}

/** The view after `event`. A "loading" state begins a new one. */
export function viewAfter(before: RunView | undefined, event: RunEvent): RunView {
  const view = before ?? EMPTY;
  switch (event.type) {
    case "state":
      return stateAfter(event.state === "loading" ? EMPTY : view, event);
    case "progress": {
      const { type: _, ...progress } = event;
      return { ...view, progress };
    }
    case "group": {
      const { type: _, ...group } = event;
      return { ...view, group: { ...group, responses: [] } };
    }
    case "responses":
      return view.group ? { ...view, group: { ...view.group, responses: event.responses } } : view;
    case "scored": {
      if (!view.group) return view;
      const { question, groundTruth, responses: scored } = event;
      const group = { ...view.group, question, groundTruth, scored };
      return { ...view, group, scoredGroup: group };
    }
    case "metrics":
      return {
        ...view,
        history: mergeRows([...view.history, event.row]),
        step: event.row[STEP] ?? view.step,
      };
    case "evaluation":
      return { ...view, evaluations: mergeEvaluations([...view.evaluations, event.evaluation]) };
    case "checkpoint":
      return { ...view, lastCheckpoint: { step: event.step, bytes: event.bytes } };
    case "notice":
      return { ...view, notices: [...view.notices, event.message].slice(-NOTICES) };
  }
}

function stateAfter(view: RunView, { state, step, message }: Extract<RunEvent, { type: "state" }>): RunView {
  const { message: _, progress, ...rest } = view;
  const isGoingOn = state === "running" || state === "loading" || state === "pausing";
  return {
    ...rest,
    state,
    step,
    ...(message !== undefined && { message }),
    ...(isGoingOn && progress && { progress }),
  };
}

/** One row a step, later ones adding to earlier ones: an evaluation comes after the step it belongs to. */
function mergeRows(rows: readonly MetricRow[]): MetricRow[] {
  const byStep = new Map<number, MetricRow>();
  for (const row of rows) byStep.set(row[STEP]!, { ...byStep.get(row[STEP]!), ...row });
  return [...byStep.values()].sort((a, b) => a[STEP]! - b[STEP]!);
}

const mergeEvaluations = (evaluations: readonly Evaluation[]): Evaluation[] =>
  [...new Map(evaluations.map((evaluation) => [evaluation.step, evaluation])).values()].sort(
    (a, b) => a.step - b.step,
  );
