// Forward passes over responses without a gradient: what the policy, or its reference, says of every token.

import type { Micro, TokenNumbers } from "../batches.ts";
import { keepNumbers, readNumbers, roomFor, temperatureOf } from "../batches.ts";
import type { StepControl } from "../control.ts";
import type { Run } from "../run.ts";
import type { JudgedRollout } from "../score.ts";

interface Pass {
  /** The policy; else its reference. */
  readonly useAdapter: boolean;
  readonly control: StepControl;
  /** Called after every micro-batch. */
  readonly tell: () => void;
}

/** Log-probability and entropy of every token of the rollouts of `micros`, [length] each. Throws Interrupted. */
export async function numbersOf(
  run: Run,
  micros: readonly Micro[],
  { useAdapter, control, tell }: Pass,
): Promise<ReadonlyMap<JudgedRollout, TokenNumbers>> {
  const numbers = roomFor(micros.flatMap(({ rollouts }) => rollouts));
  for (const micro of micros) {
    control.check();
    forward(run, micro, useAdapter);
    keepNumbers(micro, await readNumbers(run, micro), numbers);
    tell();
  }
  return numbers;
}

export const forward = (run: Run, { batch }: Micro, useAdapter: boolean): void =>
  run.policy.forward(batch, { temperature: temperatureOf(run), useAdapter });
