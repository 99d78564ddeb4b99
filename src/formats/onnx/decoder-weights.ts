// The weights of a decoder's graph under their Hugging Face names and shapes. Asks for what config.json says, refuses what
// it does not fit, and refuses weights that it would leave out: half a model must not be trained.

import { UserError } from "../../common/errors.ts";
import type { Blocks4, Q4Type } from "../../common/q4.ts";
import { BlockMatrix } from "./block-matrix.ts";
import type { WeightEdges } from "./edges.ts";
import type { Layout } from "./layout.ts";
import { layerNumbers } from "./layouts.ts";
import type { Matrix } from "./matrix.ts";
import type { OnnxNode } from "./messages.ts";
import type { DecoderShape } from "./shape.ts";
import { attentionRows } from "./shape.ts";
import type { OnnxTensor } from "./tensor.ts";

export interface Weight {
  readonly shape: readonly number[];
  /** Values, f32, row-major. */
  read(): Promise<Float32Array>;
  /** Where the file has it in 4-bit blocks that a device can hold as they are. */
  readonly blocks?: { readonly type: Q4Type; read(): Promise<Blocks4> };
}

/** Rows `row` to `row + rows - 1` of `matrix`. */
const rowsOf = (matrix: Matrix, row: number, rows: number): Weight => ({
  shape: [rows, matrix.inputs],
  read: () => matrix.read(row, rows),
  ...(matrix instanceof BlockMatrix &&
    matrix.blockType && { blocks: { type: matrix.blockType, read: () => matrix.readBlocks(row, rows) } }),
});

export interface DecoderWeights {
  readonly weights: ReadonlyMap<string, Weight>;
  /** Matrices of the projections, as the graph has them: q, k, v are one where they are packed. */
  readonly matrices: readonly Matrix[];
  /** [V,C] */
  readonly embedding: Matrix;
  /** [V,C]; the same tensor as the embedding, a copy of it, or another matrix. */
  readonly head: Matrix;
  readonly isPacked: boolean;
}

/** Operators that hold weights of a projection. */
const PROJECTIONS: ReadonlySet<string> = new Set(["MatMul", "MatMulNBits", "Gemm", "Conv", "MatMulInteger"]);
const ADVICE = "Choose the config.json that lies beside the ONNX file.";

/** Output rows of a projection that belong to one Hugging Face module, e.g. `layers.0.mlp.up_proj`. */
type Part = readonly [module: string, rows: number];

/** Finds every weight of a decoder of `shape`. Throws UserError when one is missing, unexpected or of another shape. */
export function findDecoderWeights(edges: WeightEdges, layout: Layout, shape: DecoderShape): DecoderWeights {
  return new DecoderFinder(edges, layout, shape).find();
}

class DecoderFinder {
  readonly #edges: WeightEdges;
  readonly #layout: Layout;
  readonly #shape: DecoderShape;
  readonly #file: string;
  /** Nodes that multiply with weights, by the path before their own name. */
  readonly #projections = new Map<string, OnnxNode>();
  readonly #weights = new Map<string, Weight>();
  readonly #matrices: Matrix[] = [];

