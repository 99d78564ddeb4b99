// Which file of shaders/lib reads a weight: the one place where the storage of a tensor chooses code.

import { BugError } from "../common/errors.ts";
import { isQ4 } from "../common/q4.ts";
import type { Tensor } from "../gpu/index.ts";

/** Name of the lib that reads `tensor` [any shape] through binding `weight`. Throws BugError for u32. */
export function weightLib(tensor: Tensor): string {
  if (tensor.type === "u32")
    throw new BugError(`${tensor.label} [${tensor.shape}] holds integers, not weights`);
  return `weight_${tensor.type}`;
}

/** The same for kernels that read `tensor` [any shape] in groups of four; 4-bit blocks are read in one way by all. */
export const fourWeightLib = (tensor: Tensor): string =>
  isQ4(tensor.type) ? weightLib(tensor) : weightLib(tensor).replace("weight_", "weight4_");
