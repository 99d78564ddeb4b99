// What this browser offers for training, or the one sentence that says what is missing and what to do. Asks for an
// adapter and lets it go; a device is opened only where the engine runs, in the worker. Draws nothing.

/** One property of the adapter, ready to be shown. */
export interface Fact {
  readonly name: string;
  readonly value: string;
  /** What it means for training, one sentence. */
  readonly gloss: string;
}

export type DeviceReport =
  | { readonly state: "checking" }
  | { readonly state: "missing"; readonly reason: string; readonly remedy: string }
  | {
      readonly state: "found";
      readonly name: string;
      readonly isSoftware: boolean;
      readonly facts: readonly Fact[];
    };

/** Asks the browser. Never rejects: a failure is a report, too. */
export async function inspectDevice(): Promise<DeviceReport> {
  if (!globalThis.isSecureContext) {
    return {
      state: "missing",
      reason: `Browsers offer WebGPU only to secure pages, and ${location.origin} is not one.`,
      remedy: "Open this page over https, or on this machine as http://localhost.",
    };
  }
  // The types promise `gpu`; browsers do not.
  const gpu = navigator.gpu as GPU | undefined;
  if (!gpu) {
    return {
      state: "missing",
      reason: "This browser has no WebGPU.",
      remedy: "Open the page in a current Chrome or Edge, in Safari 26 or in Firefox on Windows or macOS.",
    };
  }
  try {
    const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
    return adapter ? describe(adapter) : NO_ADAPTER;
  } catch (error) {
    return { ...NO_ADAPTER, reason: `The browser could not open the GPU: ${(error as Error).message}` };
  }
}

const NO_ADAPTER = {
  state: "missing",
  reason: "This browser has WebGPU, but found no GPU that it may use.",
  remedy:
    "Turn on hardware acceleration in the browser's settings and update the graphics driver; chrome://gpu names the cause.",
} as const;

function describe(adapter: GPUAdapter): DeviceReport {
  const { info, limits } = adapter;
  const name =
    info.description || [info.vendor, info.architecture].filter(Boolean).join(" ") || "Unnamed adapter";
  const isSoftware = info.isFallbackAdapter || /swiftshader|llvmpipe|basic render/i.test(name);
  return {
    state: "found",
    name,
    isSoftware,
    facts: [f16Fact(adapter), subgroupFact(adapter), bindingFact(limits)],
  };
}

function f16Fact({ features }: GPUAdapter): Fact {
  const has = features.has("shader-f16");
  return {
    name: "Half precision",
    value: has ? "shader-f16" : "not offered",
    gloss: "Not needed: 16-bit weights are unpacked as they are read, and sums are 32-bit.",
  };
}

function subgroupFact({ features, info }: GPUAdapter): Fact {
  const has = features.has("subgroups");
  const sizes = [...new Set([info.subgroupMinSize, info.subgroupMaxSize])].filter(Boolean).join(" to ");
  return {
    name: "Subgroups",
    value: has ? (sizes ? `size ${sizes}` : "yes") : "not offered",
    gloss: has
      ? "Sums across a workgroup take fewer barriers."
      : "Not needed: sums go through workgroup memory.",
  };
}

function bindingFact(limits: GPUSupportedLimits): Fact {
  const mebibytes = Math.floor(limits.maxStorageBufferBindingSize / 2 ** 20);
  return {
    name: "Largest binding",
    value: mebibytes >= 1024 ? `${+(mebibytes / 1024).toFixed(1)} GiB` : `${mebibytes} MiB`,
    gloss: "What one kernel sees of a tensor; larger tensors are cut into tiles.",
  };
}
