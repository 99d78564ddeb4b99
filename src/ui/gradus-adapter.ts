// What a run goes on from, in the model's card: the adapter that was dropped, what is to be known of it, and the button that
// removes it. Dispatches nothing; asks the session.

import { css, html, LitElement, nothing, type TemplateResult } from "lit";

import type { AdapterSummary } from "../worker/api.ts";
import { formatBytes } from "./format.ts";
import "./gradus-notice.ts";
import type { Session } from "./session.ts";
import { isUnderWay, SessionController } from "./session.ts";
import { factStyles } from "./setup-styles.ts";
import { baseStyles, buttonStyles } from "./styles.ts";

const MODEL = "actor_rollout_ref.model";

export class GradusAdapter extends LitElement {
  static override properties = { session: { attribute: false } };

  declare session: Session;

  static override styles = [
    baseStyles,
    buttonStyles,
    factStyles,
    css`
      :host {
        display: flex;
        flex-direction: column;
        gap: 12px;
      }
    `,
  ];

  constructor() {
    super();
    new SessionController(this);
  }

  override render(): TemplateResult | typeof nothing {
    const { model, run } = this.session.state;
    const adapter = model?.adapter;
    if (!adapter) return nothing;
    return html`
      <dl>
        <dt>Adapter</dt>
        <dd>Goes on from ${adapterWords(adapter)}. Rank, alpha and modules are its own.</dd>
        <dt>Its files</dt>
        <dd>
          ${adapter.files.map(
            ({ name, bytes }) =>
              html`<span class="file">${name} <span class="number quiet">${formatBytes(bytes)}</span></span>`,
          )}
        </dd>
      </dl>
      ${adapter.notices.map((notice) => html`<gradus-notice tone="warning">${notice}</gradus-notice>`)}
      <button class="plain back" ?disabled=${isUnderWay(run)} @click=${this.#remove}>
        Remove the adapter
      </button>
    `;
  }

  #remove = (): void => void this.session.models.removeAdapter();
}

/** "step 12, rank 16, alpha 32, q_proj v_proj, F32". */
function adapterWords({ settings, types, step }: AdapterSummary): string {
  const { [`${MODEL}.lora_rank`]: rank, [`${MODEL}.lora_alpha`]: alpha } = settings;
  const targets = settings[`${MODEL}.target_modules`].join(" ");
  const taken = step === undefined ? [] : [`step ${step}`];
  return [...taken, `rank ${rank}`, `alpha ${alpha}`, targets, types.join(" and ")].join(", ");
}

customElements.define("gradus-adapter", GradusAdapter);

declare global {
  interface HTMLElementTagNameMap {
    "gradus-adapter": GradusAdapter;
  }
}
