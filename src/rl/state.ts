// What a run must keep to go on exactly: its tensors by name and a small record. Storage keeps them, this file takes them out
// of the policy and puts them back.

import { UserError } from "../common/errors.ts";
import type { DeviceChoices } from "../model/device-choices.ts";
import type { Parameter } from "../model/weights.ts";
import { readParameter, writeParameter } from "../model/parameters.ts";
import type { Policy } from "../model/policy.ts";
import type { Evaluation } from "./events.ts";
import type { EntropyControlState } from "./entropy-control.ts";
import type { KlControlState } from "./kl-control.ts";
import type { MetricRow } from "./metrics.ts";

/** Where a run stands between two steps; plain data. */
export interface RunProgress {
  /** Steps taken. */
  readonly step: number;
  /** Updates applied, which AdamW counts. */
  readonly optimizerSteps: number;
  readonly skippedUpdates: number;
  /** Prompts taken so far; dynamic sampling takes more of them than it trains on. */
  readonly drawn: number;
  /** Where the controller of KL in the reward stands; absent before the first step and without one. */
  readonly klControl?: KlControlState;
  /** Where the controller of the entropy bonus stands; absent before the first step and without one. */
  readonly entropyControl?: EntropyControlState;
  readonly history: readonly MetricRow[];
  readonly evaluations: readonly Evaluation[];
}

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
  /** `value/<parameter>`, `m/<parameter>`, `v/<parameter>`, each f32 in the parameter's shape. */
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

/** Trained values and moments, read back one at a time. Throws UserError on a value that is not finite: such weights are not kept. */
export async function* readTensors({
  recorder,
  trainable,
}: Policy): AsyncGenerator<readonly [string, Float32Array]> {
  for (const parameter of trainable) {
    for (const part of PARTS) {
      const values = await readParameter(recorder, parameter, part);
      if (!values.every(Number.isFinite))
        throw new UserError(
          `The policy has diverged: ${part} of "${parameter.name}" is not finite, so no checkpoint was written. Go on from the last one with a lower learning rate.`,
        );
      yield [`${part}/${parameter.name}`, values];
    }
  }
}

/** Puts saved values and moments into the policy. Throws UserError when the checkpoint is of another model or adapter. */
export async function restoreTensors(policy: Policy, saved: SavedState): Promise<void> {
  for (const parameter of policy.trainable) {
    for (const part of PARTS) {
      const values = await saved.read(`${part}/${parameter.name}`);
      checkSize(parameter, values, saved.name);
      writeParameter(policy.recorder, parameter, part, values);
    }
  }
  await policy.recorder.done();
}

function checkSize({ name, shape }: Parameter, { length }: Float32Array, checkpoint: string): void {
  if (length === shape.reduce((a, b) => a * b, 1)) return;
  throw new UserError(
    `${checkpoint} has ${length} values of "${name}", and this model asks for [${shape}]: it is a checkpoint of another model. Resume it with its own.`,
  );
}
