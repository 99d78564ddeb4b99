// `demo-model`: makes the small model, tokenizer and problems that the page offers to try, from a seed. It trains on this
// machine's adapter and writes nothing that fails the gates. What is made and why: ../demo/recipe.ts.

import { tmpdir } from "node:os";
import path from "node:path";

import { UserError } from "../../common/errors.ts";
import { writeOnnxModel } from "../../formats/onnx/write.ts";
import { mean } from "../../common/numbers.ts";
import { openRecorder } from "../../gpu/index.ts";
import { readParameter } from "../../model/parameters.ts";
import type { Policy } from "../../model/policy.ts";
import { installWebGpu } from "../adapter.ts";
import { defineCommand } from "../command.ts";
import type { DemoScores } from "../demo/evaluate.ts";
import { scoreDemo } from "../demo/evaluate.ts";
import { DemoEncoder } from "../demo/examples.ts";
import { fileProblems, writeModel, writeTaskFiles } from "../demo/files.ts";
import { DEMO_CONFIG, GATES, STAGES } from "../demo/recipe.ts";
import type { Progress } from "../demo/state.ts";
import { loadState, saveState } from "../demo/state.ts";
import { trainTokenizer } from "../demo/tokenizer.ts";
import { createDemoPolicy, trainStage } from "../demo/train.ts";

const STATE_FOLDER = path.join(tmpdir(), "gradus-demo-model");
const STEPS_PER_STATE = 300;
const STEPS_PER_LINE = 50;

export const demoModel = defineCommand({
  name: "demo-model",
  summary: "make the demo model of the page: problems, tokenizer, training, gates",
  usage: "[options]",
  options: {
    out: { type: "string", value: "folder", description: "where the files go", default: "public/demo" },
    seed: { type: "string", value: "number", description: "seed of weights and data order", default: "0" },
    resume: { type: "boolean", description: `go on from the state in ${STATE_FOLDER}` },
  },
  async run({ values }) {
    const seed = wholeNumber(values.seed);
    const tokenizer = trainTokenizer();
    const encoder = await DemoEncoder.open(tokenizer);
    // No measured choice of matrix products: the same seed is to give the same bytes on the same adapter.
    const recorder = await openRecorder({ gpu: await installWebGpu() });
    console.log(`adapter: ${recorder.gpu.adapterName}`);
    const config = { ...DEMO_CONFIG, eosTokenIds: [tokenizer.endId] };
    const policy = await createDemoPolicy(recorder, config, seed);
    const from = values.resume ? await loadState(policy, STATE_FOLDER, seed) : { stage: 0, step: 0 };
    const scores = await train(policy, encoder, seed, from);
    checkGates(scores);
    await writeTaskFiles(values.out, tokenizer);
    const bytes = await modelBytes(policy);
    const made = { seed, adapter: recorder.gpu.adapterName, scores };
    await writeModel(values.out, { name: "model.onnx", bytes }, tokenizer, made);
    console.log(`wrote ${values.out}`);
  },
});

function wholeNumber(text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value < 2 ** 32) return value;
  throw new UserError(
    `--seed is ${JSON.stringify(text)}: a whole number from 0 to ${2 ** 32 - 1} is needed to repeat a run.`,
  );
}

/** Runs what is left of every stage, printing and saving on the way, and returns the scores at the end. */
async function train(
  policy: Policy,
  encoder: DemoEncoder,
  seed: number,
  from: Progress,
): Promise<DemoScores> {
  const problems = fileProblems("test");
  let scores: DemoScores | undefined;
  for (let stage = from.stage; stage < STAGES.length; stage++) {
    const done = stage === from.stage ? from.step : 0;
    const report = progressReport(stage, done);
    const onStep = async (step: number, loss: number): Promise<void> => {
      report(step, loss);
      if (step % STEPS_PER_STATE === 0) await saveState(policy, STATE_FOLDER, seed, { stage, step });
    };
    await trainStage(policy, encoder, { seed, stage, done, onStep });
    scores = await scoreDemo(policy, encoder, problems);
    console.log(`after stage ${STAGES[stage]!.name}: ${scoreLine(scores)}`);
  }
  return scores!;
}

/** Prints the mean loss of the last steps, the speed and the time left of the stage. */
function progressReport(stage: number, done: number): (step: number, loss: number) => void {
  const { name, schedule } = STAGES[stage]!;
  const start = performance.now();
  let losses: number[] = [];
  return (step, loss) => {
    losses.push(loss);
    if (step % STEPS_PER_LINE !== 0) return;
    const perStep = (performance.now() - start) / (step - done);
    const minutes = (perStep * (schedule.totalSteps - step)) / 60_000;
    console.log(
      `stage ${name} step ${step} of ${schedule.totalSteps}: loss ${mean(losses).toFixed(4)} nats, ${perStep.toFixed(0)} ms a step, ${minutes.toFixed(1)} min left`,
    );
    losses = [];
  };
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

const scoreLine = ({ greedy, working, direct, length }: DemoScores): string =>
  `greedy ${percent(greedy)}, working forced ${percent(working)}, direct forced ${percent(direct)}, mean response ${length.toFixed(1)} tokens`;

/** Throws UserError when training would have nothing to find in this model. */
function checkGates(scores: DemoScores): void {
  const { leastWorking, mostDirect } = GATES;
  if (scores.working >= leastWorking && scores.direct <= mostDirect) return;
  throw new UserError(
    `Nothing was written: ${scoreLine(scores)}. Working forced must be ${percent(leastWorking)} or more and direct forced ${percent(mostDirect)} or less, else training has nothing to find. Try another --seed.`,
  );
}

/** The policy's weights as an ONNX file. */
function modelBytes({ recorder, config, trainable }: Policy): Promise<Uint8Array> {
  const parameters = new Map(trainable.map((parameter) => [parameter.name, parameter]));
  return writeOnnxModel(config, {
    name: "the demo model",
    shape: (name) => parameters.get(name)?.shape,
    read: (name) => readParameter(recorder, parameters.get(name)!),
  });
}
