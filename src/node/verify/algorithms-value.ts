// Golden cases of the value loss: in double precision against the reference, in single precision against the kernels on the
// device.

import type { GpuAllocator, Recorder, Tensor } from "../../gpu/index.ts";
import type { ValueLossMemory } from "../../rl/critic/launch.ts";
import { allocateValueLoss, clearValueStats, readValueStats, valueLoss } from "../../rl/critic/launch.ts";
import type { ValueBatch, ValueLoss } from "../../rl/critic/value-loss.ts";
import { valueLossReference } from "../../rl/critic/value-loss.ts";
import { aggregationMode } from "../../rl/losses/aggregate.ts";
import type { Devices, Kind } from "./algorithms-cases.ts";
import type { GoldenCase } from "./algorithms-golden.ts";
import { matrixOf, numberOf, packed } from "./algorithms-golden.ts";
import type { Judge } from "./algorithms-judge.ts";
import { goldenWeights } from "./algorithms-loss.ts";

/** Most response tokens of a case. */
const CAPACITY = 256;

/** A case as the engine would see it: R tokens without padding. */
interface ValueCase {
  /** [R]. */
  readonly values: readonly number[];
  readonly batch: ValueBatch;
  readonly clip: number;
}

/** Runs cases on a device, in buffers made once. */
export class ValueDevice {
  readonly #recorder: Recorder;
  readonly #memory: ValueLossMemory;
  readonly #critic: Readonly<Record<"value" | "dValue", Tensor>>;

  constructor(recorder: Recorder, allocator: GpuAllocator) {
    const make = (name: string): Tensor => allocator.tensor("critic", `verify.${name}`, [CAPACITY]);
    this.#recorder = recorder;
    this.#memory = allocateValueLoss(allocator, CAPACITY);
    this.#critic = { value: make("value"), dValue: make("dValue") };
  }

  /** Loss, gradient [R] and counts of a case. */
  async run({ values, batch, clip }: ValueCase): Promise<ValueLoss> {
    const recorder = this.#recorder;
    recorder.write(this.#critic.value, Float32Array.from(values));
    clearValueStats(recorder, this.#memory);
    valueLoss(recorder, { memory: this.#memory, critic: this.#critic, batch, clip });
    const stats = await readValueStats(recorder, this.#memory);
    const dValue = Float64Array.from(await recorder.readF32(this.#critic.dValue, values.length));
    return { loss: stats.vfLoss, dValue, stats };
  }
}

function valueCaseOf({ params, inputs }: GoldenCase): ValueCase {
  const mask = matrixOf(inputs["response_mask"]);
  const of = (name: string): number[] => packed(matrixOf(inputs[name]), mask);
  const weight = goldenWeights(aggregationMode(String(params["loss_agg_mode"])), mask, {});
  return {
    values: of("vpreds"),
    batch: { oldValue: of("values"), returns: of("returns"), weight },
    clip: numberOf(params["cliprange_value"]),
  };
}

async function compareValueLoss(
  golden: GoldenCase,
  judge: Judge,
  devices: Devices | undefined,
): Promise<void> {
  const { inputs, outputs, dtype } = golden;
  const test = valueCaseOf(golden);
  const result =
    dtype === "float32" && devices
      ? await devices.value.run(test)
      : valueLossReference(test.values, test.batch, test.clip);
  const metrics = outputs["metrics"] as Record<string, unknown>;
  const { stats } = result;
  // In single precision verl's 1e-8 in the denominator vanishes.
  const count = stats.tokens + (dtype === "float64" ? 1e-8 : 0);
  judge.compare("loss", [result.loss], [numberOf(outputs["loss"])]);
  judge.compare("grad", result.dValue, packed(matrixOf(outputs["grad"]), matrixOf(inputs["response_mask"])));
  const share = numberOf(metrics["critic/vf_clipfrac"]);
  judge.compare("critic/vf_clipfrac", [stats.clipped / count], [share], { scale: 1 });
}

export const VALUE_KINDS: Readonly<Record<string, Kind>> = {
  value_loss: {
    topic: ({ params }) => String(params["loss_agg_mode"]),
    usesDevice: "float32",
    compare: compareValueLoss,
  },
};
