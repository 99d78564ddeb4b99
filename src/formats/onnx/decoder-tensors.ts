// The tensors of a decoder's ONNX graph from weights under Hugging Face names: matrices transposed to [in,out], q, k and v
// side by side, the rotary table. Each is made when it is written, so that one at a time lies in memory.

import { rotaryFrequencies } from "../../common/rotary.ts";
import { UserError } from "../../common/errors.ts";
import { ONE } from "./decoder-graph.ts";
import type { TensorSpec } from "./encode.ts";
import { DATA_TYPE } from "./encode.ts";
import type { DecoderShape } from "./shape.ts";
import { attentionRows } from "./shape.ts";

/** Weights by Hugging Face name; any reader of weights is one. */
export interface NamedWeights {
  /** Shown in messages. */
  readonly name: string;
  shape(name: string): readonly number[] | undefined;
  /** Values, f32, row-major. */
  read(name: string): Promise<Float32Array>;
}

/** Hugging Face weights and their rows. */
type Part = readonly [name: string, rows: number];

/** Every tensor of the graph. Throws UserError when `source` lacks one or has it in another shape. */
export function graphTensors(shape: DecoderShape, source: NamedWeights, hasBias: boolean): TensorSpec[] {
  const { hidden, layers, vocab, tied } = shape;
  const embedding: Part = ["model.embed_tokens.weight", vocab];
  return [
    integer(ONE.list, [1]),
    integer(ONE.scalar, []),
    ...rotaryTables(shape),
    ...(tied ? [] : [joined(source, embedding[0], [embedding], [hidden])]),
    ...Array.from({ length: layers }, (_, layer) => layerTensors(shape, source, layer, hasBias)).flat(),
    joined(source, `model.layers.${layers}.final_norm_layernorm.weight`, [["model.norm.weight", hidden]]),
    transposed(source, "lm_head.MatMul.weight", [tied ? embedding : ["lm_head.weight", vocab]], hidden),
  ];
}

function layerTensors(
  shape: DecoderShape,
  source: NamedWeights,
  layer: number,
  hasBias: boolean,
): TensorSpec[] {
  const { hidden, intermediate, heads, headSize } = shape;
  const prefix = `model.layers.${layer}`;
  const qkv = (kind: string): Part[] =>
    ["q", "k", "v"].map((x, i) => [`${prefix}.self_attn.${x}_proj.${kind}`, attentionRows(shape)[i]!]);
  const matrix = (path: string, module: string, rows: number, inputs: number): TensorSpec =>
    transposed(source, `${prefix}.${path}.MatMul.weight`, [[`${prefix}.${module}.weight`, rows]], inputs);
  const norm = (name: string): TensorSpec =>
    joined(source, `${prefix}.${name}.weight`, [[`${prefix}.${name}.weight`, hidden]]);
  return [
    norm("input_layernorm"),
    transposed(source, `${prefix}.attn.qkv_proj.MatMul.weight`, qkv("weight"), hidden),
    ...(hasBias ? [joined(source, `${prefix}.attn.qkv_proj.Add.bias`, qkv("bias"))] : []),
    matrix("attn.o_proj", "self_attn.o_proj", hidden, heads * headSize),
    norm("post_attention_layernorm"),
    matrix("mlp.gate_proj", "mlp.gate_proj", intermediate, hidden),
    matrix("mlp.up_proj", "mlp.up_proj", intermediate, hidden),
    matrix("mlp.down_proj", "mlp.down_proj", hidden, intermediate),
  ];
}

const bytesOf = (values: Float32Array): Uint8Array =>
  new Uint8Array(values.buffer, values.byteOffset, values.byteLength);

const integer = (name: string, dims: readonly number[]): TensorSpec => ({
  name,
  dims,
  type: DATA_TYPE.int64,
  bytes: () => Promise.resolve(new Uint8Array(BigInt64Array.of(1n).buffer)),
});

