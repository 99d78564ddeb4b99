// A small editor for JavaScript: a textarea with line numbers, in which a line can be marked as the one that went wrong. Tab
// indents and Enter keeps the indent; after Escape, Tab leaves. Dispatches `input` and `change` as a textarea does.

import { css, html, LitElement, nothing, type PropertyValues, type TemplateResult } from "lit";

import { baseStyles } from "./styles.ts";

const INDENT = "  ";
const LINE_PX = 20;
const PADDING_PX = 8;
const ROWS = { least: 9, most: 18 };

export class GradusCode extends LitElement {
  static override properties = {
    label: {},
    value: {},
    markedLine: { attribute: false },
    described: {},
  };

  declare label: string;
  declare value: string;
  /** From 1. */
  declare markedLine: number | undefined;
  /** What a screen reader says of the text besides its label, such as what went wrong. */
  declare described: string;
  /** The next Tab leaves. */
  #isLeaving = false;

  static override styles = [
    baseStyles,
    css`
      .code {
        position: relative;
        display: grid;
        grid-template-columns: auto minmax(0, 1fr);
        overflow: hidden;
        border: 1px solid var(--line-strong);
        border-radius: var(--radius-small);
        background: var(--surface);
        font: 400 var(--size-12) / ${LINE_PX}px var(--mono);
      }
      .code:focus-within {
        outline: 2px solid var(--accent);
        outline-offset: 1px;
      }
      .gutter {
        overflow: hidden;
        padding: ${PADDING_PX}px 8px;
        border-inline-end: 1px solid var(--line);
        background: var(--sunken);
        color: var(--text-quiet);
        text-align: end;
        user-select: none;
      }
      .gutter .marked {
        color: var(--error);
        font-weight: 600;
      }
      .text {
        position: relative;
        overflow: hidden;
      }
      .band {
        position: absolute;
        inset-inline: 0;
        top: ${PADDING_PX}px;
        height: ${LINE_PX}px;
        background: var(--error-ground);
        box-shadow: inset 2px 0 0 var(--error);
        pointer-events: none;
      }
      textarea {
        position: relative;
        display: block;
        width: 100%;
        padding: ${PADDING_PX}px 12px;
        border: 0;
        background: transparent;
        color: var(--text);
        font: inherit;
        tab-size: 2;
        white-space: pre;
        resize: none;
        outline: none;
      }
    `,
  ];

  constructor() {
    super();
    this.label = "";
    this.value = "";
    this.described = "";
  }

  override render(): TemplateResult {
    const lines = this.value.split("\n");
    const rows = Math.max(ROWS.least, Math.min(ROWS.most, lines.length + 1));
    return html`<div class="code" style="height: ${rows * LINE_PX + 2 * PADDING_PX}px">
      <div class="gutter" aria-hidden="true">
        ${lines.map((_, i) => html`<div class=${i + 1 === this.markedLine ? "marked" : ""}>${i + 1}</div>`)}
      </div>
      <div class="text">
        ${this.markedLine === undefined ? nothing : html`<div class="band"></div>`}
        <textarea
          aria-label=${this.label}
          aria-describedby="keys described"
          aria-invalid=${this.markedLine === undefined ? nothing : "true"}
          wrap="off"
          rows=${rows}
          spellcheck="false"
          autocapitalize="off"
          autocomplete="off"
          .value=${this.value}
          @input=${this.#typed}
          @change=${() => this.dispatchEvent(new Event("change"))}
          @keydown=${this.#onKey}
          @scroll=${this.#follow}
        ></textarea>
      </div>
      <p class="hidden" id="keys">Tab indents. Press Escape, then Tab, to leave.</p>
      <p class="hidden" id="described">${this.described}</p>
    </div>`;
  }

  override updated(changed: PropertyValues<this>): void {
    if (changed.has("markedLine")) this.#showMarked();
    this.#follow();
  }

  get #area(): HTMLTextAreaElement {
    return this.renderRoot.querySelector("textarea")!;
  }

  #typed = (): void => {
    this.value = this.#area.value;
    this.dispatchEvent(new Event("input"));
  };

  /** Line numbers and the marked line move with the text. */
  #follow = (): void => {
    const { scrollTop } = this.#area;
    this.renderRoot.querySelector<HTMLElement>(".gutter")!.scrollTop = scrollTop;
    const band = this.renderRoot.querySelector<HTMLElement>(".band");
    if (band && this.markedLine !== undefined)
      band.style.transform = `translateY(${(this.markedLine - 1) * LINE_PX - scrollTop}px)`;
  };

  #showMarked(): void {
    if (this.markedLine === undefined) return;
    const top = (this.markedLine - 1) * LINE_PX;
    const { scrollTop, clientHeight } = this.#area;
    if (top < scrollTop || top + 2 * LINE_PX > scrollTop + clientHeight)
      this.#area.scrollTop = Math.max(0, top - clientHeight / 2);
  }

  #onKey = (event: KeyboardEvent): void => {
    const isLeaving = this.#isLeaving;
    if (event.key !== "Shift") this.#isLeaving = event.key === "Escape";
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (event.key === "Tab" && !event.shiftKey && !isLeaving) this.#insert(event, INDENT);
    if (event.key === "Enter") this.#insert(event, `\n${this.#indent()}`);
  };

  /** White space at the start of the line that the caret is in, deeper after an opening bracket. */
  #indent(): string {
    const before = this.#area.value.slice(0, this.#area.selectionStart);
    const line = before.slice(before.lastIndexOf("\n") + 1);
    return `${/^[ \t]*/.exec(line)![0]}${/[{([]\s*$/.test(line) ? INDENT : ""}`;
  }

  /** In place of what is selected; as typing, so that it can be undone. */
  #insert(event: KeyboardEvent, text: string): void {
    event.preventDefault();
    const area = this.#area;
    // The only way in which a page can write so that undo takes it back; where it is gone, the text is set.
    if (!document.execCommand("insertText", false, text)) {
      area.setRangeText(text, area.selectionStart, area.selectionEnd, "end");
      this.#typed();
    }
  }
}

customElements.define("gradus-code", GradusCode);

declare global {
  interface HTMLElementTagNameMap {
    "gradus-code": GradusCode;
  }
}
