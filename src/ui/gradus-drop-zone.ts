// Where files are dropped or chosen. The whole of Setup takes drops; this says what is wanted, and has the buttons for hands
// that do not drag. Dispatches FilesEvent.

import { css, html, LitElement, nothing, type TemplateResult } from "lit";

import { icon } from "./icons.ts";
import { baseStyles, buttonStyles } from "./styles.ts";

/** Files were chosen with a button. */
export class FilesEvent extends Event {
  readonly files: readonly File[];
  constructor(files: readonly File[]) {
    super("files", { bubbles: true, composed: true });
    this.files = files;
  }
}

export class GradusDropZone extends LitElement {
  static override properties = {
    what: {},
    accept: {},
    isDisabled: { type: Boolean, attribute: "disabled" },
    hasFolder: { type: Boolean, attribute: "folder" },
  };

  /** "Model" or "Problem": the first word of the inputs' names. */
  declare what: string;
  declare accept: string;
  declare isDisabled: boolean;
  /** A folder can be chosen, too. */
  declare hasFolder: boolean;

  static override styles = [
    baseStyles,
    buttonStyles,
    css`
      .zone {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: 8px 12px;
        padding: 12px;
        border: 1px dashed var(--line-strong);
        border-radius: var(--radius-small);
        font-size: var(--size-13);
        line-height: 20px;
      }
      .zone > svg {
        color: var(--accent);
      }
      .text {
        flex: 1 1 30ch;
        color: var(--text-quiet);
        text-wrap: pretty;
      }
      .buttons {
        display: flex;
        flex-wrap: wrap;
        gap: 8px;
      }
    `,
  ];

  constructor() {
    super();
    this.what = "";
    this.accept = "";
    this.isDisabled = false;
    this.hasFolder = false;
  }

  override render(): TemplateResult {
    return html`
      <div class="zone">
        ${icon("drop")}
        <div class="text"><slot></slot></div>
        <div class="buttons">
          <button ?disabled=${this.isDisabled} @click=${() => this.#choose("files")}>Choose files</button>
          ${
            this.hasFolder
              ? html`<button ?disabled=${this.isDisabled} @click=${() => this.#choose("folder")}>
                  Choose folder
                </button>`
              : nothing
          }
        </div>
        ${this.#input("files")}${this.hasFolder ? this.#input("folder") : nothing}
      </div>
    `;
  }

  /** Pressed by its button, so it is no stop of its own. */
  #input(kind: "files" | "folder"): TemplateResult {
    return html`<input
      class="hidden"
      id=${kind}
      type="file"
      tabindex="-1"
      multiple
      ?webkitdirectory=${kind === "folder"}
      accept=${kind === "files" && this.accept ? this.accept : nothing}
      aria-label=${`${this.what} ${kind}`}
      ?disabled=${this.isDisabled}
      @change=${this.#chosen}
    />`;
  }

  #choose(kind: "files" | "folder"): void {
    this.renderRoot.querySelector<HTMLInputElement>(`#${kind}`)?.click();
  }

  #chosen = (event: Event): void => {
    const input = event.target as HTMLInputElement;
    const files = [...(input.files ?? [])].filter(isShown);
    // The same files may be chosen again, after a change on disk.
    input.value = "";
    if (files.length > 0) this.dispatchEvent(new FilesEvent(files));
  };
}

/** Neither hidden nor in a hidden folder. */
const isShown = ({ name, webkitRelativePath }: File): boolean => !/(^|\/)\./.test(webkitRelativePath || name);

customElements.define("gradus-drop-zone", GradusDropZone);

declare global {
  interface HTMLElementTagNameMap {
    "gradus-drop-zone": GradusDropZone;
  }
  interface HTMLElementEventMap {
    files: FilesEvent;
  }
}
