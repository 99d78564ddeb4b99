// Tells an element when the theme changes: by the system, or by a choice that stands on the document. For what is painted
// in resolved colours, such as a canvas; everything else follows custom properties by itself.

import type { ReactiveController, ReactiveControllerHost } from "lit";

export class ThemeController implements ReactiveController {
  readonly #changed: () => void;
  readonly #system = matchMedia("(prefers-color-scheme: dark)");
  readonly #chosen: MutationObserver;

  constructor(host: ReactiveControllerHost, changed: () => void) {
    this.#changed = changed;
    this.#chosen = new MutationObserver(changed);
    host.addController(this);
  }

  hostConnected(): void {
    this.#system.addEventListener("change", this.#changed);
    this.#chosen.observe(document.documentElement, { attributeFilter: ["data-theme", "style", "class"] });
  }

  hostDisconnected(): void {
    this.#system.removeEventListener("change", this.#changed);
    this.#chosen.disconnect();
  }
}

/** Custom properties of `element` as colours that a canvas understands. */
export function resolvedColours(element: Element, names: readonly string[]): string[] {
  const probe = document.createElement("span");
  (element.shadowRoot ?? element).append(probe);
  const colours = names.map((name) => {
    probe.style.color = `var(${name})`;
    return getComputedStyle(probe).color;
  });
  probe.remove();
  return colours;
}
