// What config.json would say of a decoder, read off its ONNX graph: for people who have the one file and not the other. Every
// number is one that the graph computes with; what it does not hold is named, not guessed.

import { toHalfBits } from "../../common/f16.ts";
import type { RotaryScaling } from "../../common/rotary.ts";
import type { JsonObject } from "../json.ts";
import { WeightEdges } from "./edges.ts";
import { openOnnxGraph } from "./graph.ts";
import type { Layout } from "./layout.ts";
import { layerNumbers, recogniseLayout } from "./layouts.ts";
import type { Matrix } from "./matrix.ts";
import { StoredMatrix } from "./matrix.ts";
import type { OnnxNode } from "./messages.ts";
import { numberAttribute } from "./messages.ts";
import type { OnnxFiles } from "./model.ts";
import { headScale, isFusedNorm, projectedHeads } from "./norms.ts";
import { refuseQuantisation } from "./quantisation.ts";
import { fitRotary } from "./rotary-fit.ts";
import { pairSpeeds, rotaryTables } from "./rotary-speeds.ts";

/** Fields of config.json; undefined where the graph does not tell. */
export type GraphConfig = Readonly<Record<string, unknown>>;

/** Operators that multiply with weights. */
const PRODUCTS: ReadonlySet<string> = new Set(["MatMul", "MatMulNBits"]);
const ATTENTION: ReadonlySet<string> = new Set(["GroupQueryAttention", "MultiHeadAttention"]);
/** Rows of embedding and head that are compared. */
const COMPARED_ROWS = 16;
/** Two rounded copies of a matrix point the same way; two matrices that were trained apart do not. */
const SAME_DIRECTION = 0.9;

/** Reads the configuration of an ONNX decoder off its graph. Throws UserError when it is no decoder that is read here. */
export async function configOfGraph({ model, external }: Omit<OnnxFiles, "config">): Promise<GraphConfig> {
  const graph = await openOnnxGraph(model);
  refuseQuantisation(graph);
  const edges = new WeightEdges(graph, external ?? (() => undefined));
  return new GraphReader(edges, recogniseLayout(graph)).read();
}

class GraphReader {
  readonly #edges: WeightEdges;
  readonly #layout: Layout;

  constructor(edges: WeightEdges, layout: Layout) {
    this.#edges = edges;
    this.#layout = layout;
  }

