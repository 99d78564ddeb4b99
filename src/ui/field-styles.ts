// Styles of one setting: short ones stand in a grid, label above; long ones are a row with words on the left.

import { css } from "lit";

export const fieldStyles = css`
  .field {
    display: grid;
    gap: 4px;
  }
  .name {
    display: flex;
    align-items: center;
    gap: 4px;
    min-height: 20px;
    font-size: var(--size-13);
    line-height: 20px;
  }
  /* Inside the field, at its end. */
  .unit {
    position: absolute;
    inset-inline-end: 8px;
    color: var(--text-quiet);
    font-size: var(--size-12);
    line-height: 32px;
    pointer-events: none;
  }
  .control {
    position: relative;
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 4px 12px;
    min-width: 0;
    min-height: 32px;
    margin: 0;
    padding: 0;
    border: 0;
  }
  .control:disabled {
    opacity: 0.6;
  }
  .reset {
    display: grid;
    place-items: center;
    width: 20px;
    height: 20px;
    padding: 0;
    border: 0;
    border-radius: 4px;
    background: var(--accent-ground);
    color: var(--accent);
    cursor: pointer;
  }
  .reset svg.icon {
    width: 12px;
    height: 12px;
  }
  .option {
    display: flex;
    align-items: center;
    gap: 4px;
    font: var(--size-12) / 20px var(--mono);
  }
  .help {
    color: var(--text-quiet);
    font-size: var(--size-12);
    line-height: 18px;
    text-wrap: pretty;
  }
  .unread {
    color: var(--warning);
  }
  :host([unread]) :is(.name, input, select) {
    color: var(--text-quiet);
  }
  .key {
    display: block;
    overflow-wrap: anywhere;
  }
  .problem {
    color: var(--error);
    font-size: var(--size-12);
    line-height: 18px;
    overflow-wrap: anywhere;
  }
  textarea {
    width: 100%;
    padding: 6px 8px;
    border: 1px solid var(--line-strong);
    border-radius: var(--radius-small);
    background: var(--surface);
    color: var(--text);
    font: 400 var(--size-12) / 18px var(--mono);
    white-space: pre;
    resize: vertical;
  }
  input[type="checkbox"][role="switch"] {
    appearance: none;
    position: relative;
    width: 32px;
    height: 20px;
    margin: 0;
    border: 1px solid var(--line-strong);
    border-radius: 10px;
    background: var(--sunken);
    cursor: pointer;
    transition: background 0.12s;
  }
  input[type="checkbox"][role="switch"]::before {
    content: "";
    position: absolute;
    inset: 3px auto auto 3px;
    width: 12px;
    height: 12px;
    border-radius: 50%;
    background: var(--text-quiet);
    transition: transform 0.12s;
  }
  input[type="checkbox"][role="switch"]:checked {
    border-color: var(--accent);
    background: var(--accent);
  }
  input[type="checkbox"][role="switch"]:checked::before {
    background: var(--on-accent);
    transform: translateX(12px);
  }
  :host([long]) .field {
    grid-template-columns: minmax(0, 1fr) 200px;
    gap: 0 24px;
    padding: 12px 0;
    border-top: 1px solid var(--line);
  }
  :host([long]) .control {
    grid-area: 1 / 2 / span 2;
    align-self: start;
  }
  :host([long]) .problem {
    grid-column: 1 / -1;
    padding-top: 4px;
  }
  @media (max-width: 719px) {
    :host([long]) .field {
      grid-template-columns: minmax(0, 1fr);
      gap: 4px;
    }
    :host([long]) .control {
      grid-area: auto;
    }
  }
`;
