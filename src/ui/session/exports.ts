// Trained weights on their way out: what there is, making one, and handing it to the person.

import type { ExportOffer, ExportProgress, MadeExport, WeightForm } from "../../worker/api.ts";
import { saveLargeFile } from "../save-file.ts";
import type { SessionCore } from "./core.ts";

/** Which checkpoint of which run; the newest where there is no step. */
export interface CheckpointPlace {
  readonly runId: string;
  readonly step: number | undefined;
}

export class SessionExports {
  readonly #core: SessionCore;

  constructor(core: SessionCore) {
    this.#core = core;
  }

  /** Rejects with a sentence, as `make` does. */
  offers({ runId, step }: CheckpointPlace): Promise<readonly ExportOffer[]> {
    return this.#core.worker.exportOffers(runId, step);
  }

  /** Undefined when it was stopped. */
  async make(
    form: WeightForm,
    { runId, step }: CheckpointPlace,
    onProgress: (progress: ExportProgress) => void,
  ): Promise<MadeExport | undefined> {
    const made = await this.#core.worker.makeExport(form, runId, step, onProgress);
    await this.#core.refreshDevice();
    return made;
  }

  stop = (): Promise<void> => this.#core.worker.stopExport();

  /** Hands the file out; what was copied to its place is forgotten here. */
  async save({ file }: MadeExport): ReturnType<typeof saveLargeFile> {
    const how = await saveLargeFile(file);
    if (how === "copied") await this.#core.worker.dropExport();
    return how;
  }
}