/** Cosines and sines [maxPositions,headSize/2], computed in float64 as the engine's own table is. */
function rotaryTables(shape: DecoderShape): TensorSpec[] {
  const frequencies = rotaryFrequencies(shape.headSize, shape.ropeTheta);
  const pairs = frequencies.length;
  const table = (name: string, turn: (angle: number) => number): TensorSpec => ({
    name,
    dims: [shape.maxPositions, pairs],
    type: DATA_TYPE.float,
    bytes: () => {
      const angle = (i: number): number => Math.floor(i / pairs) * frequencies[i % pairs]!;
      const values = Float32Array.from({ length: shape.maxPositions * pairs }, (_, i) => turn(angle(i)));
      return Promise.resolve(bytesOf(values));
    },
  });
  return [table("cos_cache", Math.cos), table("sin_cache", Math.sin)];
}

/** Parts [rows,...rest] one after the other, as they are. */
function joined(
  source: NamedWeights,
  name: string,
  parts: readonly Part[],
  rest: readonly number[] = [],
): TensorSpec {
  for (const [part, rows] of parts) checkPart(source, part, [rows, ...rest]);
  return {
    name,
    dims: [rowsOf(parts), ...rest],
    type: DATA_TYPE.float,
    async bytes() {
      const [only, ...others] = parts;
      if (only && others.length === 0) return bytesOf(await readPart(source, only[0]));
      const values: number[] = [];
      for (const [part] of parts) values.push(...(await readPart(source, part)));
      return bytesOf(Float32Array.from(values));
    },
  };
}

/** Parts [rows,inputs] side by side as [inputs, all rows]. */
function transposed(source: NamedWeights, name: string, parts: readonly Part[], inputs: number): TensorSpec {
  for (const [part, rows] of parts) checkPart(source, part, [rows, inputs]);
  const columns = rowsOf(parts);
  return {
    name,
    dims: [inputs, columns],
    type: DATA_TYPE.float,
    async bytes() {
      const result = new Float32Array(inputs * columns);
      let first = 0;
      for (const [part, rows] of parts) {
        scatterTransposed(await readPart(source, part), rows, inputs, result.subarray(first), columns);
        first += rows;
      }
      return bytesOf(result);
    },
  };
}

/** Rows handled together, so that writes stay near each other. */
const TILE_ROWS = 32;

/** `values` [rows,inputs] transposed into the first `rows` columns of `into` [inputs,columns]. */
function scatterTransposed(
  values: Float32Array,
  rows: number,
  inputs: number,
  into: Float32Array,
  columns: number,
): void {
  for (let row = 0; row < rows; row += TILE_ROWS) {
    const end = Math.min(row + TILE_ROWS, rows);
    for (let i = 0; i < inputs; i++) {
      for (let r = row; r < end; r++) into[i * columns + r] = values[r * inputs + i]!;
    }
  }
}

const rowsOf = (parts: readonly Part[]): number => parts.reduce((sum, [, rows]) => sum + rows, 0);

function checkPart(source: NamedWeights, name: string, wanted: readonly number[]): void {
  const found = source.shape(name);
  if (found && String(found) === String(wanted)) return;
  throw new UserError(
    `${source.name} has ${found ? `"${name}" with shape [${found}]` : `no "${name}"`}, and an ONNX model of this configuration needs it with shape [${wanted}]: the weights and the configuration do not belong together.`,
  );
}

/** Values of `name`; throws UserError at one that is not finite, since such a model answers nothing. */
async function readPart(source: NamedWeights, name: string): Promise<Float32Array> {
  const values = await source.read(name);
  const at = values.findIndex((value) => !Number.isFinite(value));
  if (at < 0) return values;
  throw new UserError(
    `"${name}" in ${source.name} holds ${values[at]} at element ${at}, so the model would answer nothing: its training diverged. Export an earlier checkpoint.`,
  );
}
