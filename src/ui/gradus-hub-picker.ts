// A model by the name of its repository on the Hugging Face hub: what it offers, one button a form, and what was fetched
// before. The hub's address can be another one, such as a mirror's.

import { css, html, LitElement, nothing, type TemplateResult } from "lit";

import type { HubOffer } from "../worker/api.ts";
import { formatBytes } from "./format.ts";
import "./gradus-notice.ts";
import type { Session } from "./session.ts";
import { isUnderWay, SessionController } from "./session.ts";
import { baseStyles, buttonStyles, inputStyles } from "./styles.ts";

const HUB = "https://huggingface.co";
const HUB_KEY = "gradus-hub";
const SUGGESTED = ["Qwen/Qwen2.5-0.5B-Instruct", "onnx-community/Qwen2.5-0.5B-Instruct"];

export class GradusHubPicker extends LitElement {
  static override properties = {
    session: { attribute: false },
    offer: { state: true },
    cached: { state: true },
    error: { state: true },
    isAsking: { state: true },
  };

  declare session: Session;
  declare offer: HubOffer | undefined;
  declare cached: readonly HubOffer[];
  declare error: string | undefined;
  declare isAsking: boolean;

  static override styles = [
    baseStyles,
    buttonStyles,
    inputStyles,
    css`
      :host {
        display: flex;
        flex-direction: column;
        gap: 8px;
        font-size: var(--size-13);
        line-height: 20px;
      }
      form {
        display: flex;
        gap: 8px;
      }
      form button {
        flex: none;
      }
      .suggested {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: 0 4px;
        margin: -4px 0;
        color: var(--text-quiet);
        font-size: var(--size-12);
      }
      .suggested button {
        min-height: 24px;
        padding: 0 4px;
        font-size: var(--size-12);
      }
      ul {
        margin: 0;
        padding: 0;
        list-style: none;
      }
      li {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: 4px 12px;
        padding: 4px 0;
        border-top: 1px solid var(--line);
      }
      li .what {
        flex: 1 1 24ch;
        overflow-wrap: anywhere;
      }
      h3 {
        margin: 4px 0 0;
        font-size: var(--size-12);
        font-weight: 500;
        color: var(--text-quiet);
      }
      details {
        font-size: var(--size-12);
        color: var(--text-quiet);
      }
      summary {
        cursor: pointer;
      }
    `,
  ];

  constructor() {
    super();
    this.cached = [];
    this.isAsking = false;
    new SessionController(this);
  }

  override connectedCallback(): void {
    super.connectedCallback();
    void this.#refresh();
  }

  override render(): TemplateResult {
    const { modelProgress } = this.session.state;
    return html`
      <form @submit=${this.#submit}>
        <input
          id="repository"
          type="text"
          aria-label="Hugging Face repository"
          placeholder="Or a Hugging Face repository, like ${SUGGESTED[0]}"
          autocomplete="off"
          spellcheck="false"
          ?disabled=${this.#isLocked()}
        />
        <button type="submit" ?disabled=${this.#isLocked() || this.isAsking}>Look up</button>
      </form>
      <div class="suggested">
        Try
        ${SUGGESTED.map(
          (id) =>
            html`<button class="plain" ?disabled=${this.#isLocked()} @click=${() => this.#ask(id)}>
              ${id}
            </button>`,
        )}
      </div>
      ${
        modelProgress?.isBytes
          ? html`<button class="plain" @click=${() => void this.session.models.stopFetching()}>
              Stop fetching; what has come is kept
            </button>`
          : nothing
      }
      ${
        this.error
          ? html`<gradus-notice tone="error" .dismiss=${() => (this.error = undefined)}
              >${this.error}</gradus-notice
            >`
          : nothing
      }
      ${this.offer ? this.#offered(this.offer) : nothing} ${this.#cached()}
      <details>
        <summary>Hub</summary>
        <input
          id="hub"
          type="url"
          aria-label="Address of the hub"
          .value=${hubUrl()}
          ?disabled=${this.#isLocked()}
          @change=${({ target }: Event) => keepHub((target as HTMLInputElement).value)}
        />
      </details>
    `;
  }

  #offered(offer: HubOffer): TemplateResult {
    const { repository, variants } = offer;
    return html`
      <h3>${repository}</h3>
      <ul>
        ${variants.map(
          ({ id, label, bytes }) =>
            html`<li>
              <span class="what">${label}</span>
              <span class="number">${formatBytes(bytes)}</span>
              <button ?disabled=${this.#isLocked()} @click=${() => this.#load(offer, id)}>
                Fetch and load
              </button>
            </li>`,
        )}
      </ul>
    `;
  }

  #cached(): TemplateResult | typeof nothing {
    if (this.cached.length === 0) return nothing;
    return html`
      <h3>Fetched before, in this browser</h3>
      <ul>
        ${this.cached.map((offer) => this.#cachedModel(offer))}
      </ul>
    `;
  }

  #cachedModel(offer: HubOffer): TemplateResult {
    const { repository, variants, cachedBytes = 0 } = offer;
    return html`<li>
      <span class="what">${repository}</span>
      <span class="number">${formatBytes(cachedBytes)}</span>
      ${variants.map(
        ({ id, label }) =>
          html`<button ?disabled=${this.#isLocked()} @click=${() => this.#load(offer, id)}>
            Load ${label}
          </button>`,
      )}
      ${
        variants.length === 0
          ? html`<button ?disabled=${this.#isLocked()} @click=${() => this.#ask(repository)}>
              Go on fetching
            </button>`
          : nothing
      }
      <button
        class="plain"
        aria-label=${`Remove ${repository}`}
        ?disabled=${this.#isLocked()}
        @click=${() => void this.#remove(offer)}
      >
        Remove
      </button>
    </li>`;
  }

  #isLocked(): boolean {
    const { run, busy, device } = this.session.state;
    return !device || isUnderWay(run) || busy.model === true;
  }

  #submit = (event: Event): void => {
    event.preventDefault();
    const text = this.renderRoot.querySelector<HTMLInputElement>("#repository")!.value;
    if (text.trim() !== "") void this.#ask(text);
  };

  async #ask(text: string): Promise<void> {
    this.isAsking = true;
    this.error = undefined;
    this.offer = undefined;
    try {
      this.offer = await this.session.models.hubOffer(text, hubUrl());
    } catch (error) {
      this.error = error instanceof Error ? error.message : String(error);
    } finally {
      this.isAsking = false;
    }
  }

  async #load(offer: HubOffer, variant: string): Promise<void> {
    await this.session.models.useHub(offer, variant, hubUrl());
    await this.#refresh();
  }

  async #remove(offer: HubOffer): Promise<void> {
    await this.session.models.removeCached(offer);
    await this.#refresh();
  }

  async #refresh(): Promise<void> {
    this.cached = await this.session.models.cached();
  }
}

/** Where models are fetched from; a browser may refuse to keep it. */
function hubUrl(): string {
  try {
    return localStorage.getItem(HUB_KEY) ?? HUB;
  } catch {
    return HUB;
  }
}

function keepHub(url: string): void {
  try {
    if (url.trim() === "" || url === HUB) localStorage.removeItem(HUB_KEY);
    else localStorage.setItem(HUB_KEY, url.trim());
  } catch {
    // It counts until the page is closed then, at most.
  }
}

customElements.define("gradus-hub-picker", GradusHubPicker);

declare global {
  interface HTMLElementTagNameMap {
    "gradus-hub-picker": GradusHubPicker;
  }
}
