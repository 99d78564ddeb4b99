// Styles of the recipe card.

import { css } from "lit";

export const recipeStyles = css`
  .presets {
    display: flex;
    flex-wrap: wrap;
    gap: 8px;
  }
  .presets button {
    min-height: 28px;
    border-color: var(--line);
    border-radius: 14px;
    font-weight: 400;
  }
  .presets button[aria-pressed="true"] {
    border-color: var(--accent);
    background: var(--accent-ground);
    color: var(--accent);
    font-weight: 500;
  }
  .description {
    margin-top: -8px;
    font-size: var(--size-13);
    line-height: 20px;
    text-wrap: pretty;
  }
  .common {
    display: grid;
    grid-template-columns: repeat(auto-fill, minmax(132px, 1fr));
    gap: 12px 16px;
  }
  /* Two lines are kept free, so that nothing moves when the help changes. */
  .gloss {
    min-height: 36px;
    margin-top: -4px;
    font-size: var(--size-12);
    line-height: 18px;
  }
  .gloss strong {
    color: var(--text);
    font-weight: 500;
  }
  .gloss .number {
    overflow-wrap: anywhere;
  }
  .all {
    align-self: flex-start;
    margin: -8px 0 -4px -12px;
  }
  .all svg.icon {
    transform: rotate(-90deg);
  }
  .all[aria-expanded="true"] svg.icon {
    transform: none;
  }
  @media (max-width: 719px) {
    .gloss {
      min-height: 54px;
    }
  }
`;
