// A decoder in double precision, written from the papers and Hugging Face's naming alone, one sequence at a time and slow:
// what the engine's families are judged by. Shares nothing with the engine but the description of a model.

/** What the test says of a model. `scaling` is Llama 3's: [factor, low, high, original positions]. */
export interface PlainModel {
  readonly layers: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headSize: number;
  readonly theta: number;
  readonly scaling?: readonly [number, number, number, number];
  readonly eps: number;
  /** By Hugging Face name: flat, row-major, matrices [out,in]. */
  readonly weights: ReadonlyMap<string, Float64Array>;
}

type Vector = readonly number[];

/** x W^T + b; without a bias of that name there is none. */
function linear({ weights }: PlainModel, name: string, x: Vector): number[] {
  const w = weights.get(`${name}.weight`)!;
  const bias = weights.get(`${name}.bias`);
  return Array.from({ length: w.length / x.length }, (_, row) =>
    x.reduce((sum, value, i) => sum + value * w[row * x.length + i]!, bias?.[row] ?? 0),
  );
}

function norm({ weights, eps }: PlainModel, name: string, x: Vector): number[] {
  const w = weights.get(`${name}.weight`);
  if (!w) return [...x];
  const meanSquare = x.reduce((sum, value) => sum + value * value, 0) / x.length;
  return x.map((value, i) => (value / Math.sqrt(meanSquare + eps)) * w[i]!);
}

function angleOf({ headSize, theta, scaling }: PlainModel, pair: number): number {
  const plain = 1 / theta ** ((2 * pair) / headSize);
  if (!scaling) return plain;
  const [factor, low, high, original] = scaling;
  const wavelength = (2 * Math.PI) / plain;
  if (wavelength > original / low) return plain / factor;
  if (wavelength < original / high) return plain;
  const smooth = (original / wavelength - low) / (high - low);
  return ((1 - smooth) * plain) / factor + smooth * plain;
}

/** One head turned by its position. */
function rotate(model: PlainModel, head: Vector, position: number): number[] {
  const half = model.headSize / 2;
  return head.map((value, i) => {
    const angle = position * angleOf(model, i % half);
    const other = i < half ? -head[i + half]! : head[i - half]!;
    return value * Math.cos(angle) + other * Math.sin(angle);
  });
}

/** Heads of the projection `name` of every token, [T][H][D], normalised where weights `norms` exist. */
function headsOf(
  model: PlainModel,
  prefix: string,
  kind: "q" | "k" | "v",
  xs: readonly Vector[],
): number[][][] {
  return xs.map((x, position) => {
    const flat = linear(model, `${prefix}.${kind}_proj`, x);
    const count = flat.length / model.headSize;
    return Array.from({ length: count }, (_, h) => {
      const head = flat.slice(h * model.headSize, (h + 1) * model.headSize);
      return kind === "v" ? head : rotate(model, norm(model, `${prefix}.${kind}_norm`, head), position);
    });
  });
}

function softmax(scores: Vector): number[] {
  const peak = Math.max(...scores);
  const weights = scores.map((score) => Math.exp(score - peak));
  const total = weights.reduce((a, b) => a + b, 0);
  return weights.map((weight) => weight / total);
}

function attend(model: PlainModel, prefix: string, xs: readonly Vector[]): number[][] {
  const [q, k, v] = (["q", "k", "v"] as const).map((kind) => headsOf(model, prefix, kind, xs));
  return xs.map((_, t) => {
    const out = Array.from({ length: model.heads }, (_unused, h) => {
      const kv = Math.floor(h / (model.heads / model.kvHeads));
      const scores = k!
        .slice(0, t + 1)
        .map(
          (keys) =>
            keys[kv]!.reduce((sum, value, d) => sum + value * q![t]![h]![d]!, 0) / Math.sqrt(model.headSize),
        );
      const share = softmax(scores);
      return Array.from({ length: model.headSize }, (_none, d) =>
        share.reduce((sum, weight, s) => sum + weight * v![s]![kv]![d]!, 0),
      );
    });
    return linear(model, `${prefix}.o_proj`, out.flat());
  });
}

const added = (a: readonly Vector[], b: readonly Vector[]): number[][] =>
  a.map((row, t) => row.map((value, i) => value + b[t]![i]!));

/** Logits [T][V] after each token. */
export function plainLogits(model: PlainModel, tokens: readonly number[]): number[][] {
  const embedding = model.weights.get("model.embed_tokens.weight")!;
  const hidden = model.weights.get("model.norm.weight")!.length;
  let xs: number[][] = tokens.map((id) => [...embedding.subarray(id * hidden, (id + 1) * hidden)]);
  for (let layer = 0; layer < model.layers; layer++) {
    const at = `model.layers.${layer}`;
    const first = xs.map((x) => norm(model, `${at}.input_layernorm`, x));
    xs = added(xs, attend(model, `${at}.self_attn`, first));
    const mlp = xs.map((x) => {
      const y = norm(model, `${at}.post_attention_layernorm`, x);
      const [gate, up] = [linear(model, `${at}.mlp.gate_proj`, y), linear(model, `${at}.mlp.up_proj`, y)];
      const gated = gate.map((g, i) => (g / (1 + Math.exp(-g))) * up[i]!);
      return linear(model, `${at}.mlp.down_proj`, gated);
    });
    xs = added(xs, mlp);
  }
  const head = model.weights.has("lm_head.weight") ? "lm_head" : "model.embed_tokens";
  return xs.map((x) => linear(model, head, norm(model, "model.norm", x)));
}

/** Log-probabilities of the tokens from `promptLength` on, at temperature 1. */
export function plainLogProbs(model: PlainModel, tokens: readonly number[], promptLength: number): number[] {
  const logits = plainLogits(model, tokens);
  return tokens
    .slice(promptLength)
    .map((token, i) => Math.log(softmax(logits[promptLength + i - 1]!)[token]!));
}
