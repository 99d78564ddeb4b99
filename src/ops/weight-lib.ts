// Which file of shaders/lib reads a weight: the one place where the storage of a tensor chooses code.

import { BugError } from "../common/errors.ts";
import type { Tensor } from "../gpu/index.ts";

/** Name of the lib that reads `tensor` [any shape], f32 or f16, through binding `weight`. Throws BugError for u32. */
export function weightLib(tensor: Tensor): "weight_f32" | "weight_f16" {
  if (tensor.type === "u32")
    throw new BugError(`${tensor.label} [${tensor.shape}] holds integers, not weights`);
  return `weight_${tensor.type}`;
}
