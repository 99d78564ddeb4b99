// Styles of what stands inside the cards of Setup.

import { css } from "lit";

export const factStyles = css`
  dl {
    display: grid;
    grid-template-columns: 84px minmax(0, 1fr);
    gap: 4px 12px;
    margin: 0;
    font-size: var(--size-13);
    line-height: 20px;
  }
  dt {
    color: var(--text-quiet);
  }
  dd {
    margin: 0;
    overflow-wrap: anywhere;
  }
  .file {
    display: inline-block;
    margin-inline-end: 16px;
    white-space: nowrap;
  }
  code {
    font-family: var(--mono);
    color: var(--text);
    white-space: nowrap;
  }
  .back {
    align-self: flex-start;
    margin: -4px 0 -4px -12px;
  }
`;
