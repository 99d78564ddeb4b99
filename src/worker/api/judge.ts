// The comparison of a loaded model with ONNX Runtime, between page and worker.

import type { Verdict } from "../../app/judge.ts";

export interface JudgeApi {
  /**
   * Compares the loaded model with what ONNX Runtime makes of its file; undefined where that is no ONNX file. An earlier
   * comparison is left first. Rejects while a run is under way, and when it is left itself.
   */
  judge(onStage: (stage: string) => void): Promise<Verdict | undefined>;
  /** Leaves the comparison under way, and returns when it has let go of the device. */
  leaveJudging(): Promise<void>;
}
