// Lets our engine join the peers' run: `PEERS_EXTRA=bench/peer.mjs node ../shared/peers/run-all.mjs`. Products and
// training steps on the shapes, weights and batches that every peer gets. Speaks to the run's host; measures nothing.

import { createServer } from "vite";

const PEERS = process.env.PEERS_DIR ?? new URL("../../shared/peers/", import.meta.url).pathname;
const { serve } = await import(`${PEERS}/lib/host.mjs`);
const { TRAIN, initParams, batch } = await import(`${PEERS}/lib/dims.mjs`);

const vite = await createServer({
  root: new URL("..", import.meta.url).pathname,
  configFile: false,
  server: { middlewareMode: true, hmr: false, ws: false, watch: null },
  appType: "custom",
  optimizeDeps: { noDiscovery: true },
  logLevel: "error",
});
const load = (path) => vite.ssrLoadModule(path);
const model = await load("/bench/reference-model.ts");
const { matmul } = await load("/src/ops/matmul.ts");
const { GpuAllocator } = await load("/src/gpu/index.ts");
const { packF16 } = await load("/src/common/f16.ts");

let recorder;
const device = async () => (recorder ??= await model.openBenchRecorder());

/** The peers' parameters, [in,out], under Hugging Face's names, [out,in]. */
function weights() {
  const values = new Map();
  const modules = {
    wq: "self_attn.q_proj.weight",
    wk: "self_attn.k_proj.weight",
    wv: "self_attn.v_proj.weight",
  };
  Object.assign(modules, {
    bq: "self_attn.q_proj.bias",
    bk: "self_attn.k_proj.bias",
    bv: "self_attn.v_proj.bias",
  });
  Object.assign(modules, {
    wo: "self_attn.o_proj.weight",
    wgate: "mlp.gate_proj.weight",
    wup: "mlp.up_proj.weight",
  });
  Object.assign(modules, {
    wdown: "mlp.down_proj.weight",
    norm1: "input_layernorm.weight",
    norm2: "post_attention_layernorm.weight",
  });
  for (const [name, { shape, data }] of Object.entries(initParams())) {
    if (name === "embed") values.set("model.embed_tokens.weight", { shape, data });
    else if (name === "norm") values.set("model.norm.weight", { shape, data });
    else {
      const [, layer, key] = /^l(\d+)\.(\w+)$/.exec(name);
      values.set(
        `model.layers.${layer}.${modules[key]}`,
        shape.length === 2 ? transposed(shape, data) : { shape, data },
      );
    }
  }
  return {
    name: "peers",
    shape: (name) => values.get(name)?.shape,
    read: async (name) => values.get(name).data,
  };
}

function transposed([rows, columns], data) {
  const result = new Float32Array(data.length);
  for (let r = 0; r < rows; r++)
    for (let c = 0; c < columns; c++) result[c * rows + r] = data[r * columns + c];
  return { shape: [columns, rows], data: result };
}

await serve({
  name: "Gradus",
  version: async () => "0.1.0",
  gemm: {
    dtypes: ["f32", "f16"],
    async prepare(form, M, K, N, dtype, { o, a, b }) {
      await device();
      const allocator = new GpuAllocator(recorder.gpu);
      const A = allocator.tensor("system", "a", o.a);
      const B = allocator.tensor("system", "b", o.b, dtype);
      const C = allocator.tensor("system", "c", [o.m, o.n]);
      recorder.write(A, a);
      recorder.write(B, dtype === "f16" ? packF16(b) : b);
      return {
        async run(times) {
          for (let i = 0; i < times; i++)
            matmul(recorder, { form, a: A, b: B, c: C, m: o.m, n: o.n, k: o.k });
          await recorder.done();
        },
        read: () => recorder.readF32(C),
        free: () => allocator.destroy(),
      };
    },
  },
  train: {
    variants: ["f32"],
    async open() {
      await device();
      if (TRAIN.hidden !== model.REFERENCE.hidden) throw new Error("the peers' reference model is not ours");
      const policy = await model.referencePolicy(recorder, weights());
      return {
        step(i) {
          const { x, y } = batch(i);
          return model.referenceStep(policy, model.asBatch(x, y), i + 1);
        },
      };
    },
  },
});