  constructor(edges: WeightEdges, layout: Layout, shape: DecoderShape) {
    this.#edges = edges;
    this.#layout = layout;
    this.#shape = shape;
    this.#file = edges.graph.source.name;
    for (const node of edges.graph.nodes) {
      const path = node.name.slice(0, node.name.lastIndexOf("/"));
      if (PROJECTIONS.has(node.op) && !this.#projections.has(path)) this.#projections.set(path, node);
    }
  }

  find(): DecoderWeights {
    this.#refuseAdapter();
    this.#checkLayers();
    const { hidden, vocab, layers, tied } = this.#shape;
    const embedding = this.#embedding();
    this.#addMatrix(embedding, [["embed_tokens", vocab]], hidden);
    let isPacked = false;
    for (let layer = 0; layer < layers; layer++) isPacked = this.#layer(layer) || isPacked;
    this.#norms();
    const head = this.#head();
    checkShape(this.#file, head, vocab, hidden);
    if (!tied || head.tensorName !== embedding.tensorName)
      this.#weights.set("lm_head.weight", rowsOf(head, 0, vocab));
    this.#refuseStrangers();
    return { weights: this.#weights, matrices: this.#matrices, embedding, head, isPacked };
  }

  #refuseAdapter(): void {
    const node = this.#edges.graph.nodes.find(({ name }) => /\/lora_[AB]\//.test(name));
    if (!node) return;
    throw new UserError(
      `${this.#file} holds a LoRA adapter beside its weights ("${node.name}"), and would be read without it. Export the model without the adapter, or with the adapter merged into it.`,
    );
  }

  #checkLayers(): void {
    const found = layerNumbers(this.#edges.graph, this.#layout).size;
    if (found === this.#shape.layers) return;
    throw new UserError(
      `${this.#file} has ${found} decoder layers, and its configuration asks for ${this.#shape.layers}: the two do not belong together. ${ADVICE}`,
    );
  }

  /** Adds the weights of layer `layer`; true when q, k, v are one matrix. */
  #layer(layer: number): boolean {
    const { hidden, intermediate, heads, headSize } = this.#shape;
    const attention = `/model/layers.${layer}/${this.#layout.attention}`;
    const module = (name: string): string => `layers.${layer}.${name}`;
    const [q, k, v] = attentionRows(this.#shape);
    const parts: Part[] = [
      [module("self_attn.q_proj"), q],
      [module("self_attn.k_proj"), k],
      [module("self_attn.v_proj"), v],
    ];
    const isPacked = this.#projections.has(`${attention}/qkv_proj`);
    if (isPacked) this.#projection(`${attention}/qkv_proj`, parts, hidden);
    else ["q", "k", "v"].forEach((x, i) => this.#projection(`${attention}/${x}_proj`, [parts[i]!], hidden));
    this.#projection(`${attention}/o_proj`, [[module("self_attn.o_proj"), hidden]], heads * headSize);
    const mlp = `/model/layers.${layer}/mlp`;
    this.#projection(`${mlp}/gate_proj`, [[module("mlp.gate_proj"), intermediate]], hidden);
    this.#projection(`${mlp}/up_proj`, [[module("mlp.up_proj"), intermediate]], hidden);
    this.#projection(`${mlp}/down_proj`, [[module("mlp.down_proj"), hidden]], intermediate);
    return isPacked;
  }

  /** Adds the weights and biases of the node at `path`, whose output rows belong to `parts` in order. */
  #projection(path: string, parts: readonly Part[], inputs: number): void {
    const node = this.#projections.get(path);
    if (!node) throw this.#missing(path);
    this.#addMatrix(this.#edges.matrix(node), parts, inputs);
    const bias = this.#edges.bias(node);
    if (bias) this.#addBias(bias, parts);
  }

  #addMatrix(matrix: Matrix, parts: readonly Part[], inputs: number): void {
    checkShape(this.#file, matrix, sum(parts), inputs);
    this.#matrices.push(matrix);
    let first = 0;
    for (const [module, rows] of parts) {
      this.#weights.set(`model.${module}.weight`, rowsOf(matrix, first, rows));
      first += rows;
    }
  }

  #addBias(bias: OnnxTensor, parts: readonly Part[]): void {
    if (bias.type === "U8" || String(bias.dims) !== String(sum(parts)))
      throw mismatch(this.#file, bias.name, bias.dims, [sum(parts)]);
    let first = 0;
    for (const [module, rows] of parts) {
      const from = first;
      this.#weights.set(`model.${module}.bias`, { shape: [rows], read: () => bias.read(from, rows) });
      first += rows;
    }
  }

  /** [V,C] */
  #embedding(): Matrix {
    const nodes = this.#edges.graph.nodes.filter(({ name }) => name.startsWith("/model/embed_tokens/Gather"));
    const blocks = nodes.find(({ op }) => op === "GatherBlockQuantized");
    if (blocks) return this.#edges.blockTable(blocks, this.#shape.vocab, this.#shape.hidden);
    const node = nodes.find(({ op }) => op === "Gather");
    if (!node) throw this.#missing("/model/embed_tokens/Gather");
    return this.#edges.matrix(node);
  }

  /** The matrix that makes the logits, [V,C]. */
  #head(): Matrix {
    const { producers } = this.#edges.graph;
    let node = producers.get("logits");
    // Logits of a float16 graph may be cast on their way out.
    if (node?.op === "Cast") node = producers.get(node.inputs[0] ?? "");
    if (!node) throw this.#missing("/lm_head/MatMul");
    return this.#edges.matrix(node);
  }

  /** Adds the weights of the norms, and checks that those of a decoder are there. */
  #norms(): void {
    const { layers, hidden } = this.#shape;
    for (const name of this.#edges.graph.tensors.keys()) {
      const known = this.#layout.vectorName(name, layers);
      if (known === undefined) continue;
      const tensor = this.#edges.tensor(name)!;
      this.#weights.set(known, { shape: tensor.dims, read: () => tensor.read() });
    }
    const perLayer = ["input_layernorm", "post_attention_layernorm"];
    const needed = Array.from({ length: layers }, (_, n) => perLayer.map((norm) => `layers.${n}.${norm}`));
    for (const norm of ["norm", ...needed.flat()]) {
      const found = this.#weights.get(`model.${norm}.weight`);
      if (!found) throw this.#missing(`model.${norm}.weight`);
      if (String(found.shape) !== String(hidden))
        throw mismatch(this.#file, `model.${norm}.weight`, found.shape, [hidden]);
    }
  }

  /** A matrix that no part of the decoder asked for would be left out silently. */
  #refuseStrangers(): void {
    const { nodes, tensors } = this.#edges.graph;
    const isMatrix = (input: string): boolean => (tensors.get(input)?.dims.length ?? 0) === 2;
    const stranger = nodes.find(
      (node) => PROJECTIONS.has(node.op) && !this.#edges.visited.has(node) && node.inputs.some(isMatrix),
    );
    if (!stranger) return;
    throw new UserError(
      `${this.#file} has weights at "${stranger.name}" that a decoder of this kind does not have, so it is another kind of model. Use a Qwen2 or Qwen2.5 model.`,
    );
  }

  #missing(what: string): UserError {
    return new UserError(
      `${this.#file} has no "${what}", which every decoder that is read here has: it is another kind of model, it is quantised in another way, or it is incomplete. Use a float32, float16 or 4-bit export of a Qwen2 or Qwen2.5 model.`,
    );
  }
}

const sum = (parts: readonly Part[]): number => parts.reduce((total, [, rows]) => total + rows, 0);

function checkShape(
  file: string,
  { outputs, inputs, tensorName }: Matrix,
  rows: number,
  columns: number,
): void {
  if (outputs !== rows || inputs !== columns)
    throw mismatch(file, tensorName, [outputs, inputs], [rows, columns]);
}

const mismatch = (
  file: string,
  name: string,
  found: readonly number[],
  wanted: readonly number[],
): UserError =>
  new UserError(
    `Weights "${name}" in ${file} have shape [${found}], and the configuration asks for [${wanted}]: the two do not belong together. ${ADVICE}`,
  );
