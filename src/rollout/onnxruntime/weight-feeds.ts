// The trained parameters as inputs of a session. On the device they are copied from where training has them into whole
// buffers in the graph's layout, in the order of the command stream: the next token is from the new policy. For a session on
// the processor they are read back.

import { UserError } from "../../common/errors.ts";
import type { WeightInput } from "../../formats/onnx/weight-input.ts";
import type { Allocator, ElementType, Tensor } from "../../gpu/index.ts";
import { elementCount } from "../../gpu/index.ts";
import { readParameter } from "../../model/parameters.ts";
import type { Policy } from "../../model/policy.ts";
import type { Parameter } from "../../model/weights.ts";
import { publish } from "../../ops/publish.ts";
import { weightFeeds } from "./feeds.ts";
import type { OrtFeeds, OrtSession } from "./runtime.ts";

/** ONNX Runtime takes buffers of whole 16 bytes. */
const BUFFER_BYTES = 16;

const elementType = ({ type }: WeightInput): ElementType & ("f16" | "f32") =>
  type === "float16" ? "f16" : "f32";

/**
 * Allocates what the inputs lie in on the device. Throws UserError where one is larger than a binding may be, since the graph
 * takes it in one piece.
 */
export function allocateInputs(
  allocator: Allocator,
  inputs: readonly WeightInput[],
  maxBindingBytes: number,
): Tensor[] {
  return inputs.map((input) => {
    const type = elementType(input);
    const unit = BUFFER_BYTES / (type === "f16" ? 2 : 4);
    const elements = Math.ceil(elementCount(input.dims) / unit) * unit;
    const bytes = (elements * BUFFER_BYTES) / unit;
    if (bytes > maxBindingBytes) {
      throw new UserError(
        `ONNX Runtime would take ${input.name} [${input.dims}] as one buffer of ${bytes} bytes, and this device binds ${maxBindingBytes}. Set gradus.rollout_engine to wgsl, or train an adapter.`,
      );
    }
    return allocator.tensor("onnxRuntime", input.name, [elements], type);
  });
}

/** Makes the policy as it is now what the session's inputs hold. */
export class WeightFeeds {
  readonly #policy: Policy;
  readonly #session: OrtSession;
  readonly #inputs: readonly WeightInput[];
  /** One for each input on the device; none for a session on the processor. */
  readonly #tensors: readonly Tensor[];
  readonly #parameters: ReadonlyMap<string, Parameter>;
  #feeds: OrtFeeds;

  constructor(
    policy: Policy,
    session: OrtSession,
    inputs: readonly WeightInput[],
    tensors: readonly Tensor[],
  ) {
    this.#policy = policy;
    this.#session = session;
    this.#inputs = inputs;
    this.#tensors = tensors;
    this.#parameters = new Map(policy.trainable.map((parameter) => [parameter.name, parameter]));
    this.#feeds = Object.fromEntries(
      tensors.map((tensor, i) => {
        const { name, dims, type } = inputs[i]!;
        return [name, session.gpu(tensor, dims, type)];
      }),
    );
  }

  get feeds(): OrtFeeds {
    return this.#feeds;
  }

  /** Without the adapter its matrices are zero; a policy without one has no other weights to show. */
  async publish(useAdapter: boolean): Promise<void> {
    const isOff = !useAdapter && this.#policy.memory.adapter !== undefined;
    if (this.#session.backend === "webgpu") this.#copy(isOff);
    else this.#feeds = await this.#read(isOff);
  }

  #copy(isOff: boolean): void {
    const { recorder } = this.#policy;
    this.#inputs.forEach(({ dims, parts }, i) => {
      const columns = dims.at(-1)!;
      for (const { parameter, ...part } of parts) {
        const scale = isOff ? 0 : part.scale;
        for (const { stored, ...piece } of this.#parameters.get(parameter)!.pieces)
          publish(recorder, { ...part, ...piece, scale, x: stored.tensor, y: this.#tensors[i]!, columns });
      }
    });
  }

  #read(isOff: boolean): Promise<OrtFeeds> {
    const { recorder } = this.#policy;
    const read = async (name: string): Promise<Float32Array> => {
      const parameter = this.#parameters.get(name)!;
      return isOff ? new Float32Array(elementCount(parameter.shape)) : readParameter(recorder, parameter);
    };
    return weightFeeds(this.#session, this.#inputs, { read });
  }
}
