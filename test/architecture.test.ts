// Holds the shape of the code: who may import whom, one door per package, who may touch the device, how long a file may
// be. Reads text, so that it needs no tool; what a type checker or linter can say is left to them.

import { posix } from "node:path";
import { describe, expect, test } from "vitest";

import { exists, filesBelow, read } from "./files.ts";

/**
 * Which places each folder of src/ may import, besides itself; a folder with kernels of its own reads `shaders`. An entry with a slash is one file (without ending) or a
 * folder; `shaders` is the folder at the root.
 */
const MAY_IMPORT: Record<string, readonly string[]> = {
  common: [],
  formats: ["common"],
  gpu: ["common", "shaders"],
  ops: ["gpu", "common", "shaders"],
  // optim: a memory plan covers the optimiser too, so one function allocates all of it.
  model: ["ops", "optim", "gpu", "formats", "common"],
  optim: ["ops", "gpu", "common", "shaders"],
  // ops: sampling from ONNX Runtime's logits, and the policy in the layout of its graph.
  rollout: ["model", "ops", "gpu", "formats", "common"],
  sandbox: ["common"],
  // gpu: a policy loss launches its kernel on tensors.
  rl: ["model", "rollout", "optim", "gpu", "formats", "sandbox", "common", "shaders"],
  storage: ["formats", "common"],
  // A model's files from a hub into the cache.
  hub: ["storage", "formats", "common"],
  // What the page's worker and the command line share: a run from its files to its downloads.
  app: ["common", "formats", "gpu", "hub", "model", "rollout", "rl", "sandbox", "storage"],
  worker: ["common", "formats", "gpu", "hub", "ops", "model", "optim", "rollout", "rl", "storage", "app"],
  ui: ["worker/client", "worker/api", "rl/config", "rl/metrics", "rl/presets", "common"],
  node: [
    "common",
    "formats",
    "gpu",
    "hub",
    "ops",
    "model",
    "optim",
    "rollout",
    "rl",
    "storage",
    "app",
    "bench",
  ],
};

/** The only folder that may name a package. `vite` and `node:` belong to the command line. */
const DOORS: Record<string, string> = {
  lit: "ui",
  webgpu: "node",
  vite: "node",
  "onnxruntime-web": "rollout",
  "idb-keyval": "storage",
  comlink: "worker",
  hyparquet: "formats",
  "hyparquet-writer": "formats",
  yaml: "formats",
  pbf: "formats",
  "@noble/hashes": "storage",
  fflate: "formats",
  uplot: "ui",
  "quickjs-emscripten-core": "sandbox",
  "@jitl/quickjs-wasmfile-release-sync": "sandbox",
  "@huggingface/tokenizers": "formats",
  "@huggingface/jinja": "formats",
};

const TYPESCRIPT_LINES = 300;
const WGSL_LINES = 200;

/** What only src/gpu does with a GPUDevice, its queue and its encoders. */
const DEVICE_CALLS =
  /\.\s*(createBuffer|createShaderModule|createComputePipeline(Async)?|createBindGroup(Layout)?|createPipelineLayout|createCommandEncoder|createQuerySet|createTexture|requestDevice|beginComputePass|writeBuffer|mapAsync|dispatchWorkgroups)\b/;

/** An absolute path of somebody's machine, or the folder that work happened to be in. */
const MACHINE_PATH = /(?<![\w.$}/])\/(home|Users|root|work|mnt)\/[\w.-]+/;

const SOURCES = filesBelow("src", ".ts", ".mts", ".mjs");
const CODE = [...SOURCES, ...filesBelow("test", ".ts", ".mjs"), ...filesBelow("bench", ".ts")];
const TEXTS = filesBelow(".", ".ts", ".mts", ".mjs", ".md", ".html", ".wgsl", ".json", ".yml", "run");

interface Import {
  readonly file: string;
  readonly specifier: string;
}

