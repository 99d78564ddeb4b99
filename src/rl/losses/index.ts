// The list of policy losses. A new one is a file beside this one, a shader of the same name in shaders/losses/ and a line here.

import { UserError } from "../../common/errors.ts";
import { nearestHint } from "../../common/nearest.ts";
import { cispoBySign } from "./cispo-by-sign.ts";
import { cispoCap } from "./cispo-cap.ts";
import { cispo } from "./cispo.ts";
import { clipCov } from "./clip-cov.ts";
import { dppoKl } from "./dppo-kl.ts";
import { dppoTv } from "./dppo-tv.ts";
import { dro } from "./dro.ts";
import { geoMean } from "./geo-mean.ts";
import { gpg } from "./gpg.ts";
import { gspo } from "./gspo.ts";
import { klCov } from "./kl-cov.ts";
import { luspo } from "./luspo.ts";
import type { PolicyLoss } from "./policy-loss.ts";
import { reinforce } from "./reinforce.ts";
import { sapoMin } from "./sapo-min.ts";
import { sapo } from "./sapo.ts";
import { vanilla } from "./vanilla.ts";
import { vespo } from "./vespo.ts";

export type { LossBatch, LossParams, Objective, PolicyLoss } from "./policy-loss.ts";
export { lossParams, sequenceStarts } from "./policy-loss.ts";

/** In the order in which a form offers them. */
export const POLICY_LOSSES: readonly PolicyLoss[] = [
  vanilla,
  gspo,
  sapo,
  cispo,
  geoMean,
  gpg,
  reinforce,
  dppoTv,
  dppoKl,
  dro,
  clipCov,
  klCov,
  luspo,
  vespo,
  cispoCap,
  cispoBySign,
  sapoMin,
];

/** The loss with this id. Throws UserError naming those that are known. */
export function policyLossById(id: string): PolicyLoss {
  const found = POLICY_LOSSES.find((loss) => loss.id === id);
  if (found) return found;
  const known = POLICY_LOSSES.map((loss) => loss.id);
  throw new UserError(
    `There is no policy loss "${id}", so there is nothing to minimise. ${nearestHint(id, known, `Set policy_loss.loss_mode to one of ${known.join(", ")}.`)}`,
  );
}
