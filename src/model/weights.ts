// A decoder's weights as the kernels want them: q, k, v in one matrix, gate and up in one, the vocabulary axis cut where
// a binding would be too large. Says for every Hugging Face parameter where it lies; moves no data itself.

import { ceilDiv, PlanAllocator } from "../gpu/index.ts";
import type { DecoderConfig } from "./config.ts";
import { FAMILIES } from "./families.ts";
import type { Storage, Stored } from "./pools.ts";
import { FrozenStorage } from "./pools.ts";

/** Some of the elements of a named parameter: `count` from element `start` lie at element `offset` of `stored`. */
export interface Piece {
  readonly stored: Stored;
  readonly offset: number;
  readonly start: number;
  readonly count: number;
}

/** A parameter under its Hugging Face (or PEFT) name. */
export interface Parameter {
  readonly name: string;
  readonly shape: readonly number[];
  readonly pieces: readonly Piece[];
}

/** Rows of a projection that belong to one Hugging Face module. */
export interface LinearPart {
  /** `self_attn.q_proj`. */
  readonly module: string;
  /** First output row. */
  readonly row: number;
  readonly rows: number;
}

/** y = x W^T + b with W [out,in]; several modules that read the same input are stacked along `out`. */
export interface Linear {
  readonly weight: Stored;
  readonly bias?: Stored;
  readonly inputs: number;
  readonly outputs: number;
  readonly parts: readonly LinearPart[];
}

/** The four stacked projections of a layer. */
export const LINEARS = ["qkv", "o", "gateUp", "down"] as const;
export type LinearName = (typeof LINEARS)[number];

export interface LayerWeights extends Record<LinearName, Linear> {
  readonly inputNorm: Stored;
  /** Scales of query and key heads, [D] each, where the family normalises them. */
  readonly headNorms?: { readonly q: Stored; readonly k: Stored };
  readonly postNorm: Stored;
}

/** Rows `row .. row + rows - 1` of a matrix over the vocabulary, [rows,C]. */
export interface VocabShard {
  readonly stored: Stored;
  readonly row: number;
  readonly rows: number;
}

export interface DecoderWeights {
  readonly embedding: readonly VocabShard[];
  readonly layers: readonly LayerWeights[];
  readonly finalNorm: Stored;
  /** The same shards as `embedding` when tied. */
  readonly head: readonly VocabShard[];
  readonly parameters: readonly Parameter[];
}

/** Modules stacked in each projection, with their output rows. */
export function linearParts(
  config: DecoderConfig,
): Record<LinearName, { inputs: number; bias: boolean; parts: LinearPart[] }> {
  const { family, hidden, heads, kvHeads, headSize, intermediate } = config;
  const [q, kv] = [heads * headSize, kvHeads * headSize];
  return {
    qkv: {
      inputs: hidden,
      bias: FAMILIES[family].hasQkvBias,
      parts: stack("self_attn", ["q_proj", q], ["k_proj", kv], ["v_proj", kv]),
    },
    o: { inputs: q, bias: false, parts: stack("self_attn", ["o_proj", hidden]) },
    gateUp: {
      inputs: hidden,
      bias: false,
      parts: stack("mlp", ["gate_proj", intermediate], ["up_proj", intermediate]),
    },
    down: { inputs: intermediate, bias: false, parts: stack("mlp", ["down_proj", hidden]) },
  };
}

function stack(scope: string, ...modules: [string, number][]): LinearPart[] {
  let row = 0;
  return modules.map(([name, rows]) => {
    const part = { module: `${scope}.${name}`, row, rows };
    row += rows;
    return part;
  });
}

/**
 * Takes every tensor of the model from `storage`, in a fixed order, and lists the parameters. Matrices over the
 * vocabulary are cut into shards of at most `maxShardElements`.
 */
