// What became of a verl configuration: what nobody knows first, then what was not taken, then what is kept for a cluster, and
// folded away what was simply applied.

import { css, html, LitElement, nothing, type TemplateResult } from "lit";

import { fieldOf } from "../rl/config.ts";
import type { VerlImport } from "../worker/api.ts";
import { clusterGroups, importLine, settingText } from "./import-words.ts";
import { baseStyles } from "./styles.ts";

export class GradusImportReport extends LitElement {
  static override properties = { imported: { attribute: false } };

  declare imported: VerlImport;

  static override styles = [
    baseStyles,
    css`
      :host {
        display: grid;
        gap: 12px;
      }
      section,
      details {
        padding-left: 12px;
        border-left: 2px solid var(--line-strong);
      }
      section.unknown {
        border-left-color: var(--warning);
      }
      h3,
      summary {
        color: var(--text-quiet);
        font-size: var(--size-12);
        font-weight: 500;
        line-height: 20px;
      }
      summary {
        cursor: pointer;
      }
      ul {
        display: grid;
        gap: 6px;
        max-height: 240px;
        padding: 0;
        margin: 2px 0 0;
        overflow: auto;
        list-style: none;
      }
      li {
        overflow-wrap: anywhere;
      }
      .number {
        font-size: var(--size-12);
      }
    `,
  ];

  override render(): TemplateResult {
    const { refused, notes } = this.imported;
    const unknown = refused.filter(({ kind }) => kind === "unknown");
    const others = refused.filter(({ kind }) => kind !== "unknown");
    return html`
      <p>${importLine(this.imported)}</p>
      ${this.#part("Unknown", unknown.map(refusalRow), "unknown")}
      ${this.#part("Not taken", others.map(refusalRow))}
      ${this.#part("Kept for a cluster, and written back when you save", clusterGroups(this.imported).map(clusterRow))}
      ${this.#part(
        "Understood in its own way",
        notes.map((note) => html`<li>${note}</li>`),
      )}
      ${this.#applied()}
    `;
  }

  #part(
    title: string,
    rows: readonly TemplateResult[],
    kind: "" | "unknown" = "",
  ): TemplateResult | typeof nothing {
    if (rows.length === 0) return nothing;
    return html`<section class=${kind}>
      <h3>${title}</h3>
      <ul tabindex="0" aria-label=${title}>
        ${rows}
      </ul>
    </section>`;
  }

  #applied(): TemplateResult | typeof nothing {
    const { applied, config } = this.imported;
    if (applied.length === 0) return nothing;
    return html`<details>
      <summary>Applied</summary>
      <ul tabindex="0" aria-label="Applied">
        ${applied.map(
          (key) =>
            html`<li>
              ${fieldOf(key).label}
              <span class="number quiet">${settingText(key, config[key])}</span>
            </li>`,
        )}
      </ul>
    </details>`;
  }
}

const refusalRow = ({ key, value, why, stays }: VerlImport["refused"][number]): TemplateResult =>
  html`<li>
    <span class="number">${settingText(key, value)}</span><br />${why}
    ${stays === undefined ? nothing : `It stays ${JSON.stringify(stays)}.`}
  </li>`;

const clusterRow = ([about, keys]: [string, string[]]): TemplateResult =>
  html`<li>${about} <span class="number quiet">${keys.join(", ")}</span></li>`;

customElements.define("gradus-import-report", GradusImportReport);

declare global {
  interface HTMLElementTagNameMap {
    "gradus-import-report": GradusImportReport;
  }
}
