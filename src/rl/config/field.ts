// What a setting is, as data: enough to draw a form, check a value, write help and a verl file. Which settings there are
// is in fields.ts and in the entries of losses/, advantages/ and rewards/.

export const TOPICS = [
  "Run",
  "Problems",
  "Policy loss",
  "Preference",
  "Reward",
  "Advantage",
  "Critic",
  "KL and entropy",
  "Optimiser",
  "Rollout",
  "Dynamic sampling",
  "Model",
  "Evaluation",
  "Device",
] as const;
export type Topic = (typeof TOPICS)[number];

export interface Choice {
  readonly value: string;
  readonly label: string;
  /** One sentence. */
  readonly help?: string;
}

/** Values of gradus.mode. */
export type Method = "rl" | "preference" | "dpo" | "sft";
/** The methods that prefer one response of a pair to the other. */
export const PAIR_METHODS = ["preference", "dpo"] as const satisfies readonly Method[];
/** The methods that may take several updates a step. */
export const UPDATE_METHODS = ["rl", "preference", "dpo"] as const satisfies readonly Method[];
/** The methods that sample responses and judge them by rewards. */
export const SAMPLING_METHODS = ["rl", "preference"] as const satisfies readonly Method[];

type Single = string | number | boolean;
/** One of these values, or any but these. */
export type Wanted = readonly Single[] | { readonly except: readonly Single[] };
/** What other settings must be, all of them. A setting that is not read itself fulfils none. */
export type Condition = Readonly<Record<string, Wanted>>;

interface Described {
  readonly label: string;
  /** One or two sentences: what it does and when to change it. */
  readonly help: string;
  readonly topic: Topic;
  /** Shown first in the form; the others are folded by topic. */
  readonly isCommon?: boolean;
  /** Such as "tokens", "nats", "steps"; absent for a bare number. */
  readonly unit?: string;
  /** Where the default comes from, and what verl or TRL has where that differs. */
  readonly source: string;
  /** Set where only this method, or only these, read it. */
  readonly mode?: Method | readonly Method[];
  /** Read only while this holds, or one of these; absent: always. */
  readonly when?: Condition | readonly Condition[];
  /** Key of the metric to watch after changing it. */
  readonly watch?: string;
  /** Whether a change is allowed when a run is resumed; what shapes the memory or the data is not. */
  readonly isFixedInRun?: boolean;
}

interface Range {
  readonly min?: number;
  readonly max?: number;
  /** `min` itself is not allowed. */
  readonly isAboveMin?: boolean;
}

export interface NumberField extends Described, Range {
  readonly kind: "number" | "integer";
  readonly default: number;
  /** A number with a meaning of its own outside the range, such as -1 for "off"; what it means. */
  readonly special?: { readonly value: number; readonly meaning: string };
}
export interface BooleanField extends Described {
  readonly kind: "boolean";
  readonly default: boolean;
}
export interface ChoiceField extends Described {
  readonly kind: "choice";
  readonly default: string;
  readonly choices: readonly Choice[];
  /** The value that verl writes as null. */
  readonly nullValue?: string;
}
/** Several of a list. */
export interface ChoicesField extends Described {
  readonly kind: "choices";
  readonly default: readonly string[];
  readonly choices: readonly Choice[];
}
/** A list of numbers of fixed length, such as the two betas of AdamW. */
export interface NumbersField extends Described, Range {
  readonly kind: "numbers";
  readonly default: readonly number[];
  readonly length: number;
}
/** A text of several lines, such as a function. */
export interface TextField extends Described {
  readonly kind: "text";
  readonly default: string;
  /** Characters. */
  readonly maxLength: number;
}

/** A text of a form of its own, such as bounds "0.5_2.0". */
export interface LineField extends Described {
  readonly kind: "line";
  readonly default: string;
  /** What fits, blanks at its ends cut off. */
  readonly pattern: RegExp;
  /** The same in words: "... is needed". */
  readonly wanted: string;
  /** The value that verl writes as null. */
  readonly nullValue?: string;
}

export type Field =
  | NumberField
  | BooleanField
  | ChoiceField
  | ChoicesField
  | NumbersField
  | TextField
  | LineField;

/** What verl's null stands for; undefined where it means nothing. */
export const nullValueOf = (field: Field): FieldValue | undefined =>
  "special" in field ? field.special?.value : "nullValue" in field ? field.nullValue : undefined;

interface Values {
  number: number;
  integer: number;
  boolean: boolean;
  choice: string;
  choices: readonly string[];
  numbers: readonly number[];
  text: string;
  line: string;
}
export type FieldValue = Values[keyof Values];
export type ValueOf<F extends Field> = Values[F["kind"]];
