// Started as a child process by find-adapter.mjs: prints the WebGPU adapter that Dawn finds here as one line of JSON,
// or `null`. A process of its own, because Dawn writes to stderr where there is no Vulkan and may crash in a driver.

const { create, globals } = await import("webgpu");
Object.assign(globalThis, globals);
const gpu = create([]);
const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
const info = adapter?.info;
const found = info && {
  name: info.description || info.device || info.vendor,
  isCpu:
    info.isFallbackAdapter || /llvmpipe|swiftshader|basic render/i.test(`${info.device} ${info.description}`),
};
process.stdout.write(`${JSON.stringify(found ?? null)}\n`, () => process.exit(0));
