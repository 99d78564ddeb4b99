// One line on whether ONNX Runtime makes the same of the loaded model as the engine here: under way with a way out, agreed, or a
// warning that the person must accept before training. Nothing for models that do not come from an ONNX file.

import { css, html, LitElement, nothing, type TemplateResult } from "lit";

import type { Verdict } from "../worker/api.ts";
import "./gradus-notice.ts";
import "./gradus-progress.ts";
import { icon } from "./icons.ts";
import type { Session } from "./session.ts";
import { SessionController } from "./session.ts";
import { baseStyles, buttonStyles } from "./styles.ts";

export class GradusJudge extends LitElement {
  static override properties = { session: { attribute: false } };

  declare session: Session;

  static override styles = [
    baseStyles,
    buttonStyles,
    css`
      .under-way {
        display: flex;
        align-items: center;
        gap: 16px;
      }
      gradus-progress {
        flex: 1;
        max-width: 420px;
      }
      .agrees {
        display: flex;
        gap: 6px;
        color: var(--text-quiet);
      }
      .agrees svg.icon {
        margin-top: 2px;
        color: var(--positive);
      }
      gradus-notice {
        margin-top: 8px;
      }
      label {
        display: flex;
        align-items: center;
        gap: 6px;
        min-height: 24px;
        white-space: nowrap;
      }
    `,
  ];

  constructor() {
    super();
    new SessionController(this);
  }

  override render(): TemplateResult | typeof nothing {
    const { judgement } = this.session.state;
    if (!judgement) return nothing;
    if ("stage" in judgement) return this.#underWay(judgement.stage);
    const { verdict, isAccepted } = judgement;
    if (verdict.kind === "agrees")
      return html`<p class="agrees" role="status">${icon("check")}<span>${verdict.message}</span></p>`;
    return this.#warning(verdict, isAccepted);
  }

  #underWay(stage: string): TemplateResult {
    return html`
      <div class="under-way">
        <gradus-progress label=${stage}></gradus-progress>
        <button class="plain" @click=${() => void this.session.judge.skip()}>Skip</button>
      </div>
    `;
  }

  #warning({ kind, message }: Verdict, isAccepted: boolean): TemplateResult {
    return html`
      <gradus-notice tone=${kind === "differs" ? "error" : "warning"}>
        ${message}
        <label slot="actions">
          <input
            type="checkbox"
            .checked=${isAccepted}
            @change=${({ target }: Event) => this.session.judge.accept((target as HTMLInputElement).checked)}
          />
          Train anyway
        </label>
      </gradus-notice>
    `;
  }
}

customElements.define("gradus-judge", GradusJudge);

declare global {
  interface HTMLElementTagNameMap {
    "gradus-judge": GradusJudge;
  }
}
