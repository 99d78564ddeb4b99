// The weights of a decoder's graph under their Hugging Face names and shapes. Asks for what config.json says, refuses what
// it does not fit, and refuses weights that it would leave out: half a model must not be trained.

import { UserError } from "../../common/errors.ts";
import { BlockMatrix } from "./block-matrix.ts";
import type { AdapterUse, TensorUse, WeightEdges } from "./edges.ts";
import type { Layout } from "./layout.ts";
import { layerNumbers } from "./layouts.ts";
import type { Matrix } from "./matrix.ts";
import type { OnnxNode } from "./messages.ts";
import type { DecoderWeights, MatrixUse, Part, VectorUse, Weight } from "./weight-uses.ts";
import type { DecoderShape } from "./shape.ts";
import { MergedMatrix } from "./merged-matrix.ts";
import { headScale, isFusedNorm, projectedHeads, scaleBefore } from "./norms.ts";
import { attentionRows } from "./shape.ts";

/** The `rows` rows of `matrix` from `first` on. */
const rowsOf = (matrix: Matrix, first: number, rows: number): Weight => ({
  shape: [rows, matrix.inputs],
  read: (row, count) => matrix.read(first + row, count),
  ...(matrix instanceof BlockMatrix &&
    matrix.blockType && {
      blocks: {
        type: matrix.blockType,
        read: (row: number, count: number) => matrix.readBlocks(first + row, count),
      },
    }),
});

/** Operators that hold weights of a projection. */
const PROJECTIONS: ReadonlySet<string> = new Set(["MatMul", "MatMulNBits", "Gemm", "Conv", "MatMulInteger"]);
const ADVICE = "Choose the config.json that lies beside the ONNX file.";

/** Output rows of a projection that belong to one Hugging Face module, e.g. `layers.0.mlp.up_proj`. */
type ModuleRows = readonly [module: string, rows: number];

