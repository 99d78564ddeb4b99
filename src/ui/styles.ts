// Styles that several elements share, as sheets an element puts in front of its own. Colours and sizes come from theme.css.

import { css } from "lit";

/** What every element starts from: box sizing, one focus ring, no movement for those who asked for none. */
export const baseStyles = css`
  :host {
    display: block;
  }
  :host([hidden]) {
    display: none;
  }
  *,
  *::before,
  *::after {
    box-sizing: border-box;
  }
  :focus-visible {
    outline: 2px solid var(--accent);
    outline-offset: 2px;
  }
  h1,
  h2,
  h3,
  p {
    margin: 0;
  }
  .quiet {
    color: var(--text-quiet);
  }
  .number {
    font-family: var(--mono);
    font-variant-numeric: tabular-nums;
  }
  .hidden {
    position: absolute;
    width: 1px;
    height: 1px;
    margin: -1px;
    overflow: hidden;
    clip-path: inset(50%);
    white-space: nowrap;
  }
  svg.icon {
    width: 16px;
    height: 16px;
    flex: none;
    fill: none;
    stroke: currentcolor;
    stroke-width: 1.5;
    stroke-linecap: round;
    stroke-linejoin: round;
  }
  @media (prefers-reduced-motion: reduce) {
    *,
    *::before,
    *::after {
      transition: none !important;
      animation: none !important;
    }
  }
`;

/** `button`, with `.primary` for the one next step, `.plain` for a quiet word, and `.danger` for deleting. */
export const buttonStyles = css`
  button {
    display: inline-flex;
    align-items: center;
    justify-content: center;
    gap: 6px;
    min-height: 32px;
    padding: 0 12px;
    border: 1px solid var(--line-strong);
    border-radius: var(--radius-small);
    background: var(--surface);
    color: var(--text);
    font: 500 var(--size-13) / 1.2 var(--sans);
    cursor: pointer;
    transition:
      background 0.12s,
      border-color 0.12s;
  }
  button:hover:not(:disabled) {
    background: var(--sunken);
  }
  button.primary {
    border-color: transparent;
    background: var(--accent);
    color: var(--on-accent);
  }
  button.primary:hover:not(:disabled) {
    background: var(--accent-strong);
  }
  button.plain {
    border-color: transparent;
    background: transparent;
    color: var(--accent);
  }
  button.plain:hover:not(:disabled) {
    background: var(--accent-ground);
  }
  button.danger {
    color: var(--error);
    border-color: currentcolor;
  }
  button:disabled {
    border-color: transparent;
    background: var(--sunken);
    color: var(--text-quiet);
    cursor: default;
  }
`;

/** `.card`: a surface with a hairline. */
export const cardStyles = css`
  .card {
    border: 1px solid var(--line);
    border-radius: var(--radius);
    background: var(--surface);
    box-shadow: var(--shadow);
  }
`;

/** `.chip`: a small fact or state; `.good`, `.warning`, `.error`, `.accent` give it a tone. */
export const chipStyles = css`
  .chip {
    display: inline-flex;
    align-items: center;
    gap: 6px;
    min-height: 24px;
    padding: 0 8px;
    border: 1px solid var(--line);
    border-radius: 12px;
    color: var(--text-quiet);
    font-size: var(--size-12);
    line-height: 1.2;
    white-space: nowrap;
  }
  .chip.good {
    border-color: transparent;
    background: var(--positive-ground);
    color: var(--positive);
  }
  .chip.warning {
    border-color: transparent;
    background: var(--warning-ground);
    color: var(--warning);
  }
  .chip.error {
    border-color: transparent;
    background: var(--error-ground);
    color: var(--error);
  }
  .chip.accent {
    border-color: transparent;
    background: var(--accent-ground);
    color: var(--accent);
  }
`;

/** `input` and `select` as they stand in forms. */
export const inputStyles = css`
  input:not([type="checkbox"], [type="radio"], [type="range"], [type="file"]),
  select {
    width: 100%;
    min-height: 32px;
    padding: 0 8px;
    border: 1px solid var(--line-strong);
    border-radius: var(--radius-small);
    background: var(--surface);
    color: var(--text);
    font: 400 var(--size-13) / 1.4 var(--sans);
  }
  select {
    appearance: none;
    padding-inline-end: 28px;
    background: var(--surface) var(--chevron) no-repeat right 8px center;
    text-overflow: ellipsis;
    cursor: pointer;
  }
  input.number {
    font-family: var(--mono);
    font-variant-numeric: tabular-nums;
  }
  input::placeholder {
    color: var(--text-quiet);
    opacity: 1;
  }
  input[aria-invalid="true"],
  select[aria-invalid="true"] {
    border-color: var(--error);
    outline-color: var(--error);
  }
  input[type="checkbox"],
  input[type="radio"],
  input[type="range"] {
    accent-color: var(--accent);
  }
`;
