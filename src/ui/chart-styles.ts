// How a small chart looks around its plot: name, values, gloss, crosshair. Colours of the lines are in plot.ts.

import { css } from "lit";

export const chartStyles = css`
  :host {
    position: relative;
    display: flex;
    flex-direction: column;
    min-width: 0;
  }
  figure {
    display: contents;
  }
  h3 {
    display: flex;
    align-items: center;
    gap: 6px;
    font-size: var(--size-13);
    font-weight: 500;
    line-height: 20px;
    cursor: default;
  }
  .mark {
    display: inline-flex;
    align-items: center;
    gap: 4px;
    color: var(--text-quiet);
    font-size: var(--size-12);
    font-weight: 400;
  }
  .mark::before {
    content: "";
    width: 6px;
    height: 6px;
    border-radius: 50%;
    background: var(--positive);
  }
  .mark.look {
    color: var(--warning);
  }
  .mark.look::before {
    border-radius: 1px;
    background: var(--warning);
    rotate: 45deg;
  }
  .values {
    display: flex;
    gap: 0 8px;
    height: 16px;
    overflow: hidden;
    color: var(--text-quiet);
    font-size: var(--size-12);
    line-height: 16px;
    white-space: nowrap;
  }
  .values.long {
    flex-wrap: wrap;
    height: 32px;
  }
  .values .number {
    color: var(--text);
  }
  .swatch {
    display: inline-block;
    width: 8px;
    margin-inline-end: 4px;
    border-top: 2px solid;
    vertical-align: 3px;
  }
  .plot {
    position: relative;
    flex: 1 0 var(--plot-height, 84px);
    margin-top: 4px;
    border-radius: var(--radius-small);
  }
  .plot > .uplot {
    position: absolute;
    inset: 0;
  }
  .none {
    position: absolute;
    inset: auto 8px 20px 48px;
    border-top: 1px solid var(--line);
  }
  @media (max-width: 719px) {
    .values {
      flex-wrap: wrap;
      height: 32px;
    }
  }
  .u-cursor-x {
    border-right: 1px solid var(--line-strong) !important;
  }
  .u-cursor-x::after {
    content: attr(data-step);
    position: absolute;
    bottom: -18px;
    left: 0;
    translate: -50% 0;
    padding: 0 4px;
    border-radius: 2px;
    background: var(--ground);
    color: var(--text);
    font: var(--size-12) / 16px var(--mono);
  }
  .gloss {
    position: absolute;
    z-index: 1;
    inset: 22px -4px auto;
    display: none;
    padding: 8px 12px;
    border: 1px solid var(--line);
    border-radius: var(--radius-small);
    background: var(--surface);
    box-shadow: var(--shadow-raised);
    font-size: var(--size-12);
    line-height: 18px;
    text-wrap: pretty;
  }
  .gloss p + p {
    margin-top: 4px;
  }
  h3:hover ~ .gloss,
  .plot:focus-visible:not(.pointed) ~ .gloss {
    display: block;
  }
`;
