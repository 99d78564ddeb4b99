// Setup: what is trained, on what, and how, in three cards, with the plan and the Train button at the foot. The whole place
// takes dropped files and gives them to the card they are for.

import { messageOf } from "../common/error-words.ts";
import { css, html, LitElement, type TemplateResult } from "lit";

import { droppedFiles, sortFiles } from "./file-drop.ts";
import "./gradus-model-card.ts";
import "./gradus-plan.ts";
import "./gradus-problems-card.ts";
import "./gradus-recipe-card.ts";
import { takeRewardFile } from "./own-reward.ts";
import type { Session } from "./session.ts";
import { isUnderWay, SessionController } from "./session.ts";
import { baseStyles } from "./styles.ts";

export class GradusSetup extends LitElement {
  static override properties = { session: { attribute: false }, isOver: { state: true } };

  declare session: Session;
  /** Files are being dragged over the place. */
  declare isOver: boolean;

  static override styles = [
    baseStyles,
    css`
      .setup {
        display: flex;
        flex-direction: column;
        min-height: var(--place-height);
      }
      .column {
        display: flex;
        flex: 1;
        flex-direction: column;
        gap: 12px;
        width: 100%;
        max-width: 920px;
        margin: 0 auto;
        padding: 28px 24px 24px;
      }
      .intro {
        margin-bottom: 12px;
      }
      h1 {
        font-size: var(--size-20);
        font-weight: 600;
        line-height: 28px;
        letter-spacing: -0.01em;
        text-wrap: balance;
      }
      .intro p {
        margin-top: 4px;
        color: var(--text-quiet);
        font-size: var(--size-13);
        line-height: 20px;
        text-wrap: pretty;
      }
      .foot {
        position: sticky;
        bottom: var(--nav);
        z-index: 1;
        border-top: 1px solid var(--line);
        background: var(--ground);
      }
      .foot gradus-plan {
        max-width: 920px;
        margin: 0 auto;
        padding: 0 24px;
      }
      .over {
        position: fixed;
        inset: calc(var(--bar) + 8px) 8px calc(var(--nav) + 8px) calc(var(--rail) + 8px);
        z-index: 2;
        display: grid;
        place-items: center;
        border: 1.5px dashed var(--accent);
        border-radius: var(--radius);
        background: color-mix(in srgb, var(--ground) 80%, transparent);
        pointer-events: none;
      }
      .over p {
        padding: 12px 20px;
        border: 1px solid var(--accent);
        border-radius: var(--radius);
        background: var(--surface);
        color: var(--accent);
        box-shadow: var(--shadow-raised);
        font-weight: 500;
      }
      @media (max-width: 719px) {
        .column {
          padding: 16px 12px;
        }
        .foot gradus-plan {
          padding: 0 12px;
        }
        .over {
          inset-inline-start: 8px;
        }
      }
    `,
  ];

  constructor() {
    super();
    this.isOver = false;
    new SessionController(this);
  }

  override render(): TemplateResult {
    const { session } = this;
    return html`
      <div
        class="setup"
        @dragover=${this.#over}
        @dragleave=${this.#leave}
        @drop=${(event: DragEvent) => void this.#drop(event)}
      >
        <div class="column">
          <div class="intro">
            <h1>Train a small language model by reward, in this tab</h1>
            <p>
              The model tries each problem several times, and the better tries become more likely. A demo is
              here to begin with: press Train, or drop a model and problems of your own.
            </p>
          </div>
          <gradus-model-card .session=${session}></gradus-model-card>
          <gradus-problems-card .session=${session}></gradus-problems-card>
          <gradus-recipe-card .session=${session}></gradus-recipe-card>
        </div>
        <div class="foot"><gradus-plan .session=${session}></gradus-plan></div>
        ${this.isOver ? html`<div class="over"><p>Drop a model folder, an adapter, a file of problems, a verl configuration, or a reward function</p></div>` : ""}
      </div>
    `;
  }

  #over = (event: DragEvent): void => {
    if (!event.dataTransfer?.types.includes("Files") || isUnderWay(this.session.state.run)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
    this.isOver = true;
  };

  #leave = (event: DragEvent): void => {
    // Moving on to a child leaves nothing.
    if (event.relatedTarget === null || !this.renderRoot.contains(event.relatedTarget as Node))
      this.isOver = false;
  };

  async #drop(event: DragEvent): Promise<void> {
    this.isOver = false;
    if (!event.dataTransfer || isUnderWay(this.session.state.run)) return;
    event.preventDefault();
    const files = await droppedFiles(event.dataTransfer).catch((error: unknown) => this.#unread(error));
    const { model, problems, settings, reward } = sortFiles(files);
    await Promise.all([
      model.length > 0 && this.session.models.useFiles(model),
      problems.length > 0 && this.session.problems.useFiles(problems),
      settings.length > 0 && this.session.recipe.importFiles(settings),
      reward && takeRewardFile(this.session, reward),
    ]);
  }

  #unread(error: unknown): File[] {
    const why = messageOf(error);
    const model = `The dropped files could not be read: ${why} Choose them with a button instead.`;
    this.session.set({ errors: { ...this.session.state.errors, model } });
    return [];
  }
}

customElements.define("gradus-setup", GradusSetup);

declare global {
  interface HTMLElementTagNameMap {
    "gradus-setup": GradusSetup;
  }
}
