// ONNX Runtime behind one door: loaded when it is first asked for (17 to 27 MB of WebAssembly, served with the page), sessions
// on our own device in the page and on the processor in Node, one thing at a time. Knows no model: what is fed and fetched
// is the caller's business.

import { isForPerson, wordsOf } from "../../common/error-words.ts";
import type * as ort from "onnxruntime-web";

import { BugError, UserError } from "../../common/errors.ts";
import { fromHalves } from "../../common/f16.ts";
import type { ByteSource } from "../../formats/safetensors.ts";
import type { Recorder, Tensor } from "../../gpu/index.ts";

export type OrtBackend = "webgpu" | "wasm";

/** Where a session with a device runs here: the processor is all that ONNX Runtime has in Node. */
export const ortBackend: OrtBackend = import.meta.env.SSR ? "wasm" : "webgpu";

/** A graph with the data files that it names. */
export interface OrtModel {
  readonly model: Uint8Array<ArrayBuffer>;
  readonly external: readonly { readonly path: string; readonly source: ByteSource }[];
}

export interface OrtOptions {
  /** The device to run on where ONNX Runtime can; without it, and in Node, the processor runs the graph. */
  readonly recorder?: Recorder | undefined;
  /** Outputs that stay on the device; the caller disposes of them. Every input must then be fed in every run. */
  readonly gpuOutputs?: readonly string[] | "all";
  /**
   * What becomes of a device buffer that a run no longer needs. `simple` keeps it for the next one of exactly its size, so runs
   * of ever other sizes pile them up; `bucket` for the next one of about its size; `lazyRelease` lets go after the run.
   */
  readonly bufferCache?: "simple" | "bucket" | "lazyRelease";
}

export type OrtFeeds = Readonly<Record<string, ort.Tensor>>;

type Library = typeof ort;

/** What goes wrong is thrown as well; the console needs no second copy. */
const QUIET = { logSeverityLevel: 4 } as const;
/** Letters of a message of ONNX Runtime that are shown. */
const MAX_WORDS = 300;

let loading: Promise<Library> | undefined;

/** Settles when nothing of ONNX Runtime is under way: it has one WebAssembly instance and one session to create at a time. */
let busy: Promise<unknown> = Promise.resolve();

function inTurn<T>(work: () => Promise<T>): Promise<T> {
  const turn = busy.then(work);
  busy = turn.catch(() => {});
  return turn;
}

async function load(): Promise<Library> {
  loading ??= importLibrary();
  loading.catch(() => {
    loading = undefined;
  });
  return loading;
}

/**
 * The entry for this place. `jspi` waits for the device within WebAssembly, is 10 MB smaller, and reads data files in
 * pieces; `webgpu` does for browsers without that. Node's has the processor only. The constant keeps each out of the other's
 * build.
 */
async function importLibrary(): Promise<Library> {
  let library: Library;
  try {
    if (import.meta.env.SSR) library = await import("onnxruntime-web");
    else if ("Suspending" in WebAssembly) library = await import("onnxruntime-web/jspi");
    else library = await import("onnxruntime-web/webgpu");
  } catch (cause) {
    throw notLoaded(cause);
  }
  // Threads need a page that its server isolates from others, and serve only where the processor stands in for the device.
  library.env.wasm.numThreads = 1;
  return library;
}

/** A graph that is ready to run. */
export class OrtSession {
  readonly backend: OrtBackend;
  readonly session: ort.InferenceSession;
  readonly #library: Library;
  readonly #recorder: Recorder | undefined;

  constructor(
    library: Library,
    session: ort.InferenceSession,
    backend: OrtBackend,
    recorder: Recorder | undefined,
  ) {
    this.#library = library;
    this.session = session;
    this.backend = backend;
    this.#recorder = recorder;
  }

  /** Declared type and shape of the inputs; a size that the graph leaves open is its name. */
  get inputs(): readonly ort.InferenceSession.TensorValueMetadata[] {
    return this.session.inputMetadata.filter((input) => input.isTensor);
  }

  /**
   * One pass; what our own engine recorded before goes to the device first. `fetches` are outputs by name: a tensor to write
   * to, or null for one that is made.
   */
  async run(
    feeds: OrtFeeds,
    fetches?: Readonly<Record<string, ort.Tensor | null>>,
  ): Promise<Readonly<Record<string, ort.Tensor>>> {
    return inTurn(async () => {
      this.#recorder?.flush();
      try {
        return await (fetches ? this.session.run(feeds, fetches, QUIET) : this.session.run(feeds, QUIET));
      } catch (cause) {
        throw new UserError(`ONNX Runtime cannot run this graph: ${reason(cause)}.`, { cause });
      }
    });
  }

  /** As `run` for a single pass. Throws GpuError for what the device refused meanwhile; others can go on with it. */
  async runGuarded(feeds: OrtFeeds): Promise<Readonly<Record<string, ort.Tensor>>> {
    const run = () => this.run(feeds);
    return this.#recorder ? this.#recorder.gpu.guarded(run) : run();
  }

  /** Whole numbers [shape], as token ids and masks want them. */
  int64(values: ArrayLike<number>, dims: readonly number[]): ort.Tensor {
    return new this.#library.Tensor("int64", BigInt64Array.from(values, BigInt), dims);
  }

  /** Floats, or halves by their bits (common/f16.ts). */
  numbers(values: Float32Array | Uint16Array, dims: readonly number[]): ort.Tensor {
    if (values instanceof Uint16Array) return new this.#library.Tensor("float16", values, dims);
    return new this.#library.Tensor("float32", values, dims);
  }

