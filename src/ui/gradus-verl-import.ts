// A verl command or YAML as settings, folded away until it is wanted: paste or choose a file, apply, read what became of it;
// and the way back, settings as YAML or as a command. The worker reads the text and writes the files.

import { messageOf } from "../common/error-words.ts";
import { css, html, LitElement, nothing, type TemplateResult } from "lit";

import type { VerlImport } from "../worker/api.ts";
import "./gradus-import-report.ts";
import { icon } from "./icons.ts";
import { foldStyles } from "./recipe-styles.ts";
import { saveFile } from "./save-file.ts";
import type { Session } from "./session.ts";
import { SessionController } from "./session.ts";
import { settingsText } from "./settings-text.ts";
import { baseStyles, buttonStyles } from "./styles.ts";

/** How long a button says that it has copied. */
const COPIED_MS = 2000;

export class GradusVerlImport extends LitElement {
  static override properties = {
    session: { attribute: false },
    isOpen: { state: true },
    text: { state: true },
    problem: { state: true },
    isBusy: { state: true },
    isCopied: { state: true },
  };

  declare session: Session;
  declare isOpen: boolean;
  /** What stands in the field. */
  declare text: string;
  /** Why a text could not be read or written; shown here, because the recipe itself is as good as before. */
  declare problem: string;
  declare isBusy: boolean;
  /** The command lies in the clipboard. */
  declare isCopied: boolean;

  #imported: VerlImport | undefined;

  static override styles = [
    baseStyles,
    buttonStyles,
    foldStyles,
    css`
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
    `,
  ];

  constructor() {
    super();
    this.isOpen = false;
    this.text = "";
    this.problem = "";
    this.isBusy = false;
    this.isCopied = false;
    new SessionController(this);
  }

  /** A file that was dropped on the page is reported here as well. */
  override willUpdate(): void {
    const { imported } = this.session.state;
    if (imported !== this.#imported && imported !== undefined) {
      this.isOpen = true;
      this.problem = "";
    }
    this.#imported = imported;
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
        <button @click=${this.#copy}>
          ${this.isCopied ? icon("check") : nothing}${this.isCopied ? "Copied" : "Copy as command"}
        </button>
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
    return html`<gradus-import-report .imported=${imported}></gradus-import-report>`;
  }

  /** What became of it is brought into view. */
  #apply = async (): Promise<void> => {
    await this.#attempt(() => this.session.recipe.importText(this.text));
    await this.updateComplete;
    const report = this.renderRoot.querySelector("gradus-import-report");
    await report?.updateComplete;
    report?.scrollIntoView({ block: "nearest" });
  };

  #save = (): Promise<void> =>
    this.#attempt(async () => saveFile(await this.session.recipe.export("config")));

  #copy = (): Promise<void> =>
    this.#attempt(async () => {
      const file = await this.session.recipe.export("command");
      await navigator.clipboard.writeText(await file.text());
      this.isCopied = true;
      setTimeout(() => (this.isCopied = false), COPIED_MS);
    });

  async #attempt(work: () => Promise<void>): Promise<void> {
    this.problem = "";
    this.isBusy = true;
    try {
      await work();
    } catch (error) {
      this.problem = messageOf(error);
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
    await this.#attempt(async () => {
      this.text = await settingsText(file);
    });
  };
}

customElements.define("gradus-verl-import", GradusVerlImport);

declare global {
  interface HTMLElementTagNameMap {
    "gradus-verl-import": GradusVerlImport;
  }
}
