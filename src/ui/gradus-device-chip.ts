// The GPU in the top bar: its name, and on demand what it offers and what is held on it.

import { css, html, LitElement, nothing, type TemplateResult } from "lit";

import type { DeviceSummary } from "../worker/api.ts";
import { formatBytes } from "./format.ts";
import { icon } from "./icons.ts";
import type { Session } from "./session.ts";
import { SessionController } from "./session.ts";
import { baseStyles, buttonStyles, chipStyles } from "./styles.ts";

export class GradusDeviceChip extends LitElement {
  static override properties = { session: { attribute: false } };

  declare session: Session;

  static override styles = [
    baseStyles,
    buttonStyles,
    chipStyles,
    css`
      :host {
        display: flex;
        min-width: 0;
      }
      button.chip {
        max-width: 100%;
        font: 400 var(--size-12) / 1.2 var(--sans);
        background: transparent;
      }
      button.chip.warning {
        background: var(--warning-ground);
      }
      .name {
        overflow: hidden;
        text-overflow: ellipsis;
        color: var(--text);
      }
      .warning .name {
        color: inherit;
      }
      [popover] {
        position: fixed;
        inset: calc(var(--bar) - 4px) 12px auto auto;
        width: min(340px, calc(100vw - 24px));
        margin: 0;
        padding: 16px;
        border: 1px solid var(--line);
        border-radius: var(--radius);
        background: var(--surface);
        color: var(--text);
        box-shadow: var(--shadow-raised);
        font-size: var(--size-13);
        line-height: 20px;
      }
      dl {
        display: grid;
        grid-template-columns: auto 1fr;
        gap: 4px 16px;
        margin: 12px 0 0;
      }
      dt {
        color: var(--text-quiet);
      }
      dd {
        margin: 0;
        text-align: end;
      }
      h2 {
        font-size: var(--size-13);
        font-weight: 600;
        overflow-wrap: anywhere;
      }
      .slow {
        margin-top: 8px;
        color: var(--warning);
      }
      @media (max-width: 719px) {
        .name,
        .more {
          display: none;
        }
        button.chip {
          min-height: 32px;
          width: 32px;
          padding: 0;
          border-color: transparent;
          border-radius: var(--radius-small);
        }
      }
    `,
  ];

  constructor() {
    super();
    new SessionController(this);
  }

  override render(): TemplateResult | typeof nothing {
    const { device, errors } = this.session.state;
    if (errors.device) return nothing;
    if (!device)
      return html`<span class="chip">${icon("chip")}<span class="more">Looking for a GPU</span></span>`;
    return html`
      <button
        class="chip ${device.isSoftware ? "warning" : ""}"
        popovertarget="facts"
        aria-label=${nameOf(device)}
      >
        ${icon("chip")}<span class="name">${device.name}</span>
        ${device.isSoftware ? nothing : html`<span class="more">${featuresOf(device)}</span>`}
        ${this.#memory(device)}
      </button>
      <div id="facts" popover role="group" aria-label="Device">${this.#facts(device)}</div>
    `;
  }

  #memory({ liveBytes }: DeviceSummary): TemplateResult | typeof nothing {
    return liveBytes > 0 ? html`<span class="more number">${formatBytes(liveBytes)}</span>` : nothing;
  }

  #facts(device: DeviceSummary): TemplateResult {
    const { plan } = this.session.state;
    const facts = [
      ["Half precision", device.hasF16 ? "shader-f16" : "not offered, not needed"],
      ["Subgroups", device.hasSubgroups ? "yes" : "not offered, not needed"],
      ["Largest buffer", formatBytes(device.maxBufferBytes)],
      ["Memory in use", formatBytes(device.liveBytes)],
      ...(plan ? [["Planned for the run", formatBytes(plan.totalBytes)]] : []),
    ];
    return html`
      <h2>${device.name}</h2>
      ${
        device.isSoftware
          ? html`<p class="slow">
              A software adapter: correct, but slow. Turn on hardware acceleration in the browser's settings.
            </p>`
          : nothing
      }
      <dl>
        ${facts.map(
          ([name, value]) =>
            html`<dt>${name}</dt>
              <dd class="number">${value}</dd>`,
        )}
      </dl>
    `;
  }
}

/** Begins with what the chip shows, so that it can be called by what one sees. */
const nameOf = (device: DeviceSummary): string =>
  [
    device.name,
    device.isSoftware ? "" : featuresOf(device),
    device.liveBytes > 0 && formatBytes(device.liveBytes),
    "device",
  ]
    .filter(Boolean)
    .join(" ");

const featuresOf = ({ hasF16, hasSubgroups }: DeviceSummary): string =>
  [hasF16 && "f16", hasSubgroups && "subgroups"].filter(Boolean).join(", ");

customElements.define("gradus-device-chip", GradusDeviceChip);

declare global {
  interface HTMLElementTagNameMap {
    "gradus-device-chip": GradusDeviceChip;
  }
}
