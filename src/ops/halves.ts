// Half precision made single on the device: the launcher of shaders/halves.wgsl. The CPU reference is fromHalves in
// common/f16.ts; what is stored as halves for good is read as halves by the kernels themselves.

import halvesCode from "../../shaders/halves.wgsl?raw";
import type { Recorder, Tensor } from "../gpu/index.ts";
import { ceilDiv, ELEMENT_WORK, grid } from "../gpu/index.ts";

const SHADER = { name: "halves", code: halvesCode };

export interface WidenArgs {
  /** f16[N]. */
  readonly x: Tensor;
  /** Output, f32[N]. */
  readonly y: Tensor;
  /** N. */
  readonly count: number;
}

/** Records y [N] = x [N] in single precision. */
export function widen(recorder: Recorder, { x, y, count }: WidenArgs): void {
  const kernel = recorder.gpu.compiler.kernel(SHADER, "widen");
  const tile = 2 * kernel.workgroupSize;
  const work = ELEMENT_WORK * tile;
  recorder.split(ceilDiv(count, tile), work, (first, tiles) =>
    recorder.dispatch({
      kernel,
      params: { first, end: first + tiles, count },
      tensors: { x, y },
      workgroups: grid(tiles),
      work: work * tiles,
    }),
  );
}
