// verl's configuration as nested YAML and as flat dotted keys, which is how the rest of the project holds it. Which keys
// there are, and what their values may be, is src/rl/config.ts's matter.

import { wordsOf } from "../common/error-words.ts";
import type { Node, ScalarTag } from "yaml";
import { Document, isCollection, LineCounter, parseDocument, Scalar, visit, YAMLMap } from "yaml";

import { UserError } from "../common/errors.ts";
import { isObject } from "./json.ts";
import { isTooDeep } from "./yaml-nesting.ts";
import { takeOutRepeats } from "./yaml-repeats.ts";

/** Settings by dotted key, such as `actor_rollout_ref.rollout.n`. Values are texts, numbers, truth values, null and lists. */
export type FlatConfig = Readonly<Record<string, unknown>>;

/** Ten times verl's own with every default; the parser takes seconds for more. */
const MAX_CHARACTERS = 2 ** 18;

/** Is told of a name that stands more than once in a section, as often as it was left out. */
export type OnRepeat = (name: string) => void;

/**
 * Reads YAML such as verl's. Dots in names count as nesting (`optim.lr: 1e-6` inside `actor` is `actor.optim.lr`).
 * Throws UserError with the line on anything that is no mapping of settings. A name that stands twice is refused, too, or,
 * with `onRepeat`, its first value is taken.
 */
export function fromVerlYaml(
  text: string,
  file = "The configuration",
  onRepeat?: OnRepeat,
): Record<string, unknown> {
  if (text.length > MAX_CHARACTERS)
    throw new UserError(`${file} has ${text.length} characters: it is no configuration of a run.`);
  if (isTooDeep(text))
    throw new UserError(
      `${file} is nested deeper than any configuration of a run: its brackets are damaged. Correct them.`,
    );
  const lines = new LineCounter();
  const values = readYaml(text, lines, file, onRepeat);
  if (!(values instanceof Map) || values.size === 0)
    throw new UserError(
      `${file} holds no settings: lines such as "algorithm:" with "  adv_estimator: grpo" below are needed.`,
    );
  const flat = new Map<string, unknown>();
  flatten(values, "", (key, value) => {
    if (!flat.has(key)) flat.set(key, value);
    else if (onRepeat) onRepeat(key);
    else throw new UserError(`${file} sets ${key} twice. Take one of the two out.`);
  });
  checkNoSection([...flat.keys()], file);
  return Object.fromEntries(flat);
}

/** The value of a YAML text, its mappings as Map. */
function readYaml(text: string, lineCounter: LineCounter, file: string, onRepeat?: OnRepeat): unknown {
  const refused = (why: string): UserError =>
    new UserError(`${file} is not YAML: ${why}. Correct it, and drop it again.`);
  let document;
  try {
    const uniqueKeys = onRepeat === undefined;
    document = parseDocument(text, { lineCounter, merge: true, prettyErrors: false, uniqueKeys });
  } catch (error) {
    // Thousands of open brackets overflow the parser.
    throw refused(wordsOf(error));
  }
  const [error] = document.errors;
  if (error) {
    const { line, col } = lineCounter.linePos(error.pos[0]);
    throw refused(`line ${line}, column ${col}: ${wordsOf(error).split("\n")[0]}`);
  }
  if (onRepeat) for (const name of takeOutRepeats(document)) onRepeat(name);
  try {
    return document.toJS({ mapAsMap: true });
  } catch (cause) {
    // An alias that has no anchor, or aliases that multiply.
    throw refused(wordsOf(cause));
  }
}

type OnSetting = (key: string, value: unknown) => void;

/** Calls `onSetting` for every setting of nested `values`; an empty mapping is a value of its own. */
export function flatten(
  values: ReadonlyMap<unknown, unknown> | Readonly<Record<string, unknown>>,
  prefix: string,
  onSetting: OnSetting,
): void {
  const entries = values instanceof Map ? values : new Map(Object.entries(values));
  for (const [name, value] of entries) {
    const key = `${prefix}${keyText(name, prefix)}`;
    const isSection =
      value instanceof Map ? value.size > 0 : isObject(value) && Object.keys(value).length > 0;
    if (isSection) flatten(value as Map<unknown, unknown>, `${key}.`, onSetting);
    else onSetting(key, plain(value));
  }
}

