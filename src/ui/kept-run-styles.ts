// How one kept run looks: what it is, a table of its checkpoints, and what can be done with them.

import { css } from "lit";

export const keptRunStyles = css`
  header,
  footer {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 8px 12px;
    padding: 12px 16px;
  }
  footer {
    justify-content: space-between;
    border-top: 1px solid var(--line);
  }
  .what {
    flex: 1 1 240px;
    min-width: 0;
  }
  h2 {
    font-size: var(--size-15);
    font-weight: 600;
    line-height: 24px;
    overflow-wrap: anywhere;
  }
  .facts {
    color: var(--text-quiet);
    font-size: var(--size-12);
    line-height: 16px;
  }
  .scroll {
    position: relative;
    overflow-x: auto;
  }
  table {
    width: 100%;
    min-width: 600px;
    table-layout: fixed;
    border-collapse: collapse;
    font-size: var(--size-13);
    line-height: 20px;
    white-space: nowrap;
  }
  th,
  td {
    padding: 4px 12px;
    text-align: end;
  }
  th:first-child,
  td:first-child {
    padding-inline-start: 16px;
    text-align: start;
  }
  th {
    color: var(--text-quiet);
    font-size: var(--size-12);
    font-weight: 400;
  }
  td {
    border-top: 1px solid var(--line);
  }
  td:last-child {
    padding-block: 2px;
    padding-inline-end: 8px;
  }
  button.plain {
    color: var(--text-quiet);
  }
  button.plain:disabled {
    background: none;
    opacity: 0.5;
  }
  td button {
    min-height: 28px;
    padding: 0 8px;
  }
  /* On a narrow page what is worth keeping and what can be done with it; the rest has no room. */
  @media (max-width: 719px) {
    table {
      min-width: 0;
    }
    th,
    td {
      padding-inline: 4px;
    }
    :is(th, td):nth-child(3),
    :is(th, td):nth-child(5) {
      display: none;
    }
    :is(th, td):last-child {
      width: 112px;
    }
    th {
      white-space: normal;
    }
  }
  .best {
    margin-inline-start: 8px;
  }
  .exports {
    padding: 12px 16px;
    border-top: 1px solid var(--line);
  }
  h3 {
    margin-bottom: 4px;
    font-size: var(--size-12);
    font-weight: 500;
    color: var(--text-quiet);
  }
`;
