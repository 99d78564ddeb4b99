// What can be done with the run on show. Buttons keep their places while it goes on; an asked-for evaluation or save is
// confirmed in words until it has happened. The space bar, which pauses as well, is the app's.

import { css, html, LitElement, nothing, type PropertyValues, type TemplateResult } from "lit";

import { icon, type IconName } from "./icons.ts";
import type { RunView } from "./run-view.ts";
import { isUnderWay, type Session, SessionController } from "./session.ts";
import { baseStyles, buttonStyles } from "./styles.ts";

export class GradusControls extends LitElement {
  static override properties = {
    session: { attribute: false },
    run: { attribute: false },
    asked: { state: true },
  };

  declare session: Session;
  declare run: RunView;
  /** What was asked for and has not happened yet; "kept" where there is nothing new to save. */
  declare asked: "evaluate" | "save" | "kept" | undefined;

  static override styles = [
    baseStyles,
    buttonStyles,
    css`
      :host {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        justify-content: flex-end;
        gap: 8px;
      }
      .asked {
        color: var(--text-quiet);
        font-size: var(--size-12);
      }
      .turn {
        min-width: 104px;
      }
      @media (max-width: 719px) {
        .asked {
          order: 1;
        }
        .turn {
          min-width: 100px;
        }
        button {
          padding: 0 8px;
        }
      }
    `,
  ];

  constructor() {
    super();
    new SessionController(this);
  }

  override willUpdate(changed: PropertyValues<this>): void {
    const before = changed.get("run");
    if (!before) return;
    const isEvaluated = this.asked === "evaluate" && before.evaluations !== this.run.evaluations;
    const isSaved = this.asked === "save" && before.lastCheckpoint !== this.run.lastCheckpoint;
    const isPast = this.asked === "kept" && before.step !== this.run.step;
    if (isEvaluated || isSaved || isPast || !isUnderWay(this.run)) this.asked = undefined;
  }

  override render(): TemplateResult {
    return isUnderWay(this.run) ? this.#underWay() : this.#ended();
  }

  #underWay(): TemplateResult {
    const { session } = this;
    const { state } = this.run;
    const isRunning = state === "running";
    return html`
      <span class="asked" role="status">${this.#askedWords()}</span>
      ${
        state === "paused"
          ? this.#button("Continue", "play", session.runs.proceed, true, "turn primary")
          : this.#button("Pause", "pause", session.runs.pause, isRunning, "turn")
      }
      ${this.#button("Stop", "stop", session.runs.stop, state !== "loading")}
      ${this.#button("Evaluate now", undefined, this.#evaluate, isRunning)}
      ${this.#button("Save", undefined, this.#save, isRunning)}
    `;
  }

  #ended(): TemplateResult {
    const { id, config, step, state } = this.run;
    const total = config?.["trainer.total_training_steps"];
    const isWhole = state === "finished" && total !== undefined && step >= total;
    return html`
      ${id !== undefined && !isWhole && state !== "failed" ? this.#button("Resume", "play", () => this.session.runs.resume(id), true, "primary") : nothing}
      ${this.#button("New run", undefined, () => this.session.goTo("setup"), true)}
    `;
  }

  #button(
    text: string,
    name: IconName | undefined,
    act: () => unknown,
    isReady: boolean,
    kind = "",
  ): TemplateResult {
    return html`<button class=${kind} ?disabled=${!isReady} @click=${() => void act()}>
      ${name ? icon(name) : nothing}${text}
    </button>`;
  }

  #askedWords(): string {
    if (this.run.state === "pausing") return "It saves first";
    if (this.asked === "evaluate") return "It evaluates after this step";
    if (this.asked === "kept") return `Step ${this.run.step} is saved already`;
    return this.asked === "save" ? "It saves after this update" : "";
  }

  #evaluate = (): void => {
    this.asked = "evaluate";
    void this.session.runs.evaluateSoon();
  };

  #save = (): void => {
    this.asked = this.run.lastCheckpoint?.step === this.run.step ? "kept" : "save";
    void this.session.runs.saveSoon();
  };
}

customElements.define("gradus-controls", GradusControls);

declare global {
  interface HTMLElementTagNameMap {
    "gradus-controls": GradusControls;
  }
}