function keyText(name: unknown, prefix: string): string {
  const key = isPlainName(name) ? String(name) : "";
  if (key !== "" && key.split(".").every((part) => part !== "")) return key;
  const place = prefix === "" ? "the top level" : prefix.slice(0, -1);
  const found = isPlainName(name) ? JSON.stringify(key) : "a list, a mapping or nothing";
  throw new UserError(
    `The name of a setting in ${place} is ${found}: a word, or words with dots, is needed.`,
  );
}

const isPlainName = (name: unknown): name is string | number | boolean =>
  ["string", "number", "boolean"].includes(typeof name);

/** Mappings inside lists, and empty ones, as objects. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (!(value instanceof Map)) return value;
  return Object.fromEntries([...value].map(([name, inner]) => [String(name), plain(inner)]));
}

/** Throws UserError when one key is a section of another: `a` and `a.b`. */
function checkNoSection(keys: readonly string[], file: string): void {
  const known = new Set(keys);
  for (const key of keys) {
    const parts = key.split(".");
    for (let count = 1; count < parts.length; count++) {
      const section = parts.slice(0, count).join(".");
      if (known.has(section))
        throw new UserError(
          `${file} sets both ${section} and ${key}: a setting cannot be a section as well. Take one of the two out.`,
        );
    }
  }
}

/**
 * Nested YAML of flat `values`, sections in order of their first key, each of `comments` above its key or section. Reads
 * back to the same values here, and in OmegaConf and PyYAML. Throws UserError when a key is a section as well.
 */
export function toVerlYaml(values: FlatConfig, comments: Readonly<Record<string, string>> = {}): string {
  checkNoSection(Object.keys(values), "The configuration");
  const document = new Document(null, { customTags: (tags) => [EXPONENT, ...tags] });
  const root = new YAMLMap<Node, Node>();
  for (const [key, value] of Object.entries(values)) {
    const parts = key.split(".");
    let section = root;
    for (const [depth, part] of parts.slice(0, -1).entries()) {
      const found = section.get(part);
      const next = found instanceof YAMLMap ? (found as typeof root) : new YAMLMap<Node, Node>();
      if (next !== found) section.set(keyNode(part, comments[parts.slice(0, depth + 1).join(".")]), next);
      section = next;
    }
    section.set(keyNode(parts.at(-1)!, comments[key]), valueNode(document, value));
  }
  document.contents = root;
  return document.toString({ lineWidth: 0 });
}

function keyNode(name: string, comment: string | undefined): Scalar {
  const node = quotedWhereNeeded(new Scalar(name));
  if (comment !== undefined) node.commentBefore = comment.replaceAll(/^/gm, " ");
  return node;
}

/** Lists on one line. */
function valueNode(document: Document, value: unknown): Node {
  const node = document.createNode(value);
  if (isCollection(node)) node.flow = true;
  visit(node, { Scalar: (_, scalar) => void quotedWhereNeeded(scalar) });
  return node;
}

/** Several lines that both YAMLs read back as they are: nothing that a block cannot hold, and no white space that it would lose. */
const BLOCK = /^(?=\S)(?=[^]*\n)[\t\n\x20-\x7e\u00a0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd]*$/;

/** Python's YAML 1.1 gives meaning to `yes`, `=`, `012` and more, so texts with anything unusual are quoted. */
function quotedWhereNeeded(node: Scalar): Scalar {
  const { value } = node;
  if (typeof value !== "string") return node;
  if (BLOCK.test(value)) {
    node.type = Scalar.BLOCK_LITERAL;
    return node;
  }
  if (!/^[A-Za-z_/][\w/.@-]*$/.test(value) || /^(yes|no|on|off)$/i.test(value))
    node.type = Scalar.QUOTE_DOUBLE;
  return node;
}

/** PyYAML reads `1e-6` as a text: a number with an exponent needs a point, and the sign of the exponent. */
const EXPONENT: ScalarTag = {
  identify: (value) => typeof value === "number" && String(value).includes("e"),
  default: true,
  tag: "tag:yaml.org,2002:float",
  test: /^[-+]?\d+\.\d+e[-+]\d+$/,
  resolve: Number,
  stringify: ({ value }) => String(value).replace(/^(-?\d+)e/, "$1.0e"),
};
