// The list of steps, joined by a line that is solid as far as the project has got. Knows no step; they are in
// roadmap.ts.

import { css, html, LitElement, nothing, type TemplateResult } from "lit";

import { STEPS, type Step } from "./roadmap.ts";

export class GradusSteps extends LitElement {
  static override styles = css`
    ol {
      margin: 0;
      padding: 0;
      list-style: none;
    }
    li {
      display: grid;
      grid-template-columns: 32px 1fr;
      padding: 0 0 20px;
      position: relative;
    }
    li:last-child {
      padding-bottom: 0;
    }
    /* The line from one marker to the next; solid only between steps that are here. */
    li:not(:last-child)::before {
      content: "";
      position: absolute;
      inset: 20px auto -4px 7.25px;
      border-inline-start: 1.5px dashed var(--line);
    }
    li.here:not(:last-child)::before {
      border-inline-start: 1.5px solid var(--accent);
    }
    .marker {
      width: 13px;
      height: 13px;
      margin-top: 5px;
      box-sizing: content-box;
      border: 1.5px solid var(--text-quiet);
      border-radius: 50%;
      background: var(--ground);
    }
    .here .marker {
      border-color: var(--accent);
      background: var(--accent);
    }
    .next .marker {
      border-color: var(--accent);
    }
    h3 {
      display: inline;
      margin: 0 8px 0 0;
      font-size: var(--size-15);
      font-weight: 600;
    }
    .state {
      position: relative;
      top: -1px;
      padding: 1px 8px;
      border-radius: 10px;
      font-size: var(--size-12);
      color: var(--text-quiet);
      border: 1px solid var(--line);
    }
    .here .state {
      color: var(--accent);
      background: var(--accent-ground);
      border-color: transparent;
    }
    p {
      text-wrap: pretty;
      margin: 2px 0 0;
      max-width: 68ch;
      color: var(--text-quiet);
      font-size: var(--size-13);
    }
    code {
      display: inline-block;
      margin-top: 4px;
      font: var(--size-13) / 1.5 var(--mono);
      color: var(--text);
      overflow-wrap: anywhere;
    }
  `;

  override render(): TemplateResult {
    return html`<ol>
      ${STEPS.map(stepItem)}
    </ol>`;
  }
}

const stepItem = ({ title, text, state, command }: Step): TemplateResult => html`
  <li class=${state}>
    <span class="marker" aria-hidden="true"></span>
    <div>
      <h3>${title}</h3>
      <span class="state">${state}</span>
      <p>${text}</p>
      ${command ? html`<code>${command}</code>` : nothing}
    </div>
  </li>
`;

customElements.define("gradus-steps", GradusSteps);

declare global {
  interface HTMLElementTagNameMap {
    "gradus-steps": GradusSteps;
  }
}
