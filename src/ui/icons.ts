// The line icons of the page: 16 px, 1.5 px strokes, round ends, drawn in the colour of the text beside them. Decoration:
// hidden from screen readers, so a control names itself.

import { html, svg, type SVGTemplateResult, type TemplateResult } from "lit";

const PATHS = {
  mark: svg`<path d="M2 13.5h4v-4h4v-4h4v-3" />`,
  setup: svg`<path d="M2 4.5h6.5M12.5 4.5H14M2 11.5h1.5M7.5 11.5H14" /><circle cx="10.5" cy="4.5" r="2" /><circle cx="5.5" cy="11.5" r="2" />`,
  run: svg`<path d="M2 13.5h12M2.5 10.5l3.5-4 3 2.5 4.5-6" />`,
  checkpoints: svg`<path d="M2.5 4.5 8 2l5.5 2.5L8 7zM2.5 8 8 10.5 13.5 8M2.5 11.5 8 14l5.5-2.5" />`,
  lock: svg`<rect x="3.5" y="7" width="9" height="6.5" rx="1.5" /><path d="M5.5 7V5a2.5 2.5 0 0 1 5 0v2" />`,
  chip: svg`<rect x="4" y="4" width="8" height="8" rx="1.5" /><path d="M6 4V2M10 4V2M6 14v-2M10 14v-2M4 6H2M4 10H2M14 6h-2M14 10h-2" />`,
  sun: svg`<circle cx="8" cy="8" r="2.75" /><path d="M8 1.5v1M8 13.5v1M1.5 8h1M13.5 8h1M3.4 3.4l.7.7M11.9 11.9l.7.7M3.4 12.6l.7-.7M11.9 4.1l.7-.7" />`,
  moon: svg`<path d="M13.5 9.5A5.75 5.75 0 0 1 6.5 2.5a5.75 5.75 0 1 0 7 7z" />`,
  system: svg`<rect x="2" y="2.75" width="12" height="8.5" rx="1.5" /><path d="M6 13.75h4" />`,
  check: svg`<path d="m3.5 8.5 3 3 6-7" />`,
  close: svg`<path d="m4 4 8 8M12 4l-8 8" />`,
  chevron: svg`<path d="m4 6 4 4 4-4" />`,
  drop: svg`<path d="M8 2.5v7.5M5 7l3 3 3-3M2.5 11v1.5a1 1 0 0 0 1 1h9a1 1 0 0 0 1-1V11" />`,
  warning: svg`<path d="M8 2.5 14.5 13.5h-13zM8 6.5v3.25M8 11.6v.1" />`,
  info: svg`<circle cx="8" cy="8" r="5.75" /><path d="M8 7.5V11M8 5.1v.1" />`,
  reset: svg`<path d="M3 8a5 5 0 1 0 1.6-3.7M4.5 2v2.5H7" />`,
  search: svg`<circle cx="7" cy="7" r="4.25" /><path d="m10.25 10.25 3.25 3.25" />`,
  play: svg`<path d="M5 3.2v9.6l7.5-4.8z" />`,
  pause: svg`<path d="M5.5 3.5v9M10.5 3.5v9" />`,
  stop: svg`<rect x="4" y="4" width="8" height="8" rx="1" />`,
  download: svg`<path d="M8 2.5v7.5M5 7l3 3 3-3M3 13.5h10" />`,
  remove: svg`<path d="M3 4.5h10M6.5 4.5v-2h3v2M4.5 4.5l.5 9h6l.5-9M7 7v4M9 7v4" />`,
} as const satisfies Record<string, SVGTemplateResult>;

export type IconName = keyof typeof PATHS;

/** The icon, for elements that include `baseStyles`. */
export const icon = (name: IconName): TemplateResult =>
  html`<svg class="icon" viewBox="0 0 16 16" aria-hidden="true">${PATHS[name]}</svg>`;
