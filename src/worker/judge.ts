// The comparison with ONNX Runtime under way: at most one, and never beside a run, because the device has room for one of them.

import type { Verdict } from "../app/judge.ts";
import { judgeModel } from "../app/judge.ts";
import { UserError } from "../common/errors.ts";
import type { JudgeApi } from "./api/judge.ts";
import { checking, device, needModel, running } from "./current.ts";

interface Judging {
  readonly leave: AbortController;
  /** Settles when the device is free again; never rejects. */
  readonly ended: Promise<unknown>;
}

let underWay: Judging | undefined;

/** Leaves the comparison under way, if there is one, and returns when it has let go of the device. */
export async function leaveJudging(): Promise<void> {
  underWay?.leave.abort(new UserError("The comparison with ONNX Runtime was left."));
  await underWay?.ended;
}

/** Returns when no comparison has the device. */
export async function judged(): Promise<void> {
  while (underWay) await underWay.ended;
}

async function judge(onStage: (stage: string) => void): Promise<Verdict | undefined> {
  const leave = new AbortController();
  // Known as under way before anything is waited for, so that it can be left while it waits.
  const verdict = judgeAfter(leaveJudging(), onStage, leave.signal);
  const judging: Judging = { leave, ended: verdict.catch(() => {}) };
  underWay = judging;
  try {
    return await verdict;
  } finally {
    if (underWay === judging) underWay = undefined;
  }
}

/** The verdict on the loaded model, once `former` has ended and no export is being checked. */
async function judgeAfter(
  former: Promise<void>,
  onStage: (stage: string) => void,
  signal: AbortSignal,
): Promise<Verdict | undefined> {
  await former;
  await checking.ended;
  signal.throwIfAborted();
  if (running.active || running.isStarting)
    throw new UserError("A run is under way, and the device has room for one: compare when it has ended.");
  const model = needModel();
  return judgeModel(await device(), model, { onStage, signal });
}

export const judgeApi: JudgeApi = { judge, leaveJudging };
