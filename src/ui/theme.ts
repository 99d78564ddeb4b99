// Light, dark, or as the system has it: kept in this browser, applied as `data-theme` on the document. The colours are in
// theme.css; index.html applies the choice before the first paint.

export const THEMES = ["system", "light", "dark"] as const;
export type Theme = (typeof THEMES)[number];

/** The same key stands in index.html. */
const KEY = "gradus.theme";

/** The theme as it was chosen, "system" without a choice. */
export function chosenTheme(): Theme {
  const theme = document.documentElement.dataset["theme"];
  return THEMES.find((known) => known === theme) ?? "system";
}

/** Applies `theme` and keeps it; without storage it holds until the page is closed. */
export function chooseTheme(theme: Theme): void {
  if (theme === "system") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = theme;
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // Storage is blocked for this page: there is nothing to tell the person that they do not see.
  }
}
