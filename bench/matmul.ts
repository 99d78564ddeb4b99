// Matrix products at the sizes of a 0.5-billion-parameter model: every kernel against the naive one and against a plain
// 64 x 64 tiled kernel, interleaved in one run because only ratios count; then the skinny products of decoding.

import { packF16 } from "../src/common/f16.ts";
import type { Recorder, Tensor } from "../src/gpu/index.ts";
import { GpuAllocator, openRecorder } from "../src/gpu/index.ts";
import { installWebGpu } from "../src/node/adapter.ts";
import { chooseMatmul } from "../src/ops/matmul-choice.ts";
import type { MatmulForm, MatmulVariant } from "../src/ops/matmul-variants.ts";
import { FAST_VARIANTS, MATMUL_FORMS, SKINNY_VARIANTS, supportsVariant } from "../src/ops/matmul-variants.ts";
import type { MatmulArgs } from "../src/ops/matmul.ts";
import { matmul, matmulSkinnyWith, matmulWith } from "../src/ops/matmul.ts";

export const summary = "matrix products: every kernel against naive and against a plain tiled one [rounds]";

const TOKENS = 256;
/** [inputs, outputs] of o_proj, qkv_proj, gate_proj or up_proj, down_proj of Qwen2.5-0.5B. */
const LAYERS = [
  [896, 896],
  [896, 1152],
  [896, 4864],
  [4864, 896],
] as const;
const STORAGES = ["f32", "f16"] as const;
type Storage = (typeof STORAGES)[number];
const SKINNY_ROWS = [1, 8, 32] as const;
const ROUNDS = 3;
/** Samples of at least this long, so that a fast device is not measured by its latency. */
const SAMPLE_MS = 5;

interface Sizes {
  readonly form: MatmulForm;
  readonly m: number;
  readonly n: number;
  readonly k: number;
}

/** The product of `form` for a layer with weight [outputs,inputs] on TOKENS rows. */
function sizesOf(form: MatmulForm, inputs: number, outputs: number): Sizes {
  if (form === "nt") return { form, m: TOKENS, n: outputs, k: inputs };
  if (form === "nn") return { form, m: TOKENS, n: inputs, k: outputs };
  return { form, m: outputs, n: inputs, k: TOKENS };
}

/**
 * The yardstick of all measurements: what one writes first after naive. 64 x 64 tiles in workgroup memory, 4 x 4 values a
 * thread, scalar loads, sizes known to the compiler; with f16, all three matrices are f16 and it needs shader-f16.
 */
function plainTiled({ form, m, n, k }: Sizes, type: Storage): string {
  const loadA =
    form === "tn"
      ? `tile_a[t / 16u][t % 16u][i] = f32(a[(k0 + t / 16u) * ${m}u + row0 + t % 16u * 4u + i]);`
      : `tile_a[t % 4u * 4u + i][t / 16u][t / 4u % 4u] = f32(a[(row0 + t / 4u) * ${k}u + k0 + t % 4u * 4u + i]);`;
  const loadB =
    form === "nt"
      ? `tile_b[t % 4u * 4u + i][t / 16u][t / 4u % 4u] = f32(b[(column0 + t / 4u) * ${k}u + k0 + t % 4u * 4u + i]);`
      : `tile_b[t / 16u][t % 16u][i] = f32(b[(k0 + t / 16u) * ${n}u + column0 + t % 16u * 4u + i]);`;
  return `${type === "f16" ? "enable f16;" : ""}
struct Params { unused: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<${type}>;
@group(0) @binding(2) var<storage, read> b: array<${type}>;
@group(0) @binding(3) var<storage, read_write> c: array<vec4<${type}>>;
var<workgroup> tile_a: array<array<vec4f, 16>, 16>;
var<workgroup> tile_b: array<array<vec4f, 16>, 16>;
@compute @workgroup_size(16, 16)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_id) local: vec3u) {
  var sum: array<vec4f, 4>;
  let row0 = id.y * 64u + params.unused;
  let column0 = id.x * 64u;
  let t = local.y * 16u + local.x;
  for (var k0 = 0u; k0 < ${k}u; k0 += 16u) {
    for (var i = 0u; i < 4u; i++) { ${loadA} ${loadB} }
    workgroupBarrier();
    for (var k = 0u; k < 16u; k++) {
      let x = tile_a[k][local.y];
      let y = tile_b[k][local.x];
      sum[0] += x.x * y; sum[1] += x.y * y; sum[2] += x.z * y; sum[3] += x.w * y;
    }
    workgroupBarrier();
  }
  for (var i = 0u; i < 4u; i++) { c[((row0 + local.y * 4u + i) * ${n}u + column0) / 4u + local.x] = vec4<${type}>(sum[i]); }
}`;
}

