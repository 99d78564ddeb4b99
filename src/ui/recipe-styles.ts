// Styles of the recipe card and of what is folded away at its foot.

import { css } from "lit";

export const recipeStyles = css`
  .common {
    display: grid;
    gap: 16px;
  }
  fieldset {
    display: grid;
    grid-template-columns: repeat(auto-fill, minmax(160px, 1fr));
    align-items: end;
    gap: 12px 16px;
    min-width: 0;
    margin: 0;
    padding: 0;
    border: 0;
  }
  legend {
    margin-bottom: 8px;
    padding: 0;
    font-size: var(--size-13);
    font-weight: 600;
    line-height: 20px;
  }
  /* Three lines are kept free, so that nothing moves when the help changes. */
  .gloss {
    min-height: 54px;
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
  .more {
    display: flex;
    flex-wrap: wrap;
    justify-content: space-between;
    margin: -8px -12px -4px;
  }
  .all svg.icon {
    transform: rotate(-90deg);
  }
  .all[aria-expanded="true"] svg.icon {
    transform: none;
  }
  @media (max-width: 719px) {
    fieldset {
      grid-template-columns: repeat(auto-fill, minmax(132px, 1fr));
    }
    .gloss {
      min-height: 90px;
    }
  }
`;

/** What is folded away at the foot of the recipe card: a quiet `.toggle`, whose arrow turns when it is open. */
export const foldStyles = css`
  :host {
    margin-top: -8px;
    font-size: var(--size-13);
    line-height: 20px;
  }
  .toggle {
    margin-left: -12px;
  }
  .toggle svg.icon {
    transform: rotate(-90deg);
  }
  .toggle[aria-expanded="true"] svg.icon {
    transform: none;
  }
`;

/** A `summary` whose own arrow gives way to an icon, which turns when its `details` are open. */
export const summaryStyles = css`
  summary {
    display: flex;
    align-items: center;
    list-style: none;
    cursor: pointer;
  }
  summary::-webkit-details-marker {
    display: none;
  }
  summary svg.icon {
    color: var(--text-quiet);
    transform: rotate(-90deg);
  }
  details[open] summary svg.icon {
    transform: none;
  }
`;
