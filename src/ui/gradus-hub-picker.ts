// A model by the name of its repository on the Hugging Face hub: what it has, and what was fetched before. The hub's address can
// be another one, such as a mirror's. What can be done with a model is gradus-hub-model.ts's.

import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";

import type { HubModel } from "../worker/api.ts";
import "./gradus-gpu-memory.ts";
import "./gradus-hub-model.ts";
import "./gradus-notice.ts";
import type { Session } from "./session.ts";
import { SessionController } from "./session.ts";
import { hubUrl, isSameModel, keepHubUrl } from "./session/hub.ts";
import { baseStyles, buttonStyles, inputStyles } from "./styles.ts";

const SUGGESTED = ["Qwen/Qwen2.5-0.5B-Instruct", "onnx-community/Qwen2.5-0.5B-Instruct"];

export class GradusHubPicker extends LitElement {
  static override properties = { session: { attribute: false } };

  declare session: Session;

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
      h2 {
        margin-top: 8px;
        font-size: var(--size-12);
        font-weight: 500;
        color: var(--text-quiet);
      }
      .memory {
        display: flex;
        flex-wrap: wrap;
        gap: 0 12px;
        align-items: center;
        color: var(--text-quiet);
        font-size: var(--size-12);
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
    new SessionController(this);
  }

  override connectedCallback(): void {
    super.connectedCallback();
    void this.session.hub.refresh();
  }

  override render(): TemplateResult {
    const { hub, device } = this.session.state;
    const isOff = !device || hub.isAsking;
    return html`
      <form @submit=${this.#submit}>
        <input
          id="repository"
          type="text"
          aria-label="Hugging Face repository"
          placeholder="Or a Hugging Face repository, like ${SUGGESTED[0]}"
          autocomplete="off"
          spellcheck="false"
        />
        <button type="submit" ?disabled=${isOff}>Look up</button>
      </form>
      <div class="suggested">
        Try
        ${SUGGESTED.map(
          (id) =>
            html`<button class="plain" ?disabled=${isOff} @click=${() => void this.session.hub.lookUp(id)}>
              ${id}
            </button>`,
        )}
      </div>
      ${
        hub.problem
          ? html`<gradus-notice tone="error" .dismiss=${this.session.hub.dismiss}
              >${hub.problem}</gradus-notice
            >`
          : nothing
      }
      ${this.#models()}
      <details>
        <summary>Hub</summary>
        <input
          id="hub"
          type="url"
          aria-label="Address of the hub"
          .value=${hubUrl()}
          @change=${({ target }: Event) => keepHubUrl((target as HTMLInputElement).value)}
        />
      </details>
    `;
  }

  #models(): TemplateResult | typeof nothing {
    const { found, cached } = this.session.state.hub;
    const others = cached.filter((model) => !found || !isSameModel(model, found));
    if (!found && others.length === 0) return nothing;
    return html`
      ${found ? this.#model(found) : nothing}
      ${others.length > 0 ? html`<h2>Fetched before, in this browser</h2>` : nothing}
      ${repeat(
        others,
        ({ repository, revision }) => `${repository}@${revision}`,
        (model) => this.#model(model),
      )}
      <div class="memory">
        <gradus-gpu-memory .session=${this.session}></gradus-gpu-memory>
        <span>Browsers do not tell a page how much there is.</span>
      </div>
    `;
  }

  #model = (model: HubModel): TemplateResult =>
    html`<gradus-hub-model .session=${this.session} .model=${model}></gradus-hub-model>`;

  #submit = (event: Event): void => {
    event.preventDefault();
    const text = this.renderRoot.querySelector<HTMLInputElement>("#repository")!.value;
    if (text.trim() !== "") void this.session.hub.lookUp(text);
  };
}

customElements.define("gradus-hub-picker", GradusHubPicker);

declare global {
  interface HTMLElementTagNameMap {
    "gradus-hub-picker": GradusHubPicker;
  }
}
