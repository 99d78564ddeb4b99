// Styles of the editor of a person's own reward.

import { css } from "lit";

export const rewardEditorStyles = css`
  .head {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 4px 8px;
  }
  .body {
    display: grid;
    gap: 12px;
    margin-top: 4px;
  }
  .body > p {
    text-wrap: pretty;
  }
  .use {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 8px 12px;
    min-height: 32px;
  }
  .use label {
    display: flex;
    align-items: center;
    gap: 8px;
    font-weight: 500;
    cursor: pointer;
  }
  .use button {
    min-height: 24px;
    padding: 0 8px;
    font-size: var(--size-12);
  }
  code {
    font: var(--size-12) / 20px var(--mono);
  }
  .buttons {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 8px;
  }
  .fault {
    display: flex;
    gap: 8px;
    color: var(--error);
    overflow-wrap: anywhere;
  }
  .fault svg.icon {
    margin-top: 2px;
  }
  table {
    width: 100%;
    border-collapse: collapse;
    table-layout: fixed;
    font-size: var(--size-12);
    line-height: 18px;
  }
  caption {
    padding-bottom: 4px;
    color: var(--text-quiet);
    text-align: start;
  }
  th,
  td {
    padding: 6px 12px 6px 0;
    border-top: 1px solid var(--line);
    text-align: start;
    vertical-align: top;
  }
  th {
    width: 176px;
    font-weight: 400;
  }
  td.response {
    overflow-wrap: anywhere;
  }
  .text {
    display: -webkit-box;
    max-height: 72px;
    overflow: hidden;
    font-family: var(--mono);
    white-space: pre-wrap;
    -webkit-box-orient: vertical;
    -webkit-line-clamp: 4;
  }
  td.score {
    width: 72px;
    padding-inline-end: 0;
    font-weight: 600;
    text-align: end;
  }
  td.score.failed {
    color: var(--error);
    font-family: var(--sans);
  }
  @media (max-width: 719px) {
    th {
      width: 96px;
    }
  }
`;