export function buildWeights(
  config: DecoderConfig,
  storage: Storage,
  maxShardElements: number,
): DecoderWeights {
  const parameters: Parameter[] = [];
  const vector = (name: string, size: number): Stored => {
    const stored = storage.take(name, [size]);
    parameters.push({ name, shape: [size], pieces: [{ stored, offset: 0, start: 0, count: size }] });
    return stored;
  };
  const vocabMatrix = (name: string): VocabShard[] => {
    const shards = vocabShards(config, name, storage, maxShardElements);
    const pieces = shards.map(({ stored, row, rows }) => ({
      stored,
      offset: 0,
      start: row * config.hidden,
      count: rows * config.hidden,
    }));
    parameters.push({ name, shape: [config.vocab, config.hidden], pieces });
    return shards;
  };
  const embedding = vocabMatrix("model.embed_tokens.weight");
  const kinds = linearParts(config);
  const layers = Array.from({ length: config.layers }, (_, index): LayerWeights => {
    const prefix = `model.layers.${index}`;
    const linear = (name: LinearName): Linear => takeLinear(prefix, name, kinds[name], storage, parameters);
    return {
      inputNorm: vector(`${prefix}.input_layernorm.weight`, config.hidden),
      qkv: linear("qkv"),
      ...(FAMILIES[config.family].hasHeadNorms && {
        headNorms: {
          q: vector(`${prefix}.self_attn.q_norm.weight`, config.headSize),
          k: vector(`${prefix}.self_attn.k_norm.weight`, config.headSize),
        },
      }),
      o: linear("o"),
      postNorm: vector(`${prefix}.post_attention_layernorm.weight`, config.hidden),
      gateUp: linear("gateUp"),
      down: linear("down"),
    };
  });
  const finalNorm = vector("model.norm.weight", config.hidden);
  const head = config.tied ? embedding : vocabMatrix("lm_head.weight");
  return { embedding, layers, finalNorm, head, parameters };
}

/** Shape of every parameter by its Hugging Face name, e.g. [out,in], without allocating anything. */
export function parameterShapes(config: DecoderConfig): ReadonlyMap<string, readonly number[]> {
  const onPaper = new FrozenStorage(new PlanAllocator(), "f32");
  return new Map(buildWeights(config, onPaper, Infinity).parameters.map(({ name, shape }) => [name, shape]));
}

/** Rows of a shard are a multiple of this where they can be, so that no chunk of one has an odd end. */
const SHARD_ROWS = 64;

function vocabShards(
  { vocab, hidden }: DecoderConfig,
  name: string,
  storage: Storage,
  maxElements: number,
): VocabShard[] {
  const most = Math.max(1, Math.floor(maxElements / hidden));
  const perShard = most >= vocab ? vocab : most - (most > SHARD_ROWS ? most % SHARD_ROWS : 0);
  return Array.from({ length: ceilDiv(vocab, perShard) }, (_, i) => {
    const row = i * perShard;
    const rows = Math.min(perShard, vocab - row);
    return { stored: storage.take(`${name}.rows${row}`, [rows, hidden], [name]), row, rows };
  });
}

function takeLinear(
  prefix: string,
  name: LinearName,
  { inputs, bias, parts }: { inputs: number; bias: boolean; parts: LinearPart[] },
  storage: Storage,
  parameters: Parameter[],
): Linear {
  const last = parts.at(-1)!;
  const outputs = last.row + last.rows;
  const names = parts.map(({ module }) => `${prefix}.${module}.weight`);
  const weight = storage.take(`${prefix}.${name}.weight`, [outputs, inputs], names);
  const biases = bias ? storage.take(`${prefix}.${name}.bias`, [outputs]) : undefined;
  for (const { module, row, rows } of parts) {
    const piece = { stored: weight, offset: row * inputs, start: 0, count: rows * inputs };
    parameters.push({ name: `${prefix}.${module}.weight`, shape: [rows, inputs], pieces: [piece] });
    if (!biases) continue;
    parameters.push({
      name: `${prefix}.${module}.bias`,
      shape: [rows],
      pieces: [{ stored: biases, offset: row, start: 0, count: rows }],
    });
  }
  return { weight, ...(biases && { bias: biases }), inputs, outputs, parts };
}
