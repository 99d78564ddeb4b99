// Which engine writes a run's responses: ONNX Runtime end to end under training, refused where it cannot be, and chosen by
// measurement once for the whole run. In Node its sessions run on the processor.

import { beforeAll, describe, expect, test } from "vitest";

import { writeOnnxModel } from "../../src/formats/onnx/write.ts";
import { bytesSource } from "../../src/formats/safetensors.ts";
import type { Recorder } from "../../src/gpu/index.ts";
import { parseDecoderConfig } from "../../src/model/config.ts";
import type { OpenedModel } from "../../src/model/open-model.ts";
import { openModel } from "../../src/model/open-model.ts";
import type { RunEvent } from "../../src/rl/events.ts";
import { createRun, planRun } from "../../src/rl/run.ts";
import type { RunInputs } from "../../src/app/kept-run.ts";
import {
  keepingIn,
  memoryStore,
  TINY_JSON,
  tinyConfig,
  tinyFiles,
  tinyInputs,
  tinyRecorder,
  tinyWeights,
  train,
} from "./tiny-run.ts";

let recorder: Recorder;
let model: OpenedModel;
beforeAll(async () => {
  recorder = await tinyRecorder();
  model = await openModel(await onnxFiles(), "tiny");
});

/** The tiny model's files with its weights as ONNX. */
async function onnxFiles() {
  const tensors = new Map(tinyWeights().map(([name, shape, values]) => [name, { shape, values }]));
  const source = {
    name: "tiny",
    names: [...tensors.keys()],
    shape: (name: string) => tensors.get(name)?.shape,
    read: (name: string) => Promise.resolve(tensors.get(name)!.values),
  };
  const bytes = await writeOnnxModel(parseDecoderConfig(TINY_JSON, "config.json"), source);
  const others = tinyFiles().filter(({ name }) => !name.endsWith(".safetensors"));
  return [...others, bytesSource("model.onnx", bytes)];
}

const LORA = {
  "actor_rollout_ref.model.lora_rank": 4,
  "actor_rollout_ref.model.lora_alpha": 8,
  "trainer.total_training_steps": 2,
  "trainer.save_freq": 1,
};

async function inputsFor(values: Readonly<Record<string, unknown>>): Promise<RunInputs> {
  return { ...(await tinyInputs({ ...LORA, ...values })), model };
}

const noticesOf = (events: readonly RunEvent[]): string[] =>
  events.flatMap((event) => (event.type === "notice" ? [event.message] : []));

describe("ONNX Runtime", () => {
  test("writes the responses of a run as our own decoder would, and its distance from training is told", async () => {
    const ours = await train({ recorder, inputs: await inputsFor({ "gradus.rollout_engine": "wgsl" }) });
    const inputs = await inputsFor({ "gradus.rollout_engine": "onnxruntime" });
    const theirs = await train({ recorder, inputs });
    expect(theirs.outcome).toBe("finished");
    const steps = theirs.rows.filter((row) => row["actor/grad_norm"] !== undefined);
    expect(steps.length).toBe(2);
    for (const row of steps) {
      const same = ours.rows.find((other) => other["training/global_step"] === row["training/global_step"])!;
      // The same tokens, so the same rewards.
      expect(row["critic/score/mean"]).toBe(same["critic/score/mean"]);
      expect(row["response_length/mean"]).toBe(same["response_length/mean"]);
      expect(row["training/rollout_probs_diff_max"]).toBeGreaterThan(0);
      expect(row["training/rollout_probs_diff_max"]).toBeLessThan(1e-4);
      expect(Number.isFinite(row["rollout_corr/kl"])).toBe(true);
    }
  });

  test("goes on after a checkpoint as if the run had not stopped", async () => {
    const inputs = await inputsFor({ "gradus.rollout_engine": "onnxruntime" });
    const whole = await train({ recorder, inputs });
    const again = await train({ recorder, inputs, keeping: whole.keeping, from: 1 });
    expect(again.rows.at(-1)).toEqual(whole.rows.at(-1));
  });

  test("is refused for a model that is no ONNX, before anything is allocated", async () => {
    const config = tinyConfig({ "gradus.rollout_engine": "onnxruntime" });
    const inputs = await tinyInputs();
    const before = recorder.gpu.liveBytes;
    expect(() => planRun(inputs.model, config, recorder.gpu)).toThrow("this model's weights are safetensors");
    await expect(createRun(recorder, inputs.model, inputs.problems, config)).rejects.toThrow(
      "Set it to wgsl or auto",
    );
    expect(recorder.gpu.liveBytes).toBe(before);
  });

  test("is in the plan in place of our own caches", () => {
    const plan = (engine: string) =>
      planRun(model, tinyConfig({ ...LORA, "gradus.rollout_engine": engine }), recorder.gpu).bytes;
    expect(plan("onnxruntime").get("onnxRuntime")).toBeGreaterThan(model.onnx!.model.size);
    expect(plan("onnxruntime").has("kvCache")).toBe(false);
    expect(plan("wgsl").has("onnxRuntime")).toBe(false);
    expect(plan("wgsl").get("kvCache")).toBeGreaterThan(0);
  });

  test("leaves nothing behind when a run ends", async () => {
    const before = recorder.gpu.liveBytes;
    const config = tinyConfig({ ...LORA, "gradus.rollout_engine": "onnxruntime" });
    const { problems } = await tinyInputs();
    const run = await createRun(recorder, model, problems, config);
    expect(recorder.gpu.usage.bytes.get("onnxRuntime")).toBeGreaterThan(0);
    run.destroy();
    expect(recorder.gpu.liveBytes).toBe(before);
  });
});

describe("the measurement", () => {
  test("tells both speeds, and the run keeps the faster engine", async ({ skip }) => {
    if (!recorder.gpu.isSoftware) skip("a graphics card is faster than ONNX Runtime on the processor");
    const keeping = keepingIn(memoryStore());
    const inputs = await inputsFor({ "trainer.total_training_steps": 1 });
    const { events } = await train({ recorder, inputs, keeping });
    const message = noticesOf(events).find((text) => text.includes("tokens/s"))!;
    const match = /^(ONNX Runtime|Gradus) writes.*: ([\d.]+) tokens\/s here, .* ([\d.]+) tokens\/s\.$/.exec(
      message,
    );
    expect(match, message).not.toBeNull();
    expect(Number(match![2])).toBeGreaterThanOrEqual(Number(match![3]));
    const { config } = await keeping.runs.load("run");
    const name = match![1] === "Gradus" ? "wgsl" : "onnxruntime";
    expect((config as Record<string, unknown>)["gradus.rollout_engine"]).toBe(name);
  });

  test("is left out for safetensors, where our own decoder is the engine", async () => {
    const inputs = await tinyInputs({ "trainer.total_training_steps": 1 });
    const { events, keeping } = await train({ recorder, inputs });
    expect(noticesOf(events).filter((text) => text.includes("tokens/s"))).toEqual([]);
    expect((await keeping.runs.load("run")).config).toEqual(inputs.config);
  });
});
