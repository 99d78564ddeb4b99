// What a run must keep to go on exactly: its tensors by name and a small record. Storage keeps them, this file takes them out
// of policy and critic and puts them back.

import { UserError } from "../common/errors.ts";
import type { DeviceChoices } from "../model/device-choices.ts";
import type { Parameter } from "../model/weights.ts";
import { readParameter, writeParameter } from "../model/parameters.ts";
import type { Evaluation } from "./events.ts";
import type { EntropyControlState } from "./entropy-control.ts";
import type { KlControlState } from "./kl-control.ts";
import type { MetricRow } from "./metrics.ts";
import type { Run } from "./run.ts";
import type { StepOutcome } from "./step.ts";

/** Where a run stands between two steps; plain data. */
export interface RunProgress {
  /** Steps taken. */
  readonly step: number;
  /** Updates applied, which AdamW counts. */
  readonly optimizerSteps: number;
  readonly skippedUpdates: number;
  /** Prompts taken so far; dynamic sampling takes more of them than it trains on. */
  readonly drawn: number;
  /** Updates of the critic; absent before the first step and without one. */
  readonly critic?: CriticProgress;
  /** Where the controller of KL in the reward stands; absent before the first step and without one. */
  readonly klControl?: KlControlState;
  /** Where the controller of the entropy bonus stands; absent before the first step and without one. */
  readonly entropyControl?: EntropyControlState;
  readonly history: readonly MetricRow[];
  readonly evaluations: readonly Evaluation[];
}

export interface CriticProgress {
  /** Updates applied, which its AdamW counts. */
  readonly optimizerSteps: number;
  readonly skippedUpdates: number;
}

/** Where a critic stands after a step in which so many of its updates were applied and skipped. */
export const afterCritic = (
  before: CriticProgress | undefined,
  { applied, skipped }: StepOutcome,
): CriticProgress => ({
  optimizerSteps: (before?.optimizerSteps ?? 0) + applied,
  skippedUpdates: (before?.skippedUpdates ?? 0) + skipped,
});

export const FRESH: RunProgress = {
  step: 0,
  optimizerSteps: 0,
  skippedUpdates: 0,
  drawn: 0,
  history: [],
  evaluations: [],
};

/** A checkpoint as the trainer sees it. */
export interface RunState {
  readonly progress: RunProgress;
  readonly device: DeviceChoices;
  /** `value/<parameter>`, `m/<parameter>`, `v/<parameter>`, each f32 in the parameter's shape; a critic's are `critic.<parameter>`. */
  readonly tensors: AsyncIterable<readonly [string, Float32Array]>;
}

/** A checkpoint that is read back. */
export interface SavedState {
  /** Shown in messages. */
  readonly name: string;
  readonly progress: RunProgress;
  readonly device: DeviceChoices;
  read(tensor: string): Promise<Float32Array<ArrayBuffer>>;
}

const PARTS = ["value", "m", "v"] as const;

/** Parameters of a critic and a policy may have the same names. */
const CRITIC_PREFIX = "critic.";

/** What is kept of a run: the parameters of its policy, and of its critic under names of their own. */
export type Trained = Pick<Run, "policy" | "critic">;

const trainedOf = ({ policy, critic }: Trained): (readonly [string, Parameter])[] => [
  ...policy.trainable.map((parameter) => [parameter.name, parameter] as const),
  ...(critic?.model.trainable ?? []).map(
    (parameter) => [`${CRITIC_PREFIX}${parameter.name}`, parameter] as const,
  ),
];

/** Trained values and moments, read back one at a time. Throws UserError on a value that is not finite: such weights are not kept. */
export async function* readTensors(run: Trained): AsyncGenerator<readonly [string, Float32Array]> {
  for (const [name, parameter] of trainedOf(run)) {
    for (const part of PARTS) {
      const values = await readParameter(run.policy.recorder, parameter, part);
      if (!values.every(Number.isFinite))
        throw new UserError(
          `The ${name.startsWith(CRITIC_PREFIX) ? "critic" : "policy"} has diverged: ${part} of "${parameter.name}" is not finite, so no checkpoint was written. Go on from the last one with a lower learning rate.`,
        );
      yield [`${part}/${name}`, values];
    }
  }
}

/** Puts saved values and moments into a run. Throws UserError when the checkpoint is of another model or adapter. */
export async function restoreTensors(run: Trained, saved: SavedState): Promise<void> {
  const { recorder } = run.policy;
  for (const [name, parameter] of trainedOf(run)) {
    for (const part of PARTS) {
      const values = await saved.read(`${part}/${name}`);
      checkSize(parameter, values, saved.name);
      writeParameter(recorder, parameter, part, values);
    }
  }
  await recorder.done();
}

function checkSize({ name, shape }: Parameter, { length }: Float32Array, checkpoint: string): void {
  if (length === shape.reduce((a, b) => a * b, 1)) return;
  throw new UserError(
    `${checkpoint} has ${length} values of "${name}", and this model asks for [${shape}]: it is a checkpoint of another model. Resume it with its own.`,
  );
}
