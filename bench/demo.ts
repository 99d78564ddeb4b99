// The demo's learning curves: held-out accuracy, reward and response length over the default run, for several seeds. Prints a
// table; --svg FILE draws the curves. Words are recipes, numbers seeds.

import { writeFile } from "node:fs/promises";

import { splitOf } from "../src/app/problems.ts";
import { openRecorder } from "../src/gpu/index.ts";
import { measureDevice } from "../src/model/device-choices.ts";
import { installWebGpu } from "../src/node/adapter.ts";
import { modelOf, problemsOf, settingsOf } from "../src/node/train/inputs.ts";
import type { Evaluation } from "../src/rl/events.ts";
import type { MetricRow } from "../src/rl/metrics.ts";
import { createRun } from "../src/rl/run.ts";
import { Trainer } from "../src/rl/trainer.ts";
import { policyOptions } from "../src/rl/options/index.ts";
import { curvesSvg } from "./curves.ts";

export const summary =
  "learning curves of the demo: [recipe] [seeds], default grpo-demo 0 1 2; --svg FILE draws them";

export interface Curve {
  readonly seed: number;
  readonly evaluations: readonly Evaluation[];
  readonly history: readonly MetricRow[];
  readonly seconds: number;
}

export default async function run(args: readonly string[]): Promise<void> {
  const svgAt = args.indexOf("--svg");
  const words = svgAt < 0 ? args : args.slice(0, svgAt);
  const preset = words.find((word) => !/^\d+$/.test(word)) ?? "grpo-demo";
  const seeds = words.filter((word) => /^\d+$/.test(word)).map(Number);
  const curves: Curve[] = [];
  for (const seed of seeds.length > 0 ? seeds : [0, 1, 2]) {
    const curve = await curveOf(preset, seed);
    curves.push(curve);
    printCurve(curve);
  }
  if (svgAt >= 0) await writeFile(args[svgAt + 1]!, curvesSvg(curves));
}

async function curveOf(preset: string, seed: number): Promise<Curve> {
  const recorder = await openRecorder({ gpu: await installWebGpu() });
  const config = await settingsOf({ preset, set: [`data.seed=${seed}`] }, true);
  await measureDevice(recorder, policyOptions(config));
  const problems = splitOf(await problemsOf([]), config["gradus.held_out_ratio"]);
  const start = performance.now();
  const run = await createRun(recorder, await modelOf(undefined), problems, config);
  const trainer = new Trainer(run, { save: () => Promise.resolve(0) }, (event) => {
    if (event.type === "metrics" && process.stdout.isTTY) process.stdout.write(".");
  });
  await trainer.train();
  run.destroy();
  recorder.gpu.destroy();
  const { evaluations, history } = trainer.progress;
  return { seed, evaluations, history, seconds: (performance.now() - start) / 1000 };
}

const percent = (share: number): string => `${(100 * share).toFixed(1)}`;

function printCurve({ seed, evaluations, history, seconds }: Curve): void {
  console.log(`\nseed ${seed}, ${(seconds / 60).toFixed(1)} minutes`);
  console.log("| step | held-out, strict | 95 % | flexible | length | mean reward, last 10 |");
  console.log("| ---: | ---: | --- | ---: | ---: | ---: |");
  for (const { step, strict, flexible, responseLength } of evaluations) {
    const rows = history.filter(
      (row) => row["training/global_step"]! > step - 10 && row["training/global_step"]! <= step,
    );
    const rewards = rows.flatMap((row) => row["critic/score/mean"] ?? []);
    const reward = rewards.reduce((a, b) => a + b, 0) / rewards.length;
    const interval = `${percent(strict.low)} to ${percent(strict.high)}`;
    console.log(
      `| ${step} | ${percent(strict.mean)} % | ${interval} | ${percent(flexible.mean)} % | ${responseLength.toFixed(1)} | ${step === 0 ? "" : reward.toFixed(2)} |`,
    );
  }
}
