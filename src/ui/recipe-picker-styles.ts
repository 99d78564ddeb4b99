// Styles of the choice of a recipe: families side by side, chips that are radio buttons, quiet details below.

import { css } from "lit";

export const recipePickerStyles = css`
  :host {
    display: flex;
    flex-direction: column;
    gap: 12px;
    font-size: var(--size-13);
    line-height: 20px;
  }
  .families {
    display: flex;
    flex-wrap: wrap;
    gap: 12px 24px;
  }
  .family {
    display: grid;
    gap: 4px;
  }
  .label {
    color: var(--text-quiet);
    font-size: var(--size-12);
    line-height: 16px;
  }
  .chips {
    display: flex;
    flex-wrap: wrap;
    gap: 6px;
  }
  label {
    position: relative;
    cursor: pointer;
  }
  input {
    position: absolute;
    inset: 0;
    width: 100%;
    height: 100%;
    margin: 0;
    opacity: 0;
    cursor: pointer;
  }
  label span {
    display: inline-flex;
    align-items: center;
    min-height: 28px;
    padding: 0 12px;
    border: 1px solid var(--line);
    border-radius: 14px;
    background: var(--surface);
    transition:
      background 0.12s,
      border-color 0.12s;
  }
  label:hover span {
    background: var(--sunken);
  }
  input:checked + span {
    border-color: var(--accent);
    background: var(--accent-ground);
    color: var(--accent);
    font-weight: 500;
  }
  input:focus-visible + span {
    outline: 2px solid var(--accent);
    outline-offset: 2px;
  }
  .rows {
    display: grid;
    gap: 8px;
  }
  .row {
    display: grid;
    grid-template-columns: 56px minmax(0, 1fr);
    align-items: center;
  }
  .row label span {
    border-radius: var(--radius-small);
    padding: 0 10px;
  }
  .words p {
    text-wrap: pretty;
  }
  .words strong {
    font-weight: 600;
  }
  .source {
    font-size: var(--size-12);
    line-height: 18px;
  }
  a {
    color: inherit;
    text-decoration: underline;
    text-underline-offset: 2px;
    overflow-wrap: anywhere;
  }
  summary {
    gap: 4px;
    width: fit-content;
  }
  details > :not(summary) {
    margin: 8px 0 4px 20px;
  }
  dl {
    display: grid;
    gap: 4px;
  }
  dd {
    margin: 0 0 8px;
    padding-inline-start: 12px;
    border-inline-start: 2px solid var(--positive);
    text-wrap: pretty;
  }
  table {
    border-collapse: collapse;
  }
  th {
    font-weight: 400;
    text-align: start;
  }
  thead th {
    color: var(--text-quiet);
    font-size: var(--size-12);
  }
  tr > * {
    padding: 2px 24px 2px 0;
    vertical-align: baseline;
  }
  tbody tr > * {
    border-top: 1px solid var(--line);
  }
  @media (max-width: 719px) {
    .row {
      grid-template-columns: minmax(0, 1fr);
      gap: 4px;
    }
    details > :not(summary) {
      margin-inline-start: 0;
    }
    tr > * {
      padding-inline-end: 12px;
    }
  }
`;
