// The list of policy losses. A new one is a file beside this one, a shader of the same name in shaders/losses/ and a line here.

import { UserError } from "../../common/errors.ts";
import { nearest } from "../../common/nearest.ts";
import type { PolicyLoss } from "./policy-loss.ts";
import { vanilla } from "./vanilla.ts";

export type { LossBatch, LossParams, Objective, PolicyLoss } from "./policy-loss.ts";
export { lossParams, sequenceStarts } from "./policy-loss.ts";

export const POLICY_LOSSES: readonly PolicyLoss[] = [vanilla];

/** The loss with this id. Throws UserError naming those that are known. */
export function policyLossById(id: string): PolicyLoss {
  const found = POLICY_LOSSES.find((loss) => loss.id === id);
  if (found) return found;
  const known = POLICY_LOSSES.map((loss) => loss.id);
  const close = nearest(id, known);
  throw new UserError(
    `There is no policy loss "${id}", so there is nothing to minimise. ${
      close ? `Did you mean ${close}?` : `Set policy_loss.loss_mode to one of ${known.join(", ")}.`
    }`,
  );
}
