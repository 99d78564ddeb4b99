// A verl command or YAML as settings, folded away until it is wanted: paste or choose a file, apply, read what became of it;
// and the way back, settings as YAML. The worker reads the text. Dispatches "imported" when the recipe has changed.

import { css, html, LitElement, nothing, type TemplateResult } from "lit";

import { icon } from "./icons.ts";
import { saveFile } from "./save-file.ts";
import type { VerlImport } from "../worker/api.ts";
import type { Session } from "./session.ts";
import { SessionController } from "./session.ts";
import { baseStyles, buttonStyles } from "./styles.ts";

const MAX_FILE_BYTES = 2 ** 20;
const MAX_VALUE_CHARACTERS = 48;

/** "12 settings applied, 3 kept for a cluster, 1 not taken." */
export function importLine({ applied, kept, refused }: VerlImport): string {
  const count = applied.length;
  const parts = [
    `${count === 0 ? "No" : count} setting${count === 1 ? "" : "s"} applied`,
    ...(Object.keys(kept).length > 0 ? [`${Object.keys(kept).length} kept for a cluster`] : []),
    ...(refused.length > 0 ? [`${refused.length} not taken`] : []),
  ];
  return `${parts.join(", ")}.`;
}

/** "trainer.total_epochs = 15", a long value cut. */
export function settingText(key: string, value: unknown): string {
  const text = typeof value === "string" ? value : (JSON.stringify(value) ?? "");
  const cut = text.length > MAX_VALUE_CHARACTERS ? `${text.slice(0, MAX_VALUE_CHARACTERS - 1)}…` : text;
  return cut === "" ? key : `${key} = ${cut}`;
}

export class GradusVerlImport extends LitElement {
  static override properties = {
    session: { attribute: false },
    isOpen: { state: true },
    text: { state: true },
    problem: { state: true },
    isBusy: { state: true },
  };

  declare session: Session;
  declare isOpen: boolean;
  /** What stands in the field. */
  declare text: string;
  /** Why a text could not be read or written; shown here, because the recipe itself is as good as before. */
  declare problem: string;
  declare isBusy: boolean;

  static override styles = [
    baseStyles,
    buttonStyles,
    css`
      :host {
        margin-top: -8px;
        font-size: var(--size-13);
        line-height: 20px;
      }
      .toggle {
        margin-left: -12px;
      }
      .toggle svg.icon {
        transform: rotate(-90deg);
      }
      .toggle[aria-expanded="true"] svg.icon {
        transform: none;
      }
      .body {
        display: grid;
        gap: 12px;
        margin-top: 8px;
      }
      textarea {
        width: 100%;
        min-height: 112px;
        padding: 8px;
        border: 1px solid var(--line-strong);
        border-radius: var(--radius-small);
        background: var(--surface);
        color: var(--text);
        font: 400 var(--size-12) / 1.5 var(--mono);
        resize: vertical;
      }
      textarea::placeholder {
        color: var(--text-quiet);
        opacity: 1;
      }
      .buttons {
        display: flex;
        flex-wrap: wrap;
        gap: 8px;
      }
      .error {
        color: var(--error);
      }
      ul {
        display: grid;
        gap: 8px;
        max-height: 240px;
        padding: 0;
        margin: 8px 0 0;
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

  constructor() {
    super();
    this.isOpen = false;
    this.text = "";
    this.problem = "";
    this.isBusy = false;
    new SessionController(this);
  }

  override render(): TemplateResult {
    return html`
      <button class="plain toggle" aria-expanded=${this.isOpen} @click=${() => (this.isOpen = !this.isOpen)}>
        ${icon("chevron")}Paste a verl command or YAML
      </button>
      ${this.isOpen ? this.#body() : nothing}
    `;
  }

  #body(): TemplateResult {
    return html`<div class="body">
      <textarea
        aria-label="verl command or YAML"
        placeholder="python3 -m verl.trainer.main_ppo algorithm.adv_estimator=grpo ..."
        spellcheck="false"
        autocapitalize="off"
        .value=${this.text}
        @input=${(event: Event) => (this.text = (event.target as HTMLTextAreaElement).value)}
      ></textarea>
      <div class="buttons">
        <button ?disabled=${this.isBusy || this.text.trim() === ""} @click=${this.#apply}>Apply</button>
        <button @click=${() => this.renderRoot.querySelector<HTMLInputElement>("#file")?.click()}>
          Choose file
        </button>
        <button @click=${this.#save}>${icon("download")}Save settings as YAML</button>
        <input
          class="hidden"
          id="file"
          type="file"
          tabindex="-1"
          accept=".yaml,.yml,.sh,.txt"
          aria-label="verl configuration file"
          @change=${this.#chosen}
        />
      </div>
      <div role="status">
        ${this.problem === "" ? this.#report() : html`<p class="error">${this.problem}</p>`}
      </div>
    </div>`;
  }

  #report(): TemplateResult | typeof nothing {
    const { imported } = this.session.state;
    if (!imported) return nothing;
    const kept = Object.keys(imported.kept);
    return html`
      <p>${importLine(imported)}</p>
      ${
        imported.refused.length + imported.notes.length + kept.length === 0
          ? nothing
          : html`<ul tabindex="0" aria-label="What became of the settings">
              ${imported.refused.map(
                ({ key, value, why }) =>
                  html`<li><span class="number">${settingText(key, value)}</span><br />${why}</li>`,
              )}
              ${imported.notes.map((note) => html`<li>${note}</li>`)}
              ${
                kept.length === 0
                  ? nothing
                  : html`<li class="quiet">
                      Kept for a cluster, and written back by Save settings:
                      <span class="number">${kept.join(", ")}</span>
                    </li>`
              }
            </ul>`
      }
    `;
  }

  #apply = (): Promise<void> =>
    this.#attempt(async () => {
      await this.session.importSettings(this.text);
      this.dispatchEvent(new Event("imported"));
    });

  #save = (): Promise<void> => this.#attempt(async () => saveFile(await this.session.exportSettings()));

  async #attempt(work: () => Promise<void>): Promise<void> {
    this.problem = "";
    this.isBusy = true;
    try {
      await work();
    } catch (error) {
      this.problem = error instanceof Error ? error.message : String(error);
    } finally {
      this.isBusy = false;
    }
  }

  #chosen = async (event: Event): Promise<void> => {
    const input = event.target as HTMLInputElement;
    const [file] = input.files ?? [];
    // The same file may be chosen again, after a change on disk.
    input.value = "";
    if (!file) return;
    const isText = file.size <= MAX_FILE_BYTES;
    this.problem = isText
      ? ""
      : `${file.name} has ${file.size} bytes: it is no configuration of a run. Choose a YAML file or a shell script.`;
    if (isText) this.text = await file.text();
  };
}

customElements.define("gradus-verl-import", GradusVerlImport);

declare global {
  interface HTMLElementTagNameMap {
    "gradus-verl-import": GradusVerlImport;
  }
}
