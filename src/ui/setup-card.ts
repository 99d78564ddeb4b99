// What the cards of Setup have in common whose content comes out of files: open and closed, the error, the drop zone and the
// way back to the demo. An element of its own for each is in gradus-model-card.ts and gradus-problems-card.ts.

import { html, LitElement, nothing, type TemplateResult } from "lit";

import "./gradus-card.ts";
import type { OpenEvent } from "./gradus-card.ts";
import "./gradus-drop-zone.ts";
import type { FilesEvent } from "./gradus-drop-zone.ts";
import "./gradus-notice.ts";
import type { Session } from "./session.ts";
import { isUnderWay, SessionController } from "./session.ts";

interface Frame {
  readonly number: number;
  readonly heading: string;
  readonly isDone: boolean;
  readonly summary: TemplateResult;
  readonly content: TemplateResult | typeof nothing;
  /** Said after an error of what is still loaded. */
  readonly stays: string;
  readonly choice: Choice;
}

interface Choice {
  /** "Model": begins the names of the inputs. */
  readonly what: string;
  readonly accept: string;
  readonly takesFolder: boolean;
  readonly take: (files: readonly File[]) => void;
  /** In the zone, and there while a run holds what is loaded. */
  readonly words: TemplateResult;
  readonly lockedWords: string;
  /** Absent while the demo is loaded. */
  readonly back: { readonly label: string; readonly go: () => void } | undefined;
}

export abstract class SetupCard extends LitElement {
  static override properties = { session: { attribute: false }, isOpen: { state: true } };

  declare session: Session;
  /** Opened by the person; an error opens the card as well. */
  declare isOpen: boolean;
  protected abstract readonly concern: "model" | "problems";

  constructor() {
    super();
    this.isOpen = false;
    new SessionController(this);
  }

  protected frame({ number, heading, isDone, summary, content, stays, choice }: Frame): TemplateResult {
    const error = this.session.state.errors[this.concern];
    return html`
      <gradus-card
        number=${number}
        heading=${heading}
        .isOpen=${error ? true : this.isOpen}
        .isDone=${isDone}
        @open-change=${({ isOpen }: OpenEvent) => this.#open(isOpen)}
      >
        <div slot="summary">${summary}</div>
        ${
          error
            ? html`<gradus-notice tone="error" .dismiss=${() => this.session.dismiss(this.concern)}>
                ${error} ${stays}
              </gradus-notice>`
            : nothing
        }
        ${content} ${this.#choice(choice)} ${this.more()}
      </gradus-card>
    `;
  }

  /** What a card has besides files. */
  protected more(): TemplateResult | typeof nothing {
    return nothing;
  }

  #open(isOpen: boolean): void {
    this.isOpen = isOpen;
    if (!isOpen) this.session.dismiss(this.concern);
  }

  #choice({ what, accept, takesFolder, take, words, lockedWords, back }: Choice): TemplateResult {
    const { run, busy } = this.session.state;
    const isLocked = isUnderWay(run) || busy[this.concern] === true;
    return html`
      <gradus-drop-zone
        what=${what}
        accept=${accept}
        ?folder=${takesFolder}
        ?disabled=${isLocked}
        @files=${({ files }: FilesEvent) => take(files)}
      >
        ${isUnderWay(run) ? lockedWords : words}
      </gradus-drop-zone>
      ${
        back
          ? html`<button class="plain back" ?disabled=${isLocked} @click=${back.go}>${back.label}</button>`
          : nothing
      }
    `;
  }
}