/** Operands for every form of one layer: `a` and `b` hold as much as the largest needs. */
interface Operands {
  readonly a: Readonly<Record<Storage, Tensor>>;
  readonly b: Readonly<Record<Storage, Tensor>>;
  readonly c: Tensor;
}

function makeOperands(
  recorder: Recorder,
  allocator: GpuAllocator,
  inputs: number,
  outputs: number,
): Operands {
  const make = (label: string, count: number): Record<Storage, Tensor> => {
    const values = Float32Array.from({ length: count }, (_, i) => ((i * 2654435761) % 1021) / 1021 - 0.5);
    const f32 = allocator.tensor("system", label, [count]);
    const f16 = allocator.tensor("system", label, [count], "f16");
    recorder.write(f32, values);
    recorder.write(f16, packF16(values));
    return { f32, f16 };
  };
  const widest = TOKENS * Math.max(inputs, outputs);
  return {
    a: make("a", widest),
    b: make("b", Math.max(widest, inputs * outputs)),
    c: allocator.tensor("system", "c", [Math.max(widest, inputs * outputs)]),
  };
}

interface Contender {
  readonly name: string;
  readonly record: () => void;
  readonly times: number[];
}

function contenders(recorder: Recorder, operands: Operands, sizes: Sizes, type: Storage): Contender[] {
  const args: MatmulArgs = { ...sizes, a: operands.a.f32, b: operands.b[type], c: operands.c };
  const variants: MatmulVariant[] = [
    "naive",
    ...FAST_VARIANTS.filter((name) => supportsVariant(recorder.gpu, name)),
  ];
  const plainType = type === "f16" && recorder.gpu.features.has("shader-f16") ? "f16" : "f32";
  const shader = {
    name: `plain_${plainType}_${Object.values(sizes).join("_")}`,
    code: plainTiled(sizes, plainType),
  };
  const kernel = recorder.gpu.compiler.kernel(shader, "main");
  const { m, n, k } = sizes;
  const plain = (): void =>
    recorder.dispatch({
      kernel,
      params: { unused: 0 },
      tensors: { a: operands.a[plainType], b: operands.b[plainType], c: operands.c },
      workgroups: [n / 64, m / 64],
      work: 2 * m * n * k,
    });
  return [
    { name: "plain", record: plain, times: [] },
    ...variants.map((name) => ({ name, record: () => matmulWith(recorder, name, args), times: [] })),
    { name: "matmul", record: () => matmul(recorder, args), times: [] },
  ];
}

const median = (values: readonly number[]): number => {
  const sorted = values.toSorted((x, y) => x - y);
  return sorted[sorted.length >> 1]!;
};

async function milliseconds(recorder: Recorder, record: () => void, repeats: number): Promise<number> {
  await recorder.done();
  const start = performance.now();
  for (let i = 0; i < repeats; i++) record();
  await recorder.done();
  return (performance.now() - start) / repeats;
}

/** Samples every contender once a round, in rotating order, after one round of warming up. */
async function race(recorder: Recorder, list: readonly Contender[], rounds: number): Promise<void> {
  let shortest = Infinity;
  for (const { record } of list) shortest = Math.min(shortest, await milliseconds(recorder, record, 2));
  const repeats = Math.ceil(SAMPLE_MS / Math.max(shortest, 0.01));
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < list.length; i++) {
      const { record, times } = list[(i + round) % list.length]!;
      times.push(await milliseconds(recorder, record, repeats));
    }
  }
}

/** Median over rounds of how much faster `contender` was than `base` in the same round. */
const ratio = (base: Contender, contender: Contender): number =>
  median(contender.times.map((ms, round) => base.times[round]! / ms));

