// Trained weights on their way out: what there is, making one form, and handing it to the person. What was asked for last is
// part of the session, so that it goes on, and is found again, whatever place of the page is open.

import { messageOf, wordsOf } from "../../common/error-words.ts";
import type { ExportOffer, ExportProgress, MadeExport, WeightForm } from "../../worker/api.ts";
import { saveLargeFile } from "../save-file.ts";
import type { SessionCore } from "./core.ts";

/** Which checkpoint of which run; the newest where there is no step. */
export interface CheckpointPlace {
  readonly runId: string;
  readonly step: number | undefined;
}

/** The form that was asked for last, and how far it is. */
export interface AskedExport extends CheckpointPlace {
  readonly form: WeightForm;
  readonly progress?: ExportProgress;
  /** The archive, until it lies where the person wanted it. */
  readonly made?: MadeExport | undefined;
  readonly isSaving?: boolean;
  /** The browser may still be reading the archive. */
  readonly isHanded?: boolean;
  /** What was found of an archive that lies where the person wanted it. */
  readonly saved?: string;
  /** Why it was not made, or not saved. */
  readonly error?: string | undefined;
}

/** So long may a browser read what was handed to it, as in save-file.ts. */
const HANDED_MS = 60_000;

export class SessionExports {
  readonly #core: SessionCore;

  constructor(core: SessionCore) {
    this.#core = core;
  }

  /** Rejects with a sentence. */
  offers({ runId, step }: CheckpointPlace): Promise<readonly ExportOffer[]> {
    return this.#core.worker.exportOffers(runId, step);
  }

  /** What was asked for last of a checkpoint. */
  of({ runId, step }: CheckpointPlace): AskedExport | undefined {
    const { exported } = this.#core.state;
    return exported?.runId === runId && exported.step === step ? exported : undefined;
  }

  /** Whether one is being made: there is one at a time. */
  get isMaking(): boolean {
    const { progress, made, saved, error } = this.#core.state.exported ?? {};
    return progress !== undefined && !made && saved === undefined && error === undefined;
  }

  /** Whether no other can be made now. */
  get isBusy(): boolean {
    return this.isMaking || this.#core.state.exported?.isSaving === true;
  }

  /** The step of a run's newest checkpoint, as far as the page knows. */
  newestStep(runId: string): number | undefined {
    const { run, runs } = this.#core.state;
    const kept = runs.find(({ id }) => id === runId)?.checkpoints.map(({ step }) => step) ?? [];
    const steps = run?.id === runId && run.lastCheckpoint ? [...kept, run.lastCheckpoint.step] : kept;
    return steps.length > 0 ? Math.max(...steps) : undefined;
  }

  /** Makes a form in the place of what was asked for before. */
  async make(form: WeightForm, { runId, step }: CheckpointPlace): Promise<void> {
    if (this.isBusy) return;
    const former = this.#core.state.exported;
    const asked: AskedExport = { runId, step, form };
    const tell = (progress: ExportProgress): void => {
      if (this.isMaking && this.of(asked)?.form === form) this.#show({ ...asked, progress });
    };
    this.#show({ ...asked, progress: { phase: "write", done: 0, total: 0 } });
    try {
      await this.#letGo(former);
      const made = await this.#core.worker.makeExport(form, runId, step, tell);
      this.#show(made && { ...asked, made });
    } catch (error) {
      this.#show({ ...asked, error: messageOf(error) });
    }
    await this.#core.attempt("device", () => this.#core.refreshDevice());
  }

  stop = (): Promise<void> => this.#core.worker.stopExport();

  /** Hands out what was made; what was copied to its place is forgotten here. To be called right after a click. */
  async save(): Promise<void> {
    const asked = this.#core.state.exported;
    if (!asked?.made || asked.isSaving) return;
    const { made } = asked;
    this.#show({ ...asked, error: undefined, isSaving: true });
    try {
      const how = await saveLargeFile(made.file);
      if (how === "copied") {
        await this.#drop(made);
        this.#show({ ...asked, error: undefined, made: undefined, saved: made.check.message });
      } else this.#show({ ...asked, error: undefined, ...(how === "handed" && { isHanded: true }) });
    } catch (error) {
      const why = wordsOf(error);
      const rest = "It is still here: free disk space or choose another place, then save it again.";
      this.#show({ ...asked, error: `The file was not saved: ${why}. ${rest}` });
    }
  }

  /** Forgets an archive to make room for another, once the browser has read it. */
  async #letGo({ made, isHanded = false }: Partial<AskedExport> = {}): Promise<void> {
    if (!made) return;
    if (isHanded) setTimeout(() => void this.#drop(made), HANDED_MS);
    else await this.#drop(made);
  }

  /** What cannot be removed now is cleared away at the next visit. */
  #drop = ({ id }: MadeExport): Promise<void> => this.#core.worker.dropExport(id).catch(() => {});

  #show(exported: AskedExport | undefined): void {
    this.#core.set({ exported });
  }
}
