// How much of the GPU runs may take, in GiB: browsers do not tell a page, so the person can. Empty: nobody knows, and only what
// the device allows in one piece is checked before the load.

import { css, html, LitElement, type TemplateResult } from "lit";

import type { Session } from "./session.ts";
import { SessionController } from "./session.ts";
import { baseStyles, inputStyles } from "./styles.ts";

const GIB = 2 ** 30;

export class GradusGpuMemory extends LitElement {
  static override properties = { session: { attribute: false } };

  declare session: Session;

  static override styles = [
    baseStyles,
    inputStyles,
    css`
      :host {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: 4px 8px;
      }
      /* As wide as four digits. */
      input#memory.number {
        width: 72px;
        min-height: 28px;
      }
    `,
  ];

  constructor() {
    super();
    new SessionController(this);
  }

  override render(): TemplateResult {
    const bytes = this.session.state.device?.memoryBytes;
    return html`<label for="memory">GPU memory for runs</label>
      <input
        id="memory"
        class="number"
        type="number"
        min="0"
        step="any"
        placeholder="?"
        .value=${bytes === undefined ? "" : String(Number((bytes / GIB).toFixed(2)))}
        @change=${this.#change}
      />
      <span>GiB</span>`;
  }

  #change = ({ target }: Event): void => {
    const gib = (target as HTMLInputElement).valueAsNumber;
    void this.session.setGpuMemory(gib > 0 ? gib * GIB : undefined);
  };
}

customElements.define("gradus-gpu-memory", GradusGpuMemory);

declare global {
  interface HTMLElementTagNameMap {
    "gradus-gpu-memory": GradusGpuMemory;
  }
}
