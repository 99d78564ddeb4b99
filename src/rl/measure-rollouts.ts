// Which engine writes a run's responses faster, by trying both on its own prompts before the first step. Random numbers depend
// on seed, prompt and place alone, so trying costs the run nothing but the time.

import { isForPerson } from "../common/error-words.ts";
import type { RolloutEngine } from "../rollout/engine.ts";
import type { RunConfig } from "./config.ts";
import type { RunListener } from "./events.ts";
import { samplingOf } from "./options/index.ts";
import type { OwnedEngine } from "./rollout-engine.ts";
import { openOrt } from "./rollout-engine.ts";
import type { Run } from "./run.ts";
import { planRun } from "./run.ts";

/** Tokens per response of two passes: what the longer one takes beyond the shorter is writing, without reading the prompts. */
const SHORT_TOKENS = 2;
const LONG_TOKENS = 10;

/** New tokens per second over all rows. */
interface RolloutSpeeds {
  readonly wgsl: number;
  readonly onnxruntime: number;
}

/** What the measurement came to: the run with the engine that it keeps. */
interface ChosenRollouts {
  readonly run: Run;
  /** For a person. */
  readonly message: string;
}

/** Measures both engines where both can be had; which one is used is in the run's settings from then on. */
export async function withFasterEngine(run: Run, listener: RunListener): Promise<Run> {
  const { gpu } = run.policy.recorder;
  const isChoice = run.config["gradus.rollout_engine"] === "auto";
  if (!isChoice || !planRun(run.model, run.config, gpu).bytes.has("onnxRuntime")) return run;
  try {
    listener({ type: "notice", message: "Measuring which engine writes responses faster." });
    const { run: chosen, message } = await chooseRollouts(run);
    listener({ type: "notice", message });
    return chosen;
  } catch (error) {
    run.destroy();
    throw error;
  }
}

/**
 * Opens ONNX Runtime beside the run's own decoder and keeps the faster of the two; its name replaces `auto` in the settings.
 * Where ONNX Runtime does not take the graph or the memory, the run goes on as it is.
 */
async function chooseRollouts(run: Run): Promise<ChosenRollouts> {
  const { policy, config, model } = run;
  let owned: OwnedEngine | undefined;
  try {
    owned = await openOrt(policy, config, model.onnx!);
    const { engine } = owned;
    const wgsl = await speedOf(run.engine, run);
    // What the device refuses ONNX Runtime here is no fault of the run's.
    const onnxruntime = await policy.recorder.gpu.guarded(() => speedOf(engine, run));
    const speeds = { wgsl, onnxruntime };
    if (speeds.onnxruntime <= speeds.wgsl) {
      owned.destroy();
      return { run: withEngine(run, "wgsl"), message: speedsText(speeds) };
    }
    return { run: withEngine(run, "onnxruntime", owned), message: speedsText(speeds) };
  } catch (error) {
    owned?.destroy();
    if (!isForPerson(error)) throw error;
    policy.recorder.gpu.check();
    return {
      run: withEngine(run, "wgsl"),
      message: `Gradus writes the responses of this run. ${error.message}`,
    };
  }
}

function withEngine(run: Run, name: "wgsl" | "onnxruntime", owned?: OwnedEngine): Run {
  const config: RunConfig = { ...run.config, "gradus.rollout_engine": name };
  if (!owned) return { ...run, config };
  const destroy = (): void => {
    owned.destroy();
    run.destroy();
  };
  return { ...run, config, engine: owned.engine, destroy };
}

/** Tokens per second that `engine` writes on the run's own prompts; the first pass compiles kernels. */
async function speedOf(engine: RolloutEngine, run: Run): Promise<number> {
  await write(engine, run, SHORT_TOKENS);
  const short = await write(engine, run, SHORT_TOKENS);
  const long = await write(engine, run, LONG_TOKENS);
  const [tokens, seconds] = [long.tokens - short.tokens, long.seconds - short.seconds];
  return tokens > 0 && seconds > 0 ? tokens / seconds : long.tokens / long.seconds;
}

interface Written {
  /** Of all responses. */
  readonly tokens: number;
  readonly seconds: number;
}

/** Has responses of `length` tokens written, as many of a step's as are written at once. */
async function write(engine: RolloutEngine, { config, train }: Run, length: number): Promise<Written> {
  const start = performance.now();
  const rows = config["actor_rollout_ref.rollout.max_num_seqs"];
  const samples = Math.min(config["actor_rollout_ref.rollout.n"], rows);
  const prompts = Math.min(config["data.train_batch_size"], Math.floor(rows / samples));
  const requests = train.slice(0, prompts).map(({ tokens }, key) => ({ prompt: tokens, samples, key }));
  const responses = await engine.generate(requests, {
    sampling: samplingOf(config),
    maxNew: Math.min(length, config["data.max_response_length"]),
    stopTokens: [],
    useAdapter: true,
  });
  const tokens = responses.flat().reduce((sum, response) => sum + response.tokens.length, 0);
  return { tokens, seconds: (performance.now() - start) / 1000 };
}

const perSecond = (speed: number): string => `${speed < 10 ? speed.toFixed(1) : Math.round(speed)} tokens/s`;

/** "ONNX Runtime writes the responses of this run: 412 tokens/s here, Gradus 268 tokens/s." */
function speedsText({ wgsl, onnxruntime }: RolloutSpeeds): string {
  const names = [
    ["ONNX Runtime", onnxruntime],
    ["Gradus", wgsl],
  ] as const;
  const [[first, best], [second, other]] =
    onnxruntime > wgsl ? names : (names.toReversed() as unknown as typeof names);
  return `${first} writes the responses of this run: ${perSecond(best)} here, ${second} ${perSecond(other)}.`;
}
