// A recipe: settings that belong together, with the source they are from.

export interface Preset {
  readonly id: string;
  readonly label: string;
  /** One sentence for the chip in the page. */
  readonly description: string;
  /** Where the values come from. */
  readonly source: string;
  /** Which kind of model it is meant for. */
  readonly suits: "demo" | "any";
  /** verl keys on top of the defaults. */
  readonly values: Readonly<Record<string, unknown>>;
}
