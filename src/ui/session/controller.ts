// What joins an element to the session that it shows.

import type { ReactiveController, ReactiveControllerHost } from "lit";

import type { Session } from "../session.ts";

/** Renders its element again whenever the session changes. */
export class SessionController implements ReactiveController {
  readonly #host: ReactiveControllerHost & { readonly session: Session };
  readonly #changed = (): void => this.#host.requestUpdate();

  constructor(host: ReactiveControllerHost & { readonly session: Session }) {
    this.#host = host;
    host.addController(this);
  }

  hostConnected(): void {
    this.#host.session.addEventListener("change", this.#changed);
  }

  hostDisconnected(): void {
    this.#host.session.removeEventListener("change", this.#changed);
  }
}
