// ONNX Runtime and our engine on what real exporters wrote, of every family and precision: they must say the same, and a
// weight that only one of them has must show.

import { existsSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

import { judgedTokens, judgeModel } from "../../../src/app/judge.ts";
import { UserError } from "../../../src/common/errors.ts";
import { openTokenizer } from "../../../src/formats/tokenizer.ts";
import type { OpenedModel } from "../../../src/model/open-model.ts";
import { checkByOnnxRuntime } from "../../../src/node/train/check-model.ts";
import { compare } from "../../../src/rollout/onnxruntime/judge.ts";
import { sharedPath, sourceOf } from "../../formats/fixtures.ts";
import { BYTE_LEVEL } from "../../formats/tiny-tokenizers.ts";
import { sharedRecorder } from "../../harness.ts";
import { openExport } from "../../model/open-export.ts";

const FIXTURES = fileURLToPath(new URL("../../fixtures", import.meta.url));
/** Exports that ONNX Runtime's processor backend has no kernel for: attention that normalises query and key heads itself. */
const HAS_NO_KERNEL = /^(v0\.15\.2|main)-webgpu-(fp16|fp32|int4)$/;

const FAMILIES = [
  ["the fixtures", `${FIXTURES}/qwen2-tied`, `${FIXTURES}/onnx`],
  ...["qwen2-tied", "qwen3-tied", "llama-tied"].map((name) => {
    const folder = sharedPath(`models/${name}`);
    return [`../shared/data/models/${name}`, folder, `${folder}/exports`] as const;
  }),
] as const;

describe.for(FAMILIES)("%s", ([name, family, folder]) => {
  const exports = existsSync(folder) ? readdirSync(folder).filter((entry) => !entry.endsWith(".md")) : [];
  test.skipIf(exports.length === 0)(`${name}: exports are there`, () => {
    expect(exports.length).toBeGreaterThan(1);
  });

  const isKnown = (entry: string): boolean => !(name.includes("qwen3") && HAS_NO_KERNEL.test(entry));

  for (const entry of exports.filter(isKnown)) {
    test(`${entry} computes here what it computes in ONNX Runtime`, async () => {
      const verdict = await judgeModel(
        await sharedRecorder(),
        await openExport(family, `${folder}/${entry}`),
      );
      expect(verdict).toMatchObject({ kind: "agrees", tokens: 32, backend: "wasm" });
      expect(verdict!.message).toMatch(
        /^ONNX Runtime agrees: worst log-probability difference \d\.\de-\d over 32 tokens \(WebAssembly\)\.$/,
      );
      const worst = verdict!.kind === "skipped" ? Infinity : verdict!.worst;
      if (/fp32/.test(entry) && !/int4/.test(entry)) expect(worst).toBeLessThan(1e-5);
    });
  }

  for (const entry of exports.filter((other) => !isKnown(other))) {
    test(`${entry} is not compared, and the node without a kernel is named`, async () => {
      const verdict = await judgeModel(
        await sharedRecorder(),
        await openExport(family, `${folder}/${entry}`),
      );
      expect(verdict!.kind).toBe("skipped");
      expect(verdict!.message).toMatch(
        /^Not compared: ONNX Runtime cannot run this graph: node \/model\/layers\.0\/attn\/GroupQueryAttention /,
      );
    });
  }
});

describe("a weight that only one engine has shows:", () => {
  const openFixture = (): Promise<OpenedModel> =>
    openExport(`${FIXTURES}/qwen2-tied`, `${FIXTURES}/onnx/tjs-fp16`);

  /** `model` with every number of weight `name` changed for our engine alone. */
  const tampered = (model: OpenedModel, name: string, change: (value: number) => number): OpenedModel => ({
    ...model,
    weights: {
      name: model.weights.name,
      shape: (other) => model.weights.shape(other),
      read: async (other) => {
        const values = await model.weights.read(other);
        return other === name ? values.map(change) : values;
      },
    },
  });

  test.each([
    ["a norm", "model.norm.weight", (value: number) => 1.1 * value],
    ["a bias", "model.layers.1.self_attn.k_proj.bias", (value: number) => value + 1],
    ["a matrix", "model.layers.0.mlp.down_proj.weight", (value: number) => -value],
  ] as const)("%s", async (_, name, change) => {
    const model = tampered(await openFixture(), name, change);
    const verdict = await judgeModel(await sharedRecorder(), model);
    expect(verdict).toMatchObject({ kind: "differs", tolerance: 2e-2 });
    expect(verdict!.message).toMatch(
      /^ONNX Runtime differs: log-probabilities are up to .* apart over 32 tokens/,
    );
  });

  test("and the command line refuses to train it", async () => {
    const recorder = await sharedRecorder();
    const model = tampered(await openFixture(), "model.norm.weight", (value) => 1.1 * value);
    const refused = checkByOnnxRuntime(recorder, model, { isSkipped: false });
    await expect(refused).rejects.toMatchObject({
      name: "UserError",
      message: expect.stringMatching(
        /^ONNX Runtime differs: .* Add --no-judge to train it all the same\.$/,
      ) as string,
    });
    expect(await checkByOnnxRuntime(recorder, model, { isSkipped: true })).toMatch(/^Not compared/);
    const whole = await checkByOnnxRuntime(recorder, await openFixture(), { isSkipped: false });
    expect(whole).toMatch(/^ONNX Runtime agrees/);
  });

  test("a number that is none is as far off as can be", () => {
    const theirs = { logProbs: Float32Array.of(-1, NaN), backend: "wasm" } as const;
    expect(compare(Float32Array.of(-1, -2), theirs, 1)).toMatchObject({ kind: "differs", worst: Infinity });
  });
});

test("judging can be given up between two stages, and leaves nothing on the device", async () => {
  const recorder = await sharedRecorder();
  const model = await openExport(`${FIXTURES}/qwen2-tied`, `${FIXTURES}/onnx/tjs-fp16`);
  const before = recorder.gpu.liveBytes;
  const stages: string[] = [];
  const giveUp = new AbortController();
  const judging = judgeModel(recorder, model, {
    signal: giveUp.signal,
    onStage: (stage) => {
      stages.push(stage);
      giveUp.abort(new Error("given up"));
    },
  });
  await expect(judging).rejects.toThrow("given up");
  expect(stages).toEqual(["Running the file in ONNX Runtime"]);
  expect(recorder.gpu.liveBytes).toBe(before);
});

test("a model without an ONNX file has no verdict", async () => {
  const { onnx: _, ...model } = await openExport(`${FIXTURES}/qwen2-tied`, `${FIXTURES}/onnx/tjs-fp16`);
  expect(await judgeModel(await sharedRecorder(), model)).toBeUndefined();
});

test("the tokens are of the text, and of any kind where the vocabulary has none for it", async () => {
  const bytes = await openTokenizer(sourceOf("tokenizer.json", BYTE_LEVEL));
  const tokens = judgedTokens(bytes);
  expect(bytes.decode(tokens)).toBe("Maria has 48 apples and gives hal");
  const encode = (): number[] => {
    throw new UserError("no token for M");
  };
  const others = judgedTokens({ encode, vocabSize: 7 });
  expect(others.length).toBe(33);
  expect(new Set(others)).toEqual(new Set([0, 1, 2, 3, 4, 5, 6]));
});