  async read(): Promise<GraphConfig> {
    const speeds = await pairSpeeds(this.#edges);
    const headSize = speeds && 2 * speeds.length;
    const head = this.#head();
    const rotary = speeds && fitRotary(speeds);
    const positions = rotaryTables(this.#edges)?.cosines.dims[0];
    return {
      ...familyFields(this.#family(headSize)),
      hidden_act: "silu",
      num_hidden_layers: layerNumbers(this.#edges.graph, this.#layout).size,
      hidden_size: head?.inputs,
      vocab_size: head?.outputs,
      intermediate_size: this.#product("mlp/gate_proj")?.matrix.outputs,
      head_dim: headSize,
      ...this.#heads(headSize),
      max_position_embeddings: positions,
      ...this.#window(positions),
      rms_norm_eps: await this.#epsilon(),
      rope_theta: rotary?.ropeTheta,
      rope_scaling: rotary && scalingField(rotary.ropeScaling),
      tie_word_embeddings: head && (await this.#isTied(head)),
    };
  }

  /** The product at `path` of the first layer. */
  #product(path: string): { node: OnnxNode; matrix: Matrix } | undefined {
    const [first = 0] = [...layerNumbers(this.#edges.graph, this.#layout)].toSorted((a, b) => a - b);
    const wanted = `/model/layers.${first}/${path}/`;
    const node = this.#edges.graph.nodes.find(
      ({ name, op }) =>
        PRODUCTS.has(op) && name.startsWith(wanted) && !name.slice(wanted.length).includes("/"),
    );
    return node && { node, matrix: this.#edges.matrix(node) };
  }

  /** [V,C] */
  #head(): Matrix | undefined {
    const { producers } = this.#edges.graph;
    let node = producers.get("logits");
    if (node?.op === "Cast") node = producers.get(node.inputs[0] ?? "");
    return node && this.#edges.matrix(node);
  }

  /** [V,C] */
  #embedding({ outputs, inputs }: Matrix): Matrix | undefined {
    const node = this.#edges.graph.nodes.find(
      (candidate) => candidate.op.startsWith("Gather") && candidate.inputs[1] === "input_ids",
    );
    if (node?.op === "GatherBlockQuantized") return this.#edges.blockTable(node, outputs, inputs);
    return node && this.#edges.matrix(node);
  }

  #heads(headSize: number | undefined): GraphConfig {
    const attention = this.#edges.graph.nodes.find(({ op }) => ATTENTION.has(op));
    const rows = (path: string): number | undefined => this.#product(this.#attention(path))?.matrix.outputs;
    const given = (attribute: string): number | undefined =>
      (attention && numberAttribute(attention, attribute, 0)) || undefined;
    const counted = (path: string): number | undefined => {
      const count = (rows(path) ?? NaN) / (headSize ?? NaN);
      return Number.isInteger(count) ? count : undefined;
    };
    return {
      num_attention_heads: given("num_heads") ?? counted("q_proj"),
      num_key_value_heads: given("kv_num_heads") ?? counted("k_proj"),
    };
  }

  /** A window that ends before the positions do; whether the model was trained with it the graph does not tell. */
  #window(positions = Infinity): GraphConfig {
    const windows = this.#edges.graph.nodes.map((node) => numberAttribute(node, "local_window_size", -1));
    const window = windows.find((size) => size > 0 && size < positions);
    return window === undefined ? {} : { sliding_window: window };
  }

  readonly #attention = (path: string): string => `${this.#layout.attention}/${path}`;

  /** Only Qwen3 normalises heads, and only Qwen2 adds biases to q, k and v. */
  #family(headSize: number | undefined): "qwen2" | "qwen3" | "llama" {
    const packed = this.#product(this.#attention("qkv_proj"));
    const product = packed ?? this.#product(this.#attention("q_proj"));
    if (!product) return "llama";
    const { node } = product;
    const [query] = projectedHeads(this.#edges.graph, node, packed !== undefined);
    if (headSize !== undefined && headScale(this.#edges, query, "q", headSize)) return "qwen3";
    return this.#edges.bias(this.#edges.adapter(node)?.sum ?? node) ? "qwen2" : "llama";
  }

  /** What a norm adds to the mean square: of a fused one its attribute, else the number that is added to a mean. */
  async #epsilon(): Promise<number | undefined> {
    const { nodes, producers, tensors } = this.#edges.graph;
    const fused = nodes.find(isFusedNorm);
    if (fused) return decimal(numberAttribute(fused, "epsilon", 0), (x) => Math.fround(x));
    for (const { op, inputs } of nodes) {
      if (op !== "Add" || !inputs.some((input) => producers.get(input)?.op === "ReduceMean")) continue;
      const constant = inputs.find((input) => producers.get(input)?.op !== "ReduceMean") ?? "";
      const maker = producers.get(constant);
      const tensor = tensors.has(constant) ? this.#edges.tensor(constant) : undefined;
      if (tensor?.count === 1)
        return decimal((await tensor.read())[0]!, tensor.type === "F16" ? toHalfBits : (x) => Math.fround(x));
      if (maker?.op === "Constant") return decimal(numberAttribute(maker, "value", 0), (x) => Math.fround(x));
    }
    return undefined;
  }

  /** Whether the head is the embedding: one tensor, or two that hold the same numbers, one of them rounded perhaps. */
  async #isTied(head: Matrix): Promise<boolean | undefined> {
    const embedding = this.#embedding(head);
    if (!embedding) return undefined;
    if (embedding.tensorName === head.tensorName) return true;
    const rows = Math.min(COMPARED_ROWS, head.outputs);
    if (head instanceof StoredMatrix && head.isTransposed) {
      // Rows of it lie scattered over all of the file; a column does not.
      const [column, values] = [await head.readColumn(0, 0, rows), await embedding.read(0, rows)];
      return column.every((value, row) => value === values[row * embedding.inputs]);
    }
    const [a, b] = [await head.read(0, rows), await embedding.read(0, rows)];
    const dot = (x: Float32Array, y: Float32Array): number =>
      x.reduce((sum, value, i) => sum + value * y[i]!, 0);
    return dot(a, b) > SAME_DIRECTION * Math.sqrt(dot(a, a) * dot(b, b));
  }
}

const ARCHITECTURES = { qwen2: "Qwen2", qwen3: "Qwen3", llama: "Llama" } as const;

const familyFields = (family: keyof typeof ARCHITECTURES): GraphConfig => ({
  architectures: [`${ARCHITECTURES[family]}ForCausalLM`],
  model_type: family,
});

function scalingField(scaling: RotaryScaling | undefined): JsonObject | null {
  if (!scaling) return null;
  if (scaling.type === "linear") return { rope_type: "linear", factor: scaling.factor };
  return {
    rope_type: "llama3",
    factor: scaling.factor,
    low_freq_factor: scaling.lowFrequencyFactor,
    high_freq_factor: scaling.highFrequencyFactor,
    original_max_position_embeddings: scaling.originalPositions,
  };
}

/** The shortest decimal that `round` rounds as it does `value`, which was one before it was stored; undefined for none above 0. */
function decimal(value: number, round: (value: number) => number): number | undefined {
  if (!(value > 0 && value < Infinity)) return undefined;
  const digits = Array.from({ length: 9 }, (_, i) => Number(value.toPrecision(i + 1)));
  return digits.find((candidate) => round(candidate) === round(value)) ?? value;
}
