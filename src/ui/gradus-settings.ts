// Every setting that the chosen recipe reads, folded by topic, with a search over all there are. Draws fields; what a change
// means is up to the card around it.

import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";

import type { ConfigKey, RunConfig } from "../rl/config.ts";
import { CONFIG_KEYS, fieldOf, isRead, TOPICS } from "../rl/config.ts";
import { isSameValue } from "../rl/config/words.ts";
import { searchSettings } from "./field-words.ts";
import { plural } from "./format.ts";
import "./gradus-field.ts";
import { icon } from "./icons.ts";
import { summaryStyles } from "./recipe-styles.ts";
import { baseStyles, inputStyles } from "./styles.ts";

export class GradusSettings extends LitElement {
  static override properties = {
    config: { attribute: false },
    base: { attribute: false },
    fixed: { attribute: false },
    revision: { attribute: false },
    query: {},
  };

  declare config: RunConfig;
  /** The recipe as it came; what differs from it is counted and marked. */
  declare base: RunConfig;
  /** Keys that the adapter decides which the run goes on from. */
  declare fixed: ReadonlySet<string>;
  /** A new number takes back what was typed and is not applied. */
  declare revision: number;
  declare query: string;

  static override styles = [
    baseStyles,
    inputStyles,
    summaryStyles,
    css`
      .search {
        position: relative;
        max-width: 420px;
        margin-bottom: 8px;
      }
      .search svg {
        position: absolute;
        inset: 8px auto auto 8px;
        color: var(--text-quiet);
      }
      .search input[type="search"] {
        padding-inline-start: 32px;
      }
      input::-webkit-search-cancel-button {
        filter: grayscale(1);
      }
      details {
        border-top: 1px solid var(--line);
      }
      summary {
        gap: 8px;
        padding: 8px 0;
        font-size: var(--size-13);
        font-weight: 500;
        line-height: 20px;
      }
      .count {
        color: var(--text-quiet);
        font-size: var(--size-12);
        font-weight: 400;
      }
      .changed {
        color: var(--accent);
      }
      .fields {
        padding: 0 0 8px 24px;
      }
      .found {
        padding: 0;
      }
      .none {
        padding: 8px 0;
        font-size: var(--size-13);
      }
      @media (max-width: 719px) {
        .fields {
          padding-inline-start: 0;
        }
      }
    `,
  ];

  constructor() {
    super();
    this.query = "";
    this.fixed = new Set();
  }

  override render(): TemplateResult {
    return html`
      <div class="search">
        ${icon("search")}
        <input
          type="search"
          aria-label="Search settings"
          placeholder=${`Search all ${CONFIG_KEYS.length} settings`}
          .value=${this.query}
          @input=${(event: Event) => (this.query = (event.target as HTMLInputElement).value)}
        />
      </div>
      ${this.query.trim() ? this.#found() : TOPICS.map((topic) => this.#topic(topic))}
    `;
  }

  #found(): TemplateResult {
    const found = searchSettings(this.query);
    // What the recipe reads first.
    const keys = [true, false].flatMap((isWanted) =>
      found.filter((key) => isRead(key, this.config) === isWanted),
    );
    return keys.length > 0
      ? html`<div class="fields found">${this.#fields(keys)}</div>`
      : html`<p class="none quiet" role="status">
          No setting has "${this.query.trim()}" in its name or help.
        </p>`;
  }

  #topic(topic: (typeof TOPICS)[number]): TemplateResult | typeof nothing {
    const keys = CONFIG_KEYS.filter((key) => fieldOf(key).topic === topic && isRead(key, this.config));
    if (keys.length === 0) return nothing;
    const changed = keys.filter((key) => !isSameValue(this.config[key], this.base[key])).length;
    return html`<details>
      <summary>
        ${icon("chevron")}${topic}<span class="count">${plural(keys.length, "setting")}</span>
        ${changed > 0 ? html`<span class="count changed">${changed} changed</span>` : nothing}
      </summary>
      <div class="fields">${this.#fields(keys)}</div>
    </details>`;
  }

  #fields(keys: readonly ConfigKey[]): unknown {
    return repeat(
      keys,
      (key) => key,
      (key) =>
        html`<gradus-field
          long
          .isFixed=${this.fixed.has(key)}
          .isUnread=${!isRead(key, this.config)}
          .name=${key}
          .value=${this.config[key]}
          .base=${this.base[key]}
          .revision=${this.revision}
        ></gradus-field>`,
    );
  }
}

customElements.define("gradus-settings", GradusSettings);

declare global {
  interface HTMLElementTagNameMap {
    "gradus-settings": GradusSettings;
  }
}
