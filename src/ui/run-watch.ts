// What the page owes a run while it goes on: the screen stays awake, a hidden page saves, leaving asks first, and the space
// bar pauses. A controller of the app; decides nothing about the run itself.

import type { ReactiveController, ReactiveControllerHost } from "lit";

import { isUnderWay, type Session } from "./session.ts";

/** States in which something is lost when the page goes away at once. */
const isMoving = (session: Session): boolean =>
  isUnderWay(session.state.run) && session.state.run?.state !== "paused";

export class RunWatch implements ReactiveController {
  readonly #session: Session;
  readonly #listening = new AbortController();
  #lock: WakeLockSentinel | undefined;
  #isAsking = false;

  constructor(host: ReactiveControllerHost, session: Session) {
    this.#session = session;
    host.addController(this);
  }

  hostConnected(): void {
    const { signal } = this.#listening;
    this.#session.addEventListener("change", () => void this.#keepAwake(), { signal });
    document.addEventListener("visibilitychange", this.#onVisibility, { signal });
    window.addEventListener("beforeunload", this.#onLeave, { signal });
    window.addEventListener("keydown", this.#onKey, { signal });
  }

  hostDisconnected(): void {
    this.#listening.abort();
  }

  /** Holds the screen's wake lock while a run moves. A refusal (battery saver, no support) changes nothing else. */
  async #keepAwake(): Promise<void> {
    const isWanted = isMoving(this.#session) && document.visibilityState === "visible";
    if (!isWanted) {
      const lock = this.#lock;
      this.#lock = undefined;
      await lock?.release();
      return;
    }
    if (this.#isAsking || (this.#lock && !this.#lock.released)) return;
    this.#isAsking = true;
    // The types promise `wakeLock`; browsers do not.
    const wakeLock = navigator.wakeLock as WakeLock | undefined;
    this.#lock = await wakeLock?.request("screen").catch(() => undefined);
    this.#isAsking = false;
    if (!isMoving(this.#session)) void this.#keepAwake();
  }

  #onVisibility = (): void => {
    if (document.visibilityState === "hidden") {
      if (isMoving(this.#session)) void this.#session.runs.saveSoon();
    } else {
      void this.#keepAwake();
    }
  };

  #onLeave = (event: BeforeUnloadEvent): void => {
    if (isMoving(this.#session)) event.preventDefault();
  };

  /** Space pauses and continues on Run, where no control has the focus. */
  #onKey = (event: KeyboardEvent): void => {
    const { run, place } = this.#session.state;
    const target = event.composedPath()[0];
    const isOnPage = target instanceof HTMLElement && ["BODY", "HTML", "MAIN"].includes(target.tagName);
    if (event.code !== "Space" || event.repeat || place !== "run" || !isOnPage) return;
    if (run?.state === "running") void this.#session.runs.pause();
    else if (run?.state === "paused") void this.#session.runs.proceed();
    else return;
    event.preventDefault();
  };
}