const partsOf = (modules: readonly ModuleRows[], kind: "weight" | "bias"): Part[] =>
  modules.map(([module, rows]) => [`model.${module}.${kind}`, rows]);

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
  readonly #matrices: MatrixUse[] = [];
  readonly #vectors: VectorUse[] = [];

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
    this.#checkLayers();
    const { hidden, vocab, layers, tied } = this.#shape;
    const table: readonly ModuleRows[] = [["embed_tokens", vocab]];
    const { node, matrix: embedding } = this.#embedding();
    this.#addMatrix(node, embedding, table, hidden);
    let isPacked = false;
    for (let layer = 0; layer < layers; layer++) isPacked = this.#layer(layer) || isPacked;
    const headNode = this.#headNode();
    this.#addNorm("norm", headNode.inputs[0]);
    const head = this.#edges.matrix(headNode);
    checkShape(this.#file, head, vocab, hidden);
    if (!tied || head.tensorName !== embedding.tensorName)
      this.#weights.set("lm_head.weight", rowsOf(head, 0, vocab));
    const parts: Part[] = tied ? partsOf(table, "weight") : [["lm_head.weight", vocab]];
    this.#matrices.push({ node: headNode, matrix: head, parts });
    this.#refuseStrangers();
    return {
      weights: this.#weights,
      matrices: this.#matrices,
      vectors: this.#vectors,
      embedding,
      head,
      isPacked,
      hasAdapter: this.#matrices.some(({ adapter }) => adapter !== undefined),
    };
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
    const parts: ModuleRows[] = [
      [module("self_attn.q_proj"), q],
      [module("self_attn.k_proj"), k],
      [module("self_attn.v_proj"), v],
    ];
    const isPacked = this.#projections.has(`${attention}/qkv_proj`);
    const projected = isPacked
      ? [this.#projection(`${attention}/qkv_proj`, parts, hidden)]
      : ["q", "k", "v"].map((x, i) => this.#projection(`${attention}/${x}_proj`, [parts[i]!], hidden));
    this.#addNorm(module("input_layernorm"), projected[0]!.inputs[0]);
    this.#headNorms(module, projected[0]!, projected[1] ?? projected[0]!, isPacked);
    this.#projection(`${attention}/o_proj`, [[module("self_attn.o_proj"), hidden]], heads * headSize);
    const mlp = `/model/layers.${layer}/mlp`;
    const gate = this.#projection(`${mlp}/gate_proj`, [[module("mlp.gate_proj"), intermediate]], hidden);
    this.#addNorm(module("post_attention_layernorm"), gate.inputs[0]);
    this.#projection(`${mlp}/up_proj`, [[module("mlp.up_proj"), intermediate]], hidden);
    this.#projection(`${mlp}/down_proj`, [[module("mlp.down_proj"), hidden]], intermediate);
    return isPacked;
  }

  /** Adds the weights and biases of the node at `path`, whose output rows belong to `parts` in order; the node. */
  #projection(path: string, modules: readonly ModuleRows[], inputs: number): OnnxNode {
    const node = this.#projections.get(path);
    if (!node) throw this.#missing(path);
    const adapter = this.#edges.adapter(node);
    this.#addMatrix(node, this.#edges.matrix(node), modules, inputs, adapter);
    const bias = this.#edges.bias(adapter?.sum ?? node);
    if (bias) this.#addBias(bias, partsOf(modules, "bias"));
    return node;
  }

  #merged(base: Matrix, a: Matrix, b: Matrix): Matrix {
    checkShape(this.#file, a, a.outputs, base.inputs);
    checkShape(this.#file, b, base.outputs, a.outputs);
    return new MergedMatrix(base, a, b);
  }

  /** Adds the scale of the norm that makes `value`. */
  #addNorm(module: string, value: string | undefined): void {
    const scale = scaleBefore(this.#edges, value);
    if (!scale) throw this.#missing(`model.${module}.weight`);
    this.#addVector(module, scale, this.#shape.hidden);
  }

  /** Adds the scales of query and key heads, where the graph normalises them. */
  #headNorms(module: (name: string) => string, q: OnnxNode, k: OnnxNode, isPacked: boolean): void {
    const { headSize } = this.#shape;
    const { graph } = this.#edges;
    const values = [projectedHeads(graph, q, isPacked)[0], projectedHeads(graph, k, isPacked)[1]] as const;
    const scales = (["q", "k"] as const).map((kind, i) => headScale(this.#edges, values[i]!, kind, headSize));
    if (scales.every((scale) => scale === undefined)) return;
    (["q_norm", "k_norm"] as const).forEach((norm, i) => {
      const scale = scales[i];
      if (!scale) throw this.#missing(`model.${module(`self_attn.${norm}`)}.weight`);
      this.#addVector(module(`self_attn.${norm}`), scale, headSize);
    });
  }

  #addVector(module: string, use: TensorUse, size: number): void {
    const { type, dims } = use.tensor;
    const name = `model.${module}.weight`;
    if (type === "U8" || String(dims) !== String(size)) throw mismatch(this.#file, name, dims, [size]);
    this.#vectors.push({ ...use, parts: [[name, size]] });
    this.#weights.set(name, { shape: [size], read: (from, count) => use.tensor.read(from, count) });
  }

  #addMatrix(
    node: OnnxNode,
    matrix: Matrix,
    modules: readonly ModuleRows[],
    inputs: number,
    adapter?: AdapterUse,
  ): void {
    const parts = partsOf(modules, "weight");
    checkShape(this.#file, matrix, sum(parts), inputs);
    this.#matrices.push({ node, matrix, parts, ...(adapter && { adapter }) });
    const whole = adapter ? this.#merged(matrix, adapter.a, adapter.b) : matrix;
    let first = 0;
    for (const [name, rows] of parts) {
      this.#weights.set(name, rowsOf(whole, first, rows));
      first += rows;
    }
  }

  #addBias(use: TensorUse, parts: readonly Part[]): void {
    const { name, type, dims } = use.tensor;
    if (type === "U8" || String(dims) !== String(sum(parts)))
      throw mismatch(this.#file, name, dims, [sum(parts)]);
    this.#vectors.push({ ...use, parts });
    let first = 0;
    for (const [bias, rows] of parts) {
      const start = first;
      const read: Weight["read"] = (from, count) => use.tensor.read(start + from, count);
      this.#weights.set(bias, { shape: [rows], read });
      first += rows;
    }
  }

  /** [V,C] */
  #embedding(): { node: OnnxNode; matrix: Matrix } {
    const nodes = this.#edges.graph.nodes.filter(
      ({ name, op, inputs }) =>
        name.startsWith("/model/embed_tokens/Gather") ||
        (op.startsWith("Gather") && inputs[1] === "input_ids"),
    );
    const blocks = nodes.find(({ op }) => op === "GatherBlockQuantized");
    const { vocab, hidden } = this.#shape;
    if (blocks) return { node: blocks, matrix: this.#edges.blockTable(blocks, vocab, hidden) };
    const node = nodes.find(({ op }) => op === "Gather");
    if (!node) throw this.#missing("/model/embed_tokens/Gather");
    return { node, matrix: this.#edges.matrix(node) };
  }

  /** The node that makes the logits. */
  #headNode(): OnnxNode {
    const { producers } = this.#edges.graph;
    let node = producers.get("logits");
    // Logits of a float16 graph may be cast on their way out.
    if (node?.op === "Cast") node = producers.get(node.inputs[0] ?? "");
    if (!node) throw this.#missing("/lm_head/MatMul");
    return node;
  }

  /** A matrix or a norm that no part of the decoder asked for would be left out silently. */
  #refuseStrangers(): void {
    const { nodes, tensors } = this.#edges.graph;
    const isMatrix = (input: string): boolean => (tensors.get(input)?.dims.length ?? 0) === 2;
    const stranger = nodes.find(
      (node) =>
        !this.#edges.visited.has(node) &&
        (isFusedNorm(node) || (PROJECTIONS.has(node.op) && node.inputs.some(isMatrix))),
    );
    if (!stranger) return;
    throw new UserError(
      `${this.#file} has weights at "${stranger.name}" that a decoder of this kind does not have, so it is another kind of model. Use a Qwen2, Qwen3 or Llama model.`,
    );
  }

  #missing(what: string): UserError {
    return new UserError(
      `${this.#file} has no "${what}", which every decoder that is read here has: it is another kind of model, it is quantised in another way, or it is incomplete. Use a float32, float16 or 4-bit export of a Qwen2, Qwen3 or Llama model.`,
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
