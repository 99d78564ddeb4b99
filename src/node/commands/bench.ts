// `bench`: runs one file of the bench/ folder, or lists them. It measures nothing itself.

import { UserError } from "../../common/errors.ts";
import { nearest } from "../../common/nearest.ts";
import { installWebGpu } from "../adapter.ts";
import { defineCommand } from "../command.ts";

interface Benchmark {
  /** One line: what is measured. A file without one is part of others, and is not listed. */
  readonly summary?: string;
  default(args: readonly string[]): Promise<void>;
}

const FILES = import.meta.glob<Benchmark>("../../../bench/*.ts");

/** Benchmarks by name: `bench/decode.ts` is `decode`. */
const BENCHMARKS = new Map(
  Object.entries(FILES).map(([path, load]) => [path.slice(path.lastIndexOf("/") + 1, -".ts".length), load]),
);

async function list(): Promise<void> {
  const all = await Promise.all([...BENCHMARKS].map(async ([name, load]) => ({ name, ...(await load()) })));
  const listed = all.filter(({ summary }) => summary !== undefined);
  if (listed.length === 0)
    return console.log("There are no benchmarks yet: no file in bench/ has a summary.");
  const width = Math.max(...listed.map(({ name }) => name.length));
  console.log("Usage: npm run bench -- <name> [arguments]\n");
  for (const { name, summary } of listed) console.log(`  ${name.padEnd(width)}  ${summary}`);
}

export const bench = defineCommand({
  name: "bench",
  summary: "run a benchmark of the bench/ folder; without a name, list them",
  usage: "[name] [arguments of the benchmark]",
  options: {},
  takesRawArguments: true,
  async run({ positionals: [name, ...rest] }) {
    if (name === undefined) return list();
    const load = BENCHMARKS.get(name);
    if (!load) {
      const close = nearest(name, [...BENCHMARKS.keys()]);
      const hint = close ? `Did you mean "${close}"?` : "npm run bench lists what is there.";
      throw new UserError(`There is no benchmark "${name}": bench/${name}.ts does not exist. ${hint}`);
    }
    await installWebGpu();
    return (await load()).default(rest);
  },
});
