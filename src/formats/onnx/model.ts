// Opens an ONNX decoder as a source of named weights with Hugging Face's names and shapes, whoever exported it. Checks that
// the graph and config.json are of one model. Runs nothing: the graph's operators are not executed here.

import { BugError, UserError } from "../../common/errors.ts";
import type { Blocks4, Q4Type } from "../../common/q4.ts";
import type { ByteSource } from "../safetensors.ts";
import { checkAgainstConfig } from "./config-check.ts";
import { findDecoderWeights } from "./decoder-weights.ts";
import { WeightEdges } from "./edges.ts";
import type { OnnxGraph } from "./graph.ts";
import { openOnnxGraph } from "./graph.ts";
import type { Layout } from "./layout.ts";
import { recogniseLayout } from "./layouts.ts";
import type { Matrix } from "./matrix.ts";
import { StoredMatrix } from "./matrix.ts";
import type { DecoderShape } from "./shape.ts";
import type { ExternalFiles } from "./tensor.ts";
import type { DecoderWeights, MatrixUse } from "./weight-uses.ts";

export interface OnnxFiles {
  readonly model: ByteSource;
  /** Finds a data file beside the model by the name that the model gives it. */
  readonly external?: ExternalFiles;
  /** From the model's config.json. */
  readonly config: DecoderShape;
}

/** What was recognised, to show to the user. */
export interface OnnxDescription {
  readonly layout: Layout["name"];
  /** `onnxruntime-genai`, `pytorch`, ...; may be empty. */
  readonly producer: string;
  /** Version of the operator set `ai.onnx`. */
  readonly opset: number;
  /** Of the projections; 4-bit blocks are de-quantised on reading. */
  readonly weightType: Matrix["type"];
  /** The graph computes in halves, which round more than float32 does. */
  readonly computesInHalves: boolean;
  readonly isQkvPacked: boolean;
  /** The file holds a low-rank adapter, which is added to the weights that it belongs to. */
  readonly isAdapterMerged: boolean;
  /** `tied`: one matrix is embedding and head; `copy`: config.json ties them, the file holds two; `own`: two. */
  readonly head: "tied" | "copy" | "own";
  readonly takesPositionIds: boolean;
}

/** Weights by Hugging Face name. */
export class OnnxModel {
  readonly name: string;
  readonly names: readonly string[];
  readonly description: OnnxDescription;
  readonly #found: DecoderWeights;

  constructor(name: string, found: DecoderWeights, description: OnnxDescription) {
    this.name = name;
    this.names = [...found.weights.keys()];
    this.description = description;
    this.#found = found;
  }

  /** Shape of a weight, [out,in] or [size]; undefined when the model has none of that name. */
  shape(name: string): readonly number[] | undefined {
    return this.#found.weights.get(name)?.shape;
  }

  /** Values of a weight, f32, row-major. Throws UserError when there is none of that name or the file ends early. */
  async read(name: string): Promise<Float32Array> {
    const weight = this.#found.weights.get(name);
    if (!weight) {
      throw new UserError(
        `${this.name} has no weights "${name}": the file and its configuration do not belong together.`,
      );
    }
    const values = await weight.read();
    if (name === "model.embed_tokens.weight" && this.description.head === "copy")
      await checkCopy(this.name, values, this.#found.head);
    return values;
  }

  /** How the file stores its weights; of a 4-bit file that is said of all of them. */
  type(): Matrix["type"] {
    return this.description.weightType;
  }

  /** Form of a weight that the file has in 4-bit blocks; undefined for others. */
  blockType(name: string): Q4Type | undefined {
    return this.#found.weights.get(name)?.blocks?.type;
  }

  /** The blocks of a weight that has a `blockType`. */
  readBlocks(name: string): Promise<Blocks4> {
    const blocks = this.#found.weights.get(name)?.blocks;
    if (!blocks) throw new BugError(`${this.name} has no blocks of "${name}"`);
    return blocks.read();
  }
}

/** A decoder's graph, and where its weights are used. */
export interface DecoderGraph {
  readonly graph: OnnxGraph;
  readonly layout: Layout;
  readonly edges: WeightEdges;
  readonly found: DecoderWeights;
}

/** Finds a decoder's weights. Throws UserError when it is not one, not whole, or not of `files.config`. */
export async function openDecoderGraph({ model, external, config }: OnnxFiles): Promise<DecoderGraph> {
  const graph = await openOnnxGraph(model);
  const layout = recogniseLayout(graph);
  const edges = new WeightEdges(graph, external ?? (() => undefined));
  const found = findDecoderWeights(edges, layout, config);
  await checkAgainstConfig(edges, config);
  return { graph, layout, edges, found };
}

/** Opens an ONNX decoder. Throws UserError as `openDecoderGraph` does. */
export async function openOnnxModel(files: OnnxFiles): Promise<OnnxModel> {
  const { model, config } = files;
  const { graph, layout, found } = await openDecoderGraph(files);
  const isOne = found.embedding.tensorName === found.head.tensorName;
  return new OnnxModel(model.name, found, {
    layout: layout.name,
    producer: graph.producer,
    opset: graph.opset,
    weightType: weightType(found.matrices),
    computesInHalves: found.vectors.every(({ tensor }) => tensor.type === "F16"),
    isQkvPacked: found.isPacked,
    isAdapterMerged: found.hasAdapter,
    head: config.tied ? (isOne ? "tied" : "copy") : "own",
    takesPositionIds: graph.inputs.includes("position_ids"),
  });
}

/** Of the projections: the embedding may be of floats beside 4-bit blocks. */
const weightType = (matrices: readonly MatrixUse[]): Matrix["type"] => {
  const types = matrices.map(({ matrix }) => matrix.type);
  return types.find((type) => type === "Q4") ?? types.at(-1)!;
};

/**
 * A tied model whose file holds two matrices must hold the same numbers twice, or one would be lost: compares the first
 * and last columns of `embedding` [V,C] with a float head. A 4-bit head is the embedding, rounded, and is left out.
 */
async function checkCopy(file: string, embedding: Float32Array, head: Matrix): Promise<void> {
  if (!(head instanceof StoredMatrix) || !head.isTransposed) return;
  for (const column of new Set([0, head.inputs - 1])) {
    const values = await head.readColumn(column);
    const row = values.findIndex((value, v) => value !== embedding[v * head.inputs + column]);
    if (row < 0) continue;
    throw new UserError(
      `The embedding and the output head in ${file} differ (token ${row}: ${embedding[row * head.inputs + column]} and ${values[row]}), and its configuration says tie_word_embeddings: one of the two would be lost. Use the config.json of this model, or set tie_word_embeddings to false in it.`,
    );
  }
}
