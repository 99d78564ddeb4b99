// What the tests of runs share: a tiny model with the demo's tokenizer whose answers have the right form and random
// digits, so that rewards differ within a group from the first step on; problems with such answers; and a store in memory.

import { readFileSync } from "node:fs";

import { beginRun, continueRun } from "../../src/app/kept-run.ts";
import type { ActiveRun, Keeping, RunInputs } from "../../src/app/kept-run.ts";
import { SeededRandom } from "../../src/common/random.ts";
import { readDataset } from "../../src/formats/dataset.ts";
import type { Problem } from "../../src/formats/problem.ts";
import type { ByteSource } from "../../src/formats/safetensors.ts";
import { bytesSource, writeSafetensors } from "../../src/formats/safetensors.ts";
import type { Recorder } from "../../src/gpu/index.ts";
import { parseDecoderConfig } from "../../src/model/config.ts";
import type { OpenedModel } from "../../src/model/open-model.ts";
import { openModel } from "../../src/model/open-model.ts";
import { parameterShapes } from "../../src/model/weights.ts";
import { choiceKey, MATMUL_FORMS, setMatmulChoice } from "../../src/ops/matmul-variants.ts";
import { configWith } from "../../src/rl/config.ts";
import type { RunConfig } from "../../src/rl/config.ts";
import type { RunEvent } from "../../src/rl/events.ts";
import { isTiming } from "../../src/rl/metrics.ts";
import type { MetricRow } from "../../src/rl/metrics.ts";
import type { Outcome } from "../../src/rl/trainer.ts";
import { Checkpoints } from "../../src/storage/checkpoints.ts";
import { Runs } from "../../src/storage/runs.ts";
import type { KeyValueStore } from "../../src/storage/store.ts";
import { openRecorder } from "../harness.ts";

/** A file of the demo. */
export const demoFile = (name: string): ByteSource =>
  bytesSource(name, readFileSync(new URL(`../../public/demo/${name}`, import.meta.url)));

const jsonFile = (name: string, value: unknown): ByteSource =>
  bytesSource(name, new TextEncoder().encode(JSON.stringify(value)));

export const TINY_JSON = {
  model_type: "qwen2",
  hidden_act: "silu",
  hidden_size: 32,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  num_key_value_heads: 1,
  intermediate_size: 48,
  vocab_size: 512,
  max_position_embeddings: 128,
  rms_norm_eps: 1e-6,
  rope_theta: 10000,
  tie_word_embeddings: false,
  eos_token_id: 427,
};

/** Tokens of the demo's tokenizer: a response is "#### ", one of three digits or more, and the end. */
const [LINE_FEED, HASHES, SPACE, END] = [10, 270, 32, 427];
const DIGITS = [51, 52, 53];
/** What those digits say. */
const ANSWERS = ["3", "4", "5"];

/** [before, after, strength]: strength times the square root of 32 is added to the logit of `after`. */
const FOLLOWERS: readonly (readonly [number, number, number])[] = [
  [LINE_FEED, HASHES, 1.6],
  [HASHES, SPACE, 1.8],
  ...DIGITS.flatMap((digit) => [[SPACE, digit, 1.8] as const, [digit, END, 1.8] as const]),
  ...DIGITS.flatMap((before) => DIGITS.map((after) => [before, after, 1.2] as const)),
];

/** Random weights, but an output head that answers in form; the same for every call. */
export function tinyWeights(): [string, readonly number[], Float32Array][] {
  const shapes = parameterShapes(parseDecoderConfig(TINY_JSON));
  const random = new SeededRandom(1);
  const tensors = [...shapes].map(([name, shape]): [string, readonly number[], Float32Array] => {
    const values = new Float32Array(shape.reduce((a, b) => a * b, 1));
    const scale = name === "model.embed_tokens.weight" ? 1 : 0.03;
    const centre = name.endsWith("norm.weight") ? 1 : 0;
    return [name, shape, values.map(() => centre + scale * random.normal())];
  });
  const named = new Map(tensors.map(([name, , values]) => [name, values]));
  const [embedding, head] = [named.get("model.embed_tokens.weight")!, named.get("lm_head.weight")!];
  const size = TINY_JSON.hidden_size;
  for (const [before, after, strength] of FOLLOWERS) {
    const row = embedding.subarray(size * before, size * (before + 1));
    const length = Math.hypot(...row);
    for (let c = 0; c < size; c++) head[size * after + c]! += (strength * row[c]!) / length;
  }
  return tensors;
}

const TOKENIZER_JSON = JSON.parse(
  readFileSync(new URL("../../public/demo/tokenizer_config.json", import.meta.url), "utf8"),
) as Readonly<Record<string, unknown>>;

/** The files of the tiny model, as a person would drop them, with fields of its two configurations changed. */
export const tinyFiles = (config: object = {}, tokenizerConfig: object = {}): ByteSource[] => [
  jsonFile("config.json", { ...TINY_JSON, ...config }),
  demoFile("tokenizer.json"),
  jsonFile("tokenizer_config.json", { ...TOKENIZER_JSON, ...tokenizerConfig }),
  bytesSource("model.safetensors", writeSafetensors(tinyWeights())),
];

