// The live check of this browser: adapter and what it offers, or why there is none. What is asked, and what the answers
// mean, is in device-report.ts.

import { css, html, LitElement, nothing, type TemplateResult } from "lit";

import { inspectDevice, type DeviceReport, type Fact } from "./device-report.ts";

export class GradusDevice extends LitElement {
  static override properties = { report: { attribute: false } };

  declare report: DeviceReport;

  static override styles = css`
    :host {
      display: block;
      padding: 24px;
      border: 1px solid var(--line);
      border-radius: var(--radius);
      background: var(--surface);
    }
    h2 {
      margin: 0 0 4px;
      font-size: var(--size-13);
      font-weight: 500;
      color: var(--text-quiet);
    }
    .name {
      margin: 0;
      font-size: var(--size-20);
      font-weight: 600;
      line-height: 1.35;
      overflow-wrap: anywhere;
    }
    .state {
      margin: 8px 0 0;
      font-size: var(--size-13);
      line-height: 1.5;
    }
    .good {
      color: var(--good);
    }
    .warning {
      color: var(--warning);
    }
    dl {
      margin: 20px 0 0;
    }
    .fact {
      display: grid;
      grid-template-columns: 1fr auto;
      gap: 0 16px;
      padding: 12px 0;
      border-top: 1px solid var(--line);
    }
    .fact:last-child {
      padding-bottom: 0;
    }
    dt,
    dd {
      margin: 0;
      font-size: var(--size-13);
    }
    .value {
      font-family: var(--mono);
      font-variant-numeric: tabular-nums;
      text-align: end;
    }
    .gloss {
      grid-column: 1 / -1;
      color: var(--text-quiet);
      font-size: var(--size-12);
      line-height: 1.5;
    }
  `;

  constructor() {
    super();
    this.report = { state: "checking" };
  }

  override connectedCallback(): void {
    super.connectedCallback();
    void inspectDevice().then((report) => (this.report = report));
  }

  override render(): TemplateResult {
    return html`
      <section aria-labelledby="title">
        <h2 id="title">This browser</h2>
        <div aria-live="polite">${this.#answer()}</div>
      </section>
    `;
  }

  #answer(): TemplateResult {
    const { report } = this;
    if (report.state === "checking") return html`<p class="name">Looking for a GPU</p>`;
    if (report.state === "missing") {
      return html`
        <p class="name">No GPU to train on</p>
        <p class="state"><span class="warning">${report.reason}</span> ${report.remedy}</p>
      `;
    }
    return html`
      <p class="name">${report.name}</p>
      ${
        report.isSoftware
          ? html`<p class="state warning">A software adapter: correct, but too slow to train with.</p>`
          : html`<p class="state good">It can run the policy engine.</p>`
      }
      ${report.facts.length > 0 ? html`<dl>${report.facts.map(factRow)}</dl>` : nothing}
    `;
  }
}

const factRow = ({ name, value, gloss }: Fact): TemplateResult => html`
  <div class="fact">
    <dt>${name}</dt>
    <dd class="value">${value}</dd>
    <dd class="gloss">${gloss}</dd>
  </div>
`;

customElements.define("gradus-device", GradusDevice);

declare global {
  interface HTMLElementTagNameMap {
    "gradus-device": GradusDevice;
  }
}
