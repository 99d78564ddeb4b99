// What every part of the session stands on: the state, the worker, and how a failure becomes a sentence on the page.

import { messageOf } from "../../common/error-words.ts";
import { configWith } from "../../rl/config.ts";
import { PRESETS } from "../../rl/presets/index.ts";
import type { WorkerApi } from "../../worker/api.ts";
import { followAdapter, lastingConfig } from "./follow-adapter.ts";
import { keepSetup, keptSetup } from "./kept-setup.ts";
import type { Concern, SessionState } from "./state.ts";

export const FIRST_PRESET = PRESETS[0]!;

/** Tells of every change of `state` with the event "change". */
export class SessionCore extends EventTarget {
  readonly worker: WorkerApi;
  state: SessionState = {
    place: "setup",
    ...(keptSetup() ?? { presetId: FIRST_PRESET.id, config: configWith(FIRST_PRESET.values) }),
    kept: {},
    runs: [],
    hub: { cached: [], isAsking: false },
    errors: {},
    busy: {},
  };

  constructor(worker: WorkerApi) {
    super();
    this.worker = worker;
  }

  set(patch: Partial<SessionState>): void {
    const next = { ...this.state, ...patch };
    const changesConfig = patch.config !== undefined || patch.model !== undefined;
    this.state = changesConfig ? { ...next, config: followAdapter(this.state, next) } : next;
    if (patch.config) keepSetup({ ...this.state, config: lastingConfig(this.state) });
    this.dispatchEvent(new Event("change"));
  }

  /** Takes `key` out of the state. */
  forget(key: "modelProgress" | "run"): void {
    const { [key]: _, ...state } = this.state;
    this.state = state;
    this.set({});
  }

  dismiss(concern: Concern): void {
    const { [concern]: _, ...errors } = this.state.errors;
    this.set({ errors });
  }

  /** Runs `work`; a failure becomes the sentence of `concern`. */
  async attempt(concern: Concern, work: () => Promise<void>): Promise<void> {
    this.dismiss(concern);
    this.set({ busy: { ...this.state.busy, [concern]: true } });
    try {
      await work();
    } catch (error) {
      const message = messageOf(error);
      this.set({ errors: { ...this.state.errors, [concern]: message } });
    } finally {
      this.set({ busy: { ...this.state.busy, [concern]: false } });
    }
  }

  /** Memory in use changes when a run begins and ends. */
  async refreshDevice(): Promise<void> {
    this.set({ device: await this.worker.device() });
  }
}