/** Demo problems whose answer is a digit that the tiny model likes. */
async function easyProblems(name: string): Promise<Problem[]> {
  const { problems } = await readDataset(demoFile(name));
  return problems.filter(({ groundTruth }) => ANSWERS.includes(groundTruth));
}

/** The same with two responses: the answer once, and twice in a row. */
const asPair = (problem: Problem): Problem => {
  const { groundTruth } = problem;
  return {
    ...problem,
    pair: { chosen: `#### ${groundTruth}`, rejected: `#### ${groundTruth}${groundTruth}` },
  };
};

/** Small enough for the software adapter; rewards differ, and every learning setting has an effect. */
const TINY = {
  "trainer.total_training_steps": 4,
  "trainer.test_freq": 2,
  "trainer.save_freq": 2,
  "trainer.max_actor_ckpt_to_keep": 10,
  "data.seed": 5,
  "data.train_batch_size": 2,
  "data.max_prompt_length": 40,
  "data.max_response_length": 8,
  "data.val_max_samples": 3,
  "actor_rollout_ref.rollout.n": 4,
  "actor_rollout_ref.rollout.max_num_seqs": 8,
  "gradus.prompt_slots": 4,
  "actor_rollout_ref.actor.ppo_mini_batch_size": 2,
  "actor_rollout_ref.actor.ppo_max_token_len_per_gpu": 256,
  "actor_rollout_ref.actor.optim.lr": 3e-3,
};

export const tinyConfig = (values: Readonly<Record<string, unknown>> = {}): RunConfig =>
  configWith({ ...TINY, ...values });

export async function tinyInputs(values: Readonly<Record<string, unknown>> = {}): Promise<RunInputs> {
  const [model, train, heldOut]: [OpenedModel, Problem[], Problem[]] = await Promise.all([
    openModel(tinyFiles(), "tiny"),
    easyProblems("train.jsonl"),
    easyProblems("test.jsonl"),
  ]);
  const given = (problems: Problem[]): Problem[] =>
    values["gradus.mode"] === "dpo" ? problems.map(asPair) : problems;
  return {
    model,
    problems: { train: given(train.slice(0, 6)), heldOut: given(heldOut.slice(0, 3)) },
    dataName: "digits",
    config: tinyConfig(values),
  };
}

/** A fresh device with its products chosen without measuring, so that two devices of a test round alike. */
export async function tinyRecorder(): Promise<Recorder> {
  const recorder = await openRecorder();
  const keys = MATMUL_FORMS.flatMap((form) => [choiceKey(form, "f32"), choiceKey(form, "f16")]);
  setMatmulChoice(recorder.gpu, {
    products: Object.fromEntries(keys.map((key) => [key, "tiled" as const])),
    skinny: {},
  });
  return recorder;
}

export function memoryStore(): KeyValueStore {
  const values = new Map<string, Uint8Array>();
  return {
    get: (key) => Promise.resolve(values.get(key)),
    set: (key, bytes) => Promise.resolve(void values.set(key, bytes.slice())),
    delete: (keys) => Promise.resolve(keys.forEach((key) => values.delete(key))),
    keys: (prefix) => Promise.resolve([...values.keys()].filter((key) => key.startsWith(prefix)).toSorted()),
    freeBytes: () => Promise.resolve(undefined),
  };
}

export const keepingIn = (store: KeyValueStore): Keeping => ({
  runs: new Runs(store),
  checkpoints: new Checkpoints(store),
});

export interface Told {
  readonly outcome: Outcome;
  readonly events: readonly RunEvent[];
  readonly rows: readonly MetricRow[];
  readonly keeping: Keeping;
  readonly run: ActiveRun;
}

export interface Training {
  readonly recorder: Recorder;
  readonly inputs: RunInputs;
  readonly keeping?: Keeping;
  /** Continue from this step's checkpoint, "newest", or begin. */
  readonly from?: number | "newest";
  /** Called with every event after the run is under way. */
  readonly hear?: (event: RunEvent, run: ActiveRun) => void;
}

/** Trains under the id "run" until the end or a stop. Rejects as the run does. */
export async function train({ recorder, inputs, from, hear, ...more }: Training): Promise<Told> {
  const keeping = more.keeping ?? keepingIn(memoryStore());
  const events: RunEvent[] = [];
  // Some events come before there is a run to hand on.
  const active: { run?: ActiveRun } = {};
  const listener = (event: RunEvent): void => {
    events.push(structuredClone(event));
    if (active.run) hear?.(event, active.run);
  };
  const run =
    from === undefined
      ? await beginRun(recorder, keeping, "run", inputs, listener)
      : await continueRun(recorder, keeping, "run", from === "newest" ? undefined : from, inputs, listener);
  active.run = run;
  const outcome = await run.ended;
  return { outcome, events, rows: steady(run.trainer.progress.history), keeping, run };
}

/** Rows without what the clock decides. */
export const steady = (rows: readonly MetricRow[]): MetricRow[] =>
  rows.map((row) => Object.fromEntries(Object.entries(row).filter(([key]) => !isTiming(key))));

/** Values and moments of a kept checkpoint of the run. */
export const tensorsAt = async ({ checkpoints }: Keeping, step: number) =>
  (await checkpoints.load("run", step)).tensors;
