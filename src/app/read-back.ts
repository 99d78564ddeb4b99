// An export opened again from where it was written, by the readers that open a person's own files, and its tensors held against
// the checkpoint: to the bit where a type only rounds, and within what 4 bits can tell where they are rounded into blocks.

import { bands } from "../common/bands.ts";
import { roundBfloat16 } from "../common/bf16.ts";
import { BugError, UserError } from "../common/errors.ts";
import { roundF16 } from "../common/f16.ts";
import { readJsonObject } from "../formats/json.ts";
import type { ByteSource } from "../formats/safetensors.ts";
import { adapterShapes, parsePeftConfig } from "../model/lora.ts";
import type { OpenedModel } from "../model/open-model.ts";
import { openModel } from "../model/open-model.ts";
import { checkFinite, checkShapes, rowReader } from "../model/parameters.ts";
import { openSafetensorsWeights } from "../model/shards.ts";
import type { AdapterAlone, TrainedModel } from "./trained-model.ts";
import { isAlone } from "./trained-model.ts";
import type { WeightForm } from "./weight-exports.ts";

/** What was written, as whoever opens it has it: a whole model, or an adapter for the base. */
export interface WrittenExport {
  readonly model?: OpenedModel;
  readonly adapter?: TrainedModel["trained"];
  /** The largest relative error (L2) of a tensor that was rounded to 4 bits; 0 where none was. */
  readonly blockError: number;
}

/**
 * Relative error of a tensor beyond which it was not rounded but damaged. Blocks of 32 normal numbers are off by 0.1 at 4 bits,
 * larger blocks and unequal numbers by more; another tensor by 1.4.
 */
const MAX_BLOCK_ERROR = 0.4;

/** Opens `files`, each under its name in the export. Throws UserError naming what is not as it was trained. */
export async function readBack(
  files: readonly ByteSource[],
  form: WeightForm,
  trained: TrainedModel | AdapterAlone,
): Promise<WrittenExport> {
  if (form === "adapter") return readAdapter(files, trained);
  if (isAlone(trained)) throw new BugError(`${form} was written without the weights of its base`);
  const model = await openModel(files, trained.model.name);
  checkShapes(
    trained.weights.names.map((name) => ({ name, shape: trained.weights.shape(name)! })),
    model.weights,
  );
  let blockError = 0;
  for (const name of trained.weights.names) {
    const [rows = 0, columns = 1] = trained.weights.shape(name)!;
    const type = model.weights.type?.(name);
    const read = rowReader(model.weights, name);
    for (const [row, count] of bands(0, rows, columns)) {
      const actual = await read(row, count);
      // A half that is too small for a number is infinite, as rounding has it.
      checkFinite(name, actual, model.weights.name, row * columns);
      const expected = await trained.weights.readRows(name, row, count);
      blockError = Math.max(blockError, distance(name, actual, expected, type));
    }
  }
  return { model, blockError };
}

/** PEFT's two files: the configuration says what was trained, and every tensor is there to the bit. */
async function readAdapter(
  files: readonly ByteSource[],
  { model, trained }: TrainedModel | AdapterAlone,
): Promise<WrittenExport> {
  const [config, weights] = ["adapter_config.json", "adapter_model.safetensors"].map((name) =>
    files.find((file) => file.name === name),
  );
  if (!config || !weights || !trained.lora) throw new BugError("an adapter was exported without its files");
  const lora = { ...parsePeftConfig(await readJsonObject(config), config.name), seed: trained.lora.seed };
  const { weights: source } = await openSafetensorsWeights([weights]);
  const shapes = [...adapterShapes(model.config, lora)].map(([name, shape]) => ({ name, shape }));
  checkShapes(shapes, source);
  checkShapes(shapes, trained.source);
  if (lora.alpha !== trained.lora.alpha)
    throw new UserError(
      `${config.name} says alpha ${lora.alpha}, and the run was trained with ${trained.lora.alpha}.`,
    );
  for (const { name } of shapes)
    distance(name, await source.read(name), await trained.source.read(name), "F32");
  return { adapter: { source, lora }, blockError: 0 };
}

/** 0 where `actual` is `expected` as `type` rounds it, the relative error of 4 bits. Throws UserError at any other difference. */
function distance(
  name: string,
  actual: Float32Array,
  expected: Float32Array,
  type: string | undefined,
): number {
  const round = type === undefined ? undefined : ROUNDED[type];
  if (isSame(actual, expected) || (round && isSame(actual, expected, round))) return 0;
  const error = type === "Q4" ? relativeError(actual, expected) : Infinity;
  if (error <= MAX_BLOCK_ERROR) return error;
  const how = error < Infinity ? ` (off by ${(100 * error).toFixed(0)} % of its size)` : "";
  throw new UserError(
    `"${name}" reads back from the file with other numbers than were trained${how}. The disk or the writer damaged it: export it again, or save another form.`,
  );
}

type Rounding = (values: Float32Array) => Float32Array;

/** What a file of each type makes of a number; what is no matrix may be a half in one of 4 bits. */
const ROUNDED: Readonly<Record<string, Rounding | undefined>> = {
  F16: roundF16,
  BF16: roundBfloat16,
  Q4: roundF16,
};

/** Numbers that are rounded at once. */
const CHUNK = 2 ** 20;

/** The same bits, the ones of `b` rounded first. */
function isSame(a: Float32Array, b: Float32Array, round: Rounding = (values) => values): boolean {
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at += CHUNK) {
    const [x, y] = [bitsOf(a.subarray(at, at + CHUNK)), bitsOf(round(b.subarray(at, at + CHUNK)))];
    for (let i = 0; i < x.length; i++) if (x[i] !== y[i]) return false;
  }
  return true;
}

const bitsOf = ({ buffer, byteOffset, length }: Float32Array): Uint32Array =>
  new Uint32Array(buffer, byteOffset, length);

function relativeError(actual: Float32Array, expected: Float32Array): number {
  let [error, size] = [0, 0];
  for (let i = 0; i < expected.length; i++) {
    error += (actual[i]! - expected[i]!) ** 2;
    size += expected[i]! ** 2;
  }
  return Math.sqrt(error / size);
}
