// Cuts a pool into views that a device can bind. The only place of this folder that knows the limit.

import type { Recorder, Tensor } from "../gpu/index.ts";
import { elementCount, view } from "../gpu/index.ts";

/** Slices start at multiples of this many elements: of the 256-byte alignment, and of a chunk of the gradient norm. */
const UNIT = 4096;

/** Elements `first` to `first + count` of a pool, as a tensor of its own. */
export interface Slice {
  readonly tensor: Tensor;
  readonly first: number;
  readonly count: number;
}

/** A flat pool f32[P] as the fewest slices that each fit one binding; the pool itself where it fits. */
export function slices(recorder: Recorder, pool: Tensor): Slice[] {
  const total = elementCount(pool.shape);
  const most = Math.max(1, Math.floor(recorder.gpu.maxBindingBytes / (4 * UNIT))) * UNIT;
  if (total <= most) return [{ tensor: pool, first: 0, count: total }];
  const found: Slice[] = [];
  for (let first = 0; first < total; first += most) {
    const count = Math.min(most, total - first);
    found.push({ tensor: view(pool, first, [count]), first, count });
  }
  return found;
}