/** Comments go, strings stay: a glob like `lib/*.wgsl` looks like the start of a comment. */
function withoutComments(code: string): string {
  const stringOrComment =
    /("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`)|\/\*[\s\S]*?\*\/|\/\/.*$/gm;
  return code.replace(stringOrComment, (_, text: string | undefined) => text ?? "");
}

/** Static, re-exporting, side-effect and dynamic imports, and `import.meta.glob` patterns. */
function importsOf(file: string): Import[] {
  const patterns = [
    /^\s*(?:import|export)\b[^;'"]*?\bfrom\s*["']([^"']+)["']/gm,
    /^\s*import\s*["']([^"']+)["']/gm,
    /\bimport\(\s*["']([^"']+)["']/g,
    /\bimport\.meta\.glob(?:<[^(]*>)?\(\s*["']([^"']+)["']/g,
  ];
  const code = withoutComments(read(file));
  return patterns.flatMap((pattern) =>
    [...code.matchAll(pattern)].map((match) => ({ file, specifier: match[1]! })),
  );
}

/** `lit` of `lit/directives/repeat.js`, `@huggingface/jinja` of itself. */
const packageOf = (specifier: string): string =>
  specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");

const isRelative = (specifier: string): boolean => specifier.startsWith(".");
const target = ({ file, specifier }: Import): string =>
  posix.join(posix.dirname(file), specifier.replace(/\?.*$/, ""));
const folderOf = (file: string): string => file.split("/")[1]!;
const SOURCE_IMPORTS = SOURCES.flatMap(importsOf);

function isAllowed(entry: Import): boolean {
  const from = folderOf(entry.file);
  const path = target(entry).replace(/^src\//, "");
  return [from, ...(MAY_IMPORT[from] ?? [])].some(
    (place) => path.startsWith(`${place}/`) || path.replace(/\.[a-z]+$/, "") === place,
  );
}

const show = ({ file, specifier }: Import): string => `${file} imports ${specifier}`;

describe("the import table", () => {
  test("the test sees the files and their imports", () => {
    expect(SOURCES.length).toBeGreaterThan(10);
    expect(SOURCE_IMPORTS.length).toBeGreaterThan(20);
    expect(SOURCE_IMPORTS.some(({ specifier }) => specifier.endsWith(".wgsl?raw"))).toBe(true);
  });

  test("every folder of src/ stands in the table, and nothing else lies in src/", () => {
    const strangers = SOURCES.filter((file) => file.split("/").length < 3 || !(folderOf(file) in MAY_IMPORT));
    expect(strangers).toEqual([]);
  });

  test("a folder imports only what the table allows", () => {
    const relative = SOURCE_IMPORTS.filter(({ specifier }) => isRelative(specifier));
    expect(relative.filter((entry) => !isAllowed(entry)).map(show)).toEqual([]);
  });

  test("the table itself refuses what it should", () => {
    expect(isAllowed({ file: "src/ops/a.ts", specifier: "../gpu/index.ts" })).toBe(true);
    expect(isAllowed({ file: "src/gpu/a.ts", specifier: "../ops/a.ts" })).toBe(false);
    expect(isAllowed({ file: "src/ui/a.ts", specifier: "../worker/client.ts" })).toBe(true);
    expect(isAllowed({ file: "src/ui/a.ts", specifier: "../worker/worker.ts" })).toBe(false);
    expect(isAllowed({ file: "src/node/commands/a.ts", specifier: "../../worker/api.ts" })).toBe(false);
  });

  test("a package is imported only by the folder that owns it", () => {
    const packages = SOURCE_IMPORTS.filter(({ specifier }) => !isRelative(specifier));
    const isAtItsDoor = ({ file, specifier }: Import): boolean =>
      specifier.startsWith("node:")
        ? folderOf(file) === "node"
        : DOORS[packageOf(specifier)] === folderOf(file);
    expect(packages.length).toBeGreaterThan(0);
    expect(packages.filter((entry) => !isAtItsDoor(entry)).map(show)).toEqual([]);
  });

  test("relative imports name an existing file with its ending", () => {
    const imports = CODE.flatMap(importsOf).filter(
      ({ specifier }) => isRelative(specifier) && !/[*]/.test(specifier),
    );
    const broken = imports.filter(
      (entry) => !/\.(ts|mjs|wgsl\?raw|css\?inline)$/.test(entry.specifier) || !exists(target(entry)),
    );
    expect(broken.map(show)).toEqual([]);
  });
});

describe("the device", () => {
  test("only src/gpu calls GPUDevice", () => {
    const callers = SOURCES.filter((file) => DEVICE_CALLS.test(withoutComments(read(file))));
    expect(callers.some((file) => file.startsWith("src/gpu/"))).toBe(true);
    expect(callers.filter((file) => !file.startsWith("src/gpu/"))).toEqual([]);
  });
});

describe("files", () => {
  const tooLong = (files: readonly string[], limit: number): string[] =>
    files
      .map((file) => [file, read(file).trimEnd().split("\n").length] as const)
      .filter(([, lines]) => lines > limit)
      .map(([file, lines]) => `${file} has ${lines} lines, the limit is ${limit}`);

  test(`a source file has at most ${TYPESCRIPT_LINES} lines`, () => {
    expect(tooLong(SOURCES, TYPESCRIPT_LINES)).toEqual([]);
  });

  test(`a WGSL file has at most ${WGSL_LINES} lines`, () => {
    const shaders = filesBelow("shaders", ".wgsl");
    expect(shaders.length).toBeGreaterThan(0);
    expect(tooLong(shaders, WGSL_LINES)).toEqual([]);
  });

  test("a source file says in its first line why it exists", () => {
    const silent = SOURCES.filter((file) => !/^(#!.*\n)?\/\/ \S/.test(read(file)));
    expect(silent).toEqual([]);
  });

  test("no file names a path of one machine", () => {
    expect(TEXTS).toContain("README.md");
    const found = TEXTS.filter((file) => file !== "package-lock.json").flatMap((file) => {
      const match = MACHINE_PATH.exec(read(file));
      return match ? [`${file}: ${match[0]}`] : [];
    });
    expect(found).toEqual([]);
  });
});
