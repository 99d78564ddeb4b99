// What becomes of a verl configuration, as data.

import type { ConfigKey, FieldValue, RunConfig } from "../config.ts";

export type Values = Readonly<Record<string, unknown>>;

/** A setting that was not applied. */
export interface Refusal {
  readonly key: string;
  readonly value: unknown;
  /** One or two sentences. */
  readonly why: string;
  /** No such setting; a value that does not fit; or something that is decided in another way here. */
  readonly kind: "unknown" | "value" | "elsewhere";
  /** Where a value does not fit: the one that stays. */
  readonly stays?: FieldValue;
  /** Its name among those that exports write back all the same: a file that a cluster needs again. */
  readonly keptAs?: string;
}

export interface VerlImport {
  readonly config: RunConfig;
  /** Our keys that the configuration has set. */
  readonly applied: readonly ConfigKey[];
  /** Settings that only a cluster understands, and files; exports write them back. */
  readonly kept: Values;
  /** What each of them is about: "parallelism". */
  readonly about: Readonly<Record<string, string>>;
  readonly refused: readonly Refusal[];
  /** What was understood in a way of its own, a sentence each. */
  readonly notes: readonly string[];
}

export interface ImportOptions {
  /** Stands above both; what does not fit there is no refusal but a UserError. */
  readonly over?: Values;
  /** Settings that the adapter decides which a run would go on from, by key; absent: none is loaded. */
  readonly adapter?: Values;
  /** How many problems a run with these settings would train on, if they are loaded. */
  readonly problems?: ((config: RunConfig) => number) | undefined;
}
