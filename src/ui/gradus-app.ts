// The frame of the page: top bar, rail, and the place that is open. Starts the worker and the session; what a place shows
// is its own element, and those that are not needed at first are fetched when they are.

import { css, html, LitElement, nothing, type PropertyValues, type TemplateResult } from "lit";

import { openWorker } from "../worker/client.ts";
import "./gradus-notice.ts";
import "./gradus-rail.ts";
import "./gradus-resume.ts";
import "./gradus-setup.ts";
import "./gradus-topbar.ts";
import { RunWatch } from "./run-watch.ts";
import { type Place, PLACES, Session, SessionController } from "./session.ts";
import { baseStyles, buttonStyles } from "./styles.ts";

export class GradusApp extends LitElement {
  static override properties = { hasFailed: { state: true } };

  /** A part of the page could not be fetched. */
  declare hasFailed: boolean;

  readonly session = new Session(openWorker());

  static override styles = [
    baseStyles,
    buttonStyles,
    css`
      :host {
        min-height: 100dvh;
      }
      gradus-topbar {
        position: sticky;
        top: 0;
        z-index: 3;
      }
      .frame {
        display: grid;
        grid-template-columns: var(--rail) minmax(0, 1fr);
      }
      gradus-rail {
        position: sticky;
        top: var(--bar);
        z-index: 2;
        height: var(--place-height);
        border-inline-end: 1px solid var(--line);
        background: var(--ground);
      }
      main:focus-visible {
        outline: none;
      }
      main {
        min-height: var(--place-height);
        outline: none;
      }
      .missing {
        display: flex;
        flex-direction: column;
        align-items: flex-start;
        gap: 12px;
        max-width: 640px;
        margin: 12vh auto 0;
        padding: 0 20px;
      }
      .missing h1 {
        font-size: var(--size-20);
        font-weight: 600;
      }
      @media (max-width: 719px) {
        .frame {
          grid-template-columns: minmax(0, 1fr);
        }
        gradus-rail {
          position: fixed;
          inset: auto 0 0;
          height: var(--nav);
          border: 0;
          border-top: 1px solid var(--line);
        }
        main {
          padding-bottom: var(--nav);
        }
      }
    `,
  ];

  constructor() {
    super();
    this.hasFailed = false;
    new SessionController(this);
    new RunWatch(this, this.session);
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.#followHash();
    window.addEventListener("hashchange", this.#followHash);
    // A file that misses its drop zone must not replace the page, and the run with it.
    window.addEventListener("dragover", refuseDrop);
    window.addEventListener("drop", refuseDrop);
    void this.session.open();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    window.removeEventListener("hashchange", this.#followHash);
    window.removeEventListener("dragover", refuseDrop);
    window.removeEventListener("drop", refuseDrop);
  }

  override render(): TemplateResult {
    const { place } = this.session.state;
    return html`
      <gradus-topbar .session=${this.session}></gradus-topbar>
      <div class="frame">
        <gradus-rail .session=${this.session}></gradus-rail>
        <main tabindex="-1">
          ${place === "run" ? nothing : html`<gradus-resume .session=${this.session}></gradus-resume>`}
          ${this.#place(place)}
        </main>
      </div>
    `;
  }

  protected override updated(_changed: PropertyValues): void {
    const { place } = this.session.state;
    if (placeOf(location.hash) === place) return;
    if (location.hash === "") return history.replaceState(null, "", `#${place}`);
    location.hash = place;
    // The pressed button may be gone; reading and the space bar go on from the new place.
    this.renderRoot.querySelector("main")?.focus({ preventScroll: true });
    window.scrollTo(0, 0);
  }

  #place(place: Place): TemplateResult {
    switch (place) {
      case "setup":
        return this.session.state.errors.device
          ? this.#deviceMissing(this.session.state.errors.device)
          : html`<gradus-setup .session=${this.session}></gradus-setup>`;
      case "run":
        return this.#late(place, html`<gradus-run .session=${this.session}></gradus-run>`);
      case "checkpoints":
        return this.#late(place, html`<gradus-checkpoints .session=${this.session}></gradus-checkpoints>`);
    }
  }

  /** A place that is fetched when it is first opened; drawn once its element is known. */
  #late(place: "run" | "checkpoints", drawn: TemplateResult): TemplateResult {
    if (customElements.get(`gradus-${place}`)) return drawn;
    if (this.hasFailed)
      return html`<div class="missing">
        <h1>This place is missing</h1>
        <gradus-notice tone="error">
          A part of this page could not be fetched, so ${place} cannot be shown. Check the connection and
          reload the page; a run goes on from its last checkpoint.
        </gradus-notice>
      </div>`;
    LATE[place]().then(
      () => this.requestUpdate(),
      () => (this.hasFailed = true),
    );
    return html``;
  }

  #deviceMissing(message: string): TemplateResult {
    const { busy } = this.session.state;
    return html`
      <div class="missing">
        <h1>This browser cannot train yet</h1>
        <p role="alert">${message}</p>
        <p class="quiet">Nothing has been downloaded.</p>
        <button ?disabled=${busy.device} @click=${() => void this.session.open()}>Look again</button>
      </div>
    `;
  }

  #followHash = (): void => {
    const place = placeOf(location.hash);
    if (place && place !== this.session.state.place) this.session.goTo(place);
  };
}

/** What Setup does not need: charts, tables. */
const LATE = {
  run: () => import("./gradus-run.ts"),
  checkpoints: () => import("./gradus-checkpoints.ts"),
} as const;

/** The place that a URL hash names: "#setup". */
const placeOf = (hash: string): Place | undefined => PLACES.find((place) => `#${place}` === hash);

function refuseDrop(event: DragEvent): void {
  if (event.defaultPrevented) return;
  event.preventDefault();
  if (event.dataTransfer) event.dataTransfer.dropEffect = "none";
}

customElements.define("gradus-app", GradusApp);

declare global {
  interface HTMLElementTagNameMap {
    "gradus-app": GradusApp;
  }
}
