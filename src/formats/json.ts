// JSON and plain text out of bytes that a person dropped, with sentences instead of a parser's exceptions. Knows nothing of
// what the values mean.

import { UserError } from "../common/errors.ts";
import type { ByteSource } from "./safetensors.ts";

export type JsonObject = Readonly<Record<string, unknown>>;

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Text of `bytes`; `isDamaged` when bytes before its end were not of the encoding and stand as U+FFFD in the text. */
export function decodeText(bytes: Uint8Array): { text: string; isDamaged: boolean } {
  const encoding = encodingOf(bytes);
  try {
    // As a stream, so that a last character cut in two is left out: the reader of the text sees that the end is missing.
    const text = new TextDecoder(encoding, { fatal: true }).decode(bytes, { stream: true });
    return { text, isDamaged: false };
  } catch {
    return { text: new TextDecoder(encoding).decode(bytes), isDamaged: true };
  }
}

/** UTF-8 unless the first two bytes say otherwise: a redirect in Windows PowerShell writes UTF-16. */
function encodingOf([first, second]: Uint8Array): string {
  if (first === 0xff && second === 0xfe) return "utf-16le";
  return first === 0xfe && second === 0xff ? "utf-16be" : "utf-8";
}

/** The value of a JSON text; undefined when it is not JSON. */
export function tryJson(text: string): { value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) };
  } catch {
    return undefined;
  }
}

/** Levels of a JSON file; whatever walks a value, or writes it into a message, has room on the stack for these. */
const MAX_DEPTH = 100;

/** Whether lists and objects lie in each other deeper than that. */
function isDeep(value: unknown): boolean {
  let level = [value];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > MAX_DEPTH) return true;
    level = level.flatMap((inner) =>
      isContainer(inner) ? Object.values(inner as object).filter(isContainer) : [],
    );
  }
  return false;
}

const isContainer = (value: unknown): boolean => typeof value === "object" && value !== null;

/** The object that a small JSON file such as tokenizer.json holds. Throws UserError. */
export async function readJsonObject(source: ByteSource): Promise<JsonObject> {
  if (source.size === 0) throw new UserError(`${source.name} is empty: take it from the model's page again.`);
  const { text } = decodeText(await source.read(0, source.size));
  const parsed = tryJson(text);
  if (!parsed) throw new UserError(whyNotJson(source.name, text));
  if (isDeep(parsed.value))
    throw new UserError(
      `${source.name} is nested deeper than ${MAX_DEPTH} levels, as no file of a model is: it is damaged. Take it from the model's page again.`,
    );
  if (isObject(parsed.value)) return parsed.value;
  throw new UserError(
    `${source.name} holds ${nameOf(parsed.value)} where an object is needed: it is another file under this name. Take it from the model's page again.`,
  );
}

/** What a value is, for messages. */
export function nameOf(value: unknown): string {
  if (value === null || value === undefined) return "nothing";
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}

/** Why `text` of file `name` is not JSON, for a person: it ends inside something, or a character is wrong. */
export function whyNotJson(name: string, text: string): string {
  const { open } = outlineOf(text);
  const lines = text.split("\n").length;
  if (open)
    return `${name} is not whole JSON: it ends inside ${open} (line ${lines}), as a download that was cut off does. Get the file again.`;
  return `${name} is not JSON: a character that JSON does not allow stands in it (${lines} lines, ${text.length} characters). Correct it, or get the file again.`;
}

/** The skeleton of a text that may be broken JSON. */
export interface Outline {
  /** Where the commas between the members of the outermost list or object stand. */
  readonly commas: readonly number[];
  /** What is not closed at the end, for messages. */
  readonly open?: string;
}

export function outlineOf(text: string): Outline {
  const commas: number[] = [];
  let depth = 0;
  let isString = false;
  for (let at = 0; at < text.length; at++) {
    const char = text[at]!;
    if (isString && char === "\\") at++;
    else if (char === '"') isString = !isString;
    else if (isString) continue;
    else if (char === "{" || char === "[") depth++;
    else if (char === "}" || char === "]") depth--;
    else if (char === "," && depth === 1) commas.push(at);
  }
  if (isString) return { commas, open: "a text" };
  return depth > 0 ? { commas, open: "a list or an object" } : { commas };
}
