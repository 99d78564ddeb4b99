// Trained weights to take home, between page and worker: in which forms, writing one, and what was found in checking it.

import type { ExportCheck } from "../../app/export-check.ts";
import type { ExportOffer } from "../../app/export-offers.ts";
import type { ExportProgress } from "../../app/make-export.ts";

export type { ExportCheck } from "../../app/export-check.ts";
export type { ExportOffer } from "../../app/export-offers.ts";
export type { ExportProgress } from "../../app/make-export.ts";
export type WeightForm = ExportOffer["form"];

/** An archive that is written; it lies in this browser until it is dropped, or until another visit. */
export interface MadeExport {
  /** Names it among those that lie there. */
  readonly id: string;
  readonly file: File;
  readonly check: ExportCheck;
}

export interface ExportApi {
  /** The forms of a checkpoint's weights (the newest where `step` is undefined) with their sizes. */
  exportOffers(id: string, step: number | undefined): Promise<readonly ExportOffer[]>;
  /** Writes one form and checks it; one at a time. Undefined when it was stopped: nothing is left then. */
  makeExport(
    form: WeightForm,
    id: string,
    step: number | undefined,
    onProgress: (progress: ExportProgress) => void,
  ): Promise<MadeExport | undefined>;
  stopExport(): Promise<void>;
  /** Forgets an archive; nothing where there is no such one. */
  dropExport(id: string): Promise<void>;
}
