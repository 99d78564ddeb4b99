// Where the parts of the place Run go: two columns of one screen's height on a wide page, one column on a narrow one.

import { css } from "lit";

export const runStyles = css`
  .screen,
  .invitation {
    display: flex;
    flex-direction: column;
    gap: 12px;
    padding: 16px 24px 20px;
  }
  header {
    display: grid;
    grid-template-columns: 1fr auto;
    gap: 4px 12px;
    align-items: center;
  }
  header gradus-downloads {
    grid-column: 1;
  }
  header gradus-controls {
    grid-area: 1 / 2;
  }
  header gradus-timeline {
    grid-column: 1 / -1;
  }
  h1 {
    font-size: var(--size-20);
    font-weight: 600;
    line-height: 32px;
    font-variant-numeric: tabular-nums;
  }
  .columns {
    display: flex;
    flex-direction: column;
    gap: 20px;
    min-height: 0;
  }
  /* On a narrow page what is written comes before the charts, at a height that no response changes. */
  .numbers {
    display: contents;
  }
  gradus-charts {
    order: 1;
  }
  aside {
    display: flex;
    flex-direction: column;
    height: 520px;
    min-height: 0;
    overflow: hidden;
  }
  aside > gradus-switch,
  aside > h2 {
    margin: 12px;
  }
  aside > h2 {
    font-size: var(--size-13);
    font-weight: 500;
    line-height: 28px;
  }
  .wait {
    padding: 4px 12px 12px;
    color: var(--text-quiet);
    font-size: var(--size-13);
  }
  aside > gradus-group,
  aside > gradus-before-after {
    flex: 1;
  }
  @media (min-width: 960px) {
    .screen {
      height: var(--place-height, 100dvh);
      min-height: 640px;
    }
    .columns {
      flex: 1;
      display: grid;
      grid-template: minmax(0, 1fr) / minmax(0, 2fr) minmax(300px, 1fr);
      gap: 24px;
    }
    .numbers {
      display: flex;
      flex-direction: column;
      gap: 16px;
      min-width: 0;
      min-height: 0;
    }
    gradus-charts {
      flex: 1;
    }
    aside {
      height: auto;
    }
  }
  @media (max-width: 719px) {
    .screen,
    .invitation {
      padding: 12px 16px 20px;
    }
    header {
      grid-template-columns: minmax(0, 1fr);
    }
    header gradus-controls {
      grid-area: auto;
      justify-content: flex-start;
    }
  }
`;