const geometricMean = (values: readonly number[]): number =>
  Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);

async function general(recorder: Recorder, rounds: number): Promise<void> {
  const ratios = new Map<string, { plain: number[]; naive: number[] }>();
  console.log(
    "| B | form | m x n x k | kernel | GFLOP/s | x plain | x naive |\n|---|---|---|---|---:|---:|---:|",
  );
  for (const [inputs, outputs] of LAYERS) {
    const allocator = new GpuAllocator(recorder.gpu);
    const operands = makeOperands(recorder, allocator, inputs, outputs);
    for (const type of STORAGES) {
      for (const form of MATMUL_FORMS) {
        const sizes = sizesOf(form, inputs, outputs);
        const list = contenders(recorder, operands, sizes, type);
        await race(recorder, list, rounds);
        const naive = list.find(({ name }) => name === "naive")!;
        for (const contender of list) {
          const { name, times } = contender;
          const speed = { plain: ratio(list[0]!, contender), naive: ratio(naive, contender) };
          const sums = ratios.get(`${type} ${name}`) ?? { plain: [], naive: [] };
          ratios.set(`${type} ${name}`, {
            plain: [...sums.plain, speed.plain],
            naive: [...sums.naive, speed.naive],
          });
          const rate = (2 * sizes.m * sizes.n * sizes.k) / median(times) / 1e6;
          console.log(
            `| ${type} | ${form} | ${sizes.m} x ${sizes.n} x ${sizes.k} | ${name} | ${rate.toFixed(2)} | ${speed.plain.toFixed(2)} | ${speed.naive.toFixed(2)} |`,
          );
        }
      }
    }
    allocator.destroy();
  }
  console.log(
    "\nGeometric means over layers and forms:\n\n| B | kernel | x plain | x naive |\n|---|---|---:|---:|",
  );
  for (const [key, { plain, naive }] of ratios) {
    console.log(
      `| ${key.replace(" ", " | ")} | ${geometricMean(plain).toFixed(2)} | ${geometricMean(naive).toFixed(2)} |`,
    );
  }
}

async function skinny(recorder: Recorder, rounds: number): Promise<void> {
  console.log(
    "\n| B | rows | n x k | kernel | ms | GFLOP/s | weight GB/s |\n|---|---:|---|---|---:|---:|---:|",
  );
  for (const [k, n] of LAYERS) {
    const allocator = new GpuAllocator(recorder.gpu);
    const { a, b, c } = makeOperands(recorder, allocator, k, n);
    for (const type of STORAGES) {
      for (const r of SKINNY_ROWS) {
        const args: MatmulArgs = { form: "nt", m: r, n, k, a: a.f32, b: b[type], c };
        const list = SKINNY_VARIANTS.filter((name) => supportsVariant(recorder.gpu, name)).map((name) => ({
          name,
          record: () => matmulSkinnyWith(recorder, name, args),
          times: [],
        }));
        await race(recorder, list, rounds);
        for (const { name, times } of list) {
          const ms = median(times);
          console.log(
            `| ${type} | ${r} | ${n} x ${k} | ${name} | ${ms.toFixed(2)} | ${((2 * r * n * k) / ms / 1e6).toFixed(2)} | ${((b[type].bytes / ms) * 1e-6).toFixed(2)} |`,
          );
        }
      }
    }
    allocator.destroy();
  }
}

/** `rounds` defaults to 3; medians over them. */
export default async function run([rounds]: readonly string[]): Promise<void> {
  const recorder = await openRecorder({ gpu: await installWebGpu() });
  const { products, skinny: few } = await chooseMatmul(recorder);
  const chosen = [...Object.entries(products), ...STORAGES.map((type) => [`skinny ${type}`, few[type]])];
  console.log(
    `adapter: ${recorder.gpu.adapterName}; medians of ${Number(rounds ?? ROUNDS)} rounds\nchosen: ${chosen.map((pair) => pair.join(": ")).join(", ")}\n`,
  );
  await general(recorder, Number(rounds ?? ROUNDS));
  await skinny(recorder, Number(rounds ?? ROUNDS));
}
