// How Chromium is started where there is no GPU: headless Linux has WebGPU only if it is told to use its software driver.
// GRADUS_BROWSER_GPU=1 leaves that out, on a machine with a GPU.

/**
 * SwiftShader compiles Vulkan's clearing of workgroup memory value by value, up to two seconds for a kernel. Without this feature
 * Dawn clears it in a loop.
 */
export const SLOW_CLEARING = "use_vulkan_zero_initialize_workgroup_memory_extension";

const SOFTWARE_DRIVER = [
  "--use-webgpu-adapter=swiftshader",
  "--enable-features=Vulkan",
  "--disable-vulkan-surface",
  `--disable-dawn-features=${SLOW_CLEARING}`,
];

/** @returns {string[]} */
export function chromiumFlags() {
  const software = process.platform === "linux" && !process.env["GRADUS_BROWSER_GPU"];
  return ["--headless=new", "--no-sandbox", "--enable-unsafe-webgpu", ...(software ? SOFTWARE_DRIVER : [])];
}