  /** Our buffer as a tensor of the graph, without a copy; `dims` may cover less than all of it, from its start. */
  gpu(
    tensor: Tensor,
    dims: readonly number[],
    dataType: "float32" | "float16" | "int32" | "int64",
  ): ort.Tensor {
    const { buffer, offset, label } = tensor;
    if (!buffer || offset !== 0)
      throw new BugError(`${label} is no buffer of its own, and ONNX Runtime takes whole buffers`);
    return this.#library.Tensor.fromGpuBuffer(buffer, { dataType, dims });
  }

  /** The numbers of a tensor of floats or halves, brought to the host if they are not there. */
  async floats(tensor: ort.Tensor): Promise<Float32Array> {
    const data = await tensor.getData();
    if (tensor.type === "float32") return data as Float32Array;
    // Browsers that have halves as a type of arrays give those.
    return data instanceof Uint16Array ? fromHalves(data) : Float32Array.from(data as ArrayLike<number>);
  }

  /** Frees the session and its memory. */
  async dispose(): Promise<void> {
    await inTurn(() => this.session.release());
  }
}

/**
 * Opens a session. Throws UserError with ONNX Runtime's reason where it cannot run the graph, GpuError where the device
 * refuses it; the device stays usable. Nothing else may use the device meanwhile.
 */
export async function openOrtSession(
  { model, external }: OrtModel,
  { recorder, gpuOutputs = [], bufferCache = "bucket" }: OrtOptions = {},
): Promise<OrtSession> {
  const library = await load();
  // The processor is all that ONNX Runtime has in Node, whatever device our kernels run on.
  const device = import.meta.env.SSR ? undefined : recorder?.gpu.device;
  let made: ort.InferenceSession | undefined;
  const create = async (): Promise<ort.InferenceSession> => {
    const externalData = await Promise.all(
      external.map(async ({ path, source }) => ({ path, data: await dataOf(source) })),
    );
    made = await library.InferenceSession.create(model, {
      executionProviders: device
        ? [{ name: "webgpu", device, storageBufferCacheMode: bufferCache }]
        : ["wasm"],
      ...(externalData.length > 0 && { externalData }),
      ...(device && gpuOutputs.length > 0 && { preferredOutputLocation: onDevice(gpuOutputs) }),
      ...QUIET,
    });
    return made;
  };
  const session = await inTurn(async () => {
    recorder?.flush();
    try {
      return await (device ? recorder!.gpu.guarded(create) : create());
    } catch (cause) {
      // The device refused something of it; what it took goes back.
      await made?.release().catch(() => {});
      if (isForPerson(cause)) throw cause;
      if (NOT_LOADED.test(wordsOf(cause))) throw notLoaded(cause);
      throw new UserError(`ONNX Runtime cannot run this graph: ${reason(cause)}.`, { cause });
    }
  });
  return new OrtSession(library, session, device ? "webgpu" : "wasm", recorder);
}

/**
 * What `run` gives on the device of `recorder`, or where ONNX Runtime has no kernel there, on the processor. Throws what it says
 * of the device where it runs nowhere.
 */
export async function deviceOrHost<T>(
  recorder: Recorder | undefined,
  run: (on?: Recorder) => Promise<T>,
): Promise<T> {
  if (!recorder) return run();
  try {
    return await run(recorder);
  } catch (onDevice) {
    if (!(onDevice instanceof UserError)) throw onDevice;
    return run().catch(() => {
      throw onDevice;
    });
  }
}

const onDevice = (outputs: readonly string[] | "all"): "gpu-buffer" | Record<string, "gpu-buffer"> =>
  outputs === "all" ? "gpu-buffer" : Object.fromEntries(outputs.map((name) => [name, "gpu-buffer"]));

/**
 * A file as it is, where it is one and ONNX Runtime reads what it needs of it, when it does. Without JSPI it would read all of it
 * with a session half made; one that fails then is never made again.
 */
async function dataOf(source: ByteSource): Promise<Blob | Uint8Array> {
  const { blob, size } = source;
  return blob && "Suspending" in WebAssembly ? blob : source.read(0, size);
}

/** How ONNX Runtime tells that its WebAssembly did not come; it does not try again. */
const NOT_LOADED = /no available backend found|initializeWebAssembly/;

const notLoaded = (cause: unknown): UserError =>
  new UserError(
    `ONNX Runtime could not be loaded (${wordsOf(cause).slice(0, MAX_WORDS)}). Check the network, then reload the page.`,
    { cause },
  );

/** How ONNX Runtime tells of a node that it cannot run. */
const NO_KERNEL = /Could not find an implementation for (\w+)\(\d+\) node with name '([^']*)'/;
const NODE_FAILED = /running (\w+) node\. Name:'([^']*)' Status Message: (.*)/;

/** Why ONNX Runtime does not run a graph, naming the node where it does, as the end of a sentence. */
function reason(cause: unknown): string {
  const words = wordsOf(cause).replaceAll(/\s+/g, " ");
  const [, op, name] = NO_KERNEL.exec(words) ?? [];
  if (op) return `it has no kernel for ${op} here (node ${name})`;
  const [, failed, at, why] = NODE_FAILED.exec(words) ?? [];
  if (failed) return `node ${at} (${failed}): ${why!.slice(0, MAX_WORDS)}`;
  return words.replace(/^.*?ERROR_MESSAGE: /i, "").slice(0, MAX_WORDS);
}
