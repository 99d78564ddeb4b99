// Styles of a model of a hub: its name, and a row a form with what it takes and what can be done.

import { css } from "lit";

export const hubModelStyles = css`
  :host {
    font-size: var(--size-13);
    line-height: 20px;
  }
  header {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 0 12px;
    min-height: 32px;
  }
  h3 {
    flex: 1 1 14ch;
    font-size: var(--size-13);
    font-weight: 600;
    overflow-wrap: anywhere;
  }
  p {
    font-size: var(--size-12);
    text-wrap: pretty;
  }
  gradus-notice {
    margin: 4px 0;
  }
  ul {
    margin: 4px 0 0;
    padding: 0;
    list-style: none;
  }
  li {
    display: grid;
    grid-template-columns: minmax(0, 1fr) auto minmax(112px, auto);
    align-items: center;
    gap: 0 12px;
    padding: 6px 0;
    border-top: 1px solid var(--line);
  }
  .what {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 2px 8px;
    overflow-wrap: anywhere;
  }
  .chip {
    min-height: 20px;
  }
  .about {
    grid-column: 1 / -1;
    color: var(--text-quiet);
    font-size: var(--size-12);
    line-height: 18px;
    text-wrap: pretty;
  }
  .about:empty {
    display: none;
  }
  .about gradus-progress {
    max-width: 420px;
  }
  .unread {
    color: var(--text-quiet);
  }
  .unread .number {
    grid-column: 2 / -1;
    justify-self: end;
  }
  .unfit {
    color: var(--warning);
  }
`;
