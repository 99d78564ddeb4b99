// `devices`: prints what WebGPU offers in this process, the first thing to ask for in a bug report. It creates no
// device, so it also works where one cannot be created.

import { requestAdapter } from "../adapter.ts";
import { defineCommand } from "../command.ts";

/** What the engine sizes itself by; `--all` prints the others. */
const LIMITS_THAT_MATTER = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxStorageBuffersPerShaderStage",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupsPerDimension",
] as const;

const FEATURES_THAT_MATTER = ["shader-f16", "subgroups", "timestamp-query"];

/** A limit as a person reads it: sizes in MiB or KiB, counts as they are. */
function limitText(name: string, value: number): string {
  if (!name.endsWith("Size") || value < 1024) return String(value);
  const [unit, bytes] = value >= 2 ** 20 ? ["MiB", 2 ** 20] : ["KiB", 2 ** 10];
  return `${Math.floor(value / bytes)} ${unit}`;
}

function limitNames(limits: GPUSupportedLimits, all: boolean): string[] {
  if (!all) return [...LIMITS_THAT_MATTER];
  return Object.keys(Object.getOwnPropertyDescriptors(Object.getPrototypeOf(limits)))
    .filter((name) => typeof Reflect.get(limits, name) === "number")
    .sort();
}

function rows(adapter: GPUAdapter, all: boolean): [string, string][] {
  const { info, features, limits } = adapter;
  const listed = all ? [...features].sort() : FEATURES_THAT_MATTER;
  const subgroups = features.has("subgroups") ? [`${info.subgroupMinSize} to ${info.subgroupMaxSize}`] : [];
  return [
    ["adapter", info.description || info.device || "unnamed"],
    ["vendor", [info.vendor, info.architecture].filter(Boolean).join(", ") || "unknown"],
    ["kind", info.isFallbackAdapter ? "software, runs on the CPU" : "GPU"],
    ["", ""],
    ...listed.map((name): [string, string] => [name, features.has(name) ? "yes" : "no"]),
    ...subgroups.map((sizes): [string, string] => ["subgroup size", sizes]),
    ["", ""],
    ...limitNames(limits, all).map((name): [string, string] => [
      name,
      limitText(name, Reflect.get(limits, name)),
    ]),
  ];
}

export const devices = defineCommand({
  name: "devices",
  summary: "print the WebGPU adapter of this machine, its features and limits",
  usage: "[options]",
  options: {
    all: { type: "boolean", description: "every feature and limit, not only those the engine uses" },
  },
  async run({ values }) {
    const lines = rows(await requestAdapter(), values.all ?? false);
    const width = Math.max(...lines.map(([name]) => name.length));
    for (const [name, value] of lines) console.log(`${name.padEnd(width)}  ${value}`.trimEnd());
  },
});
