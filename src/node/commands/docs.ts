// `docs`: writes docs/algorithms.md from the lists of the code.

import { writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

import { defineCommand } from "../command.ts";
import { ALGORITHMS_FILE, algorithmsMarkdown } from "../docs/algorithms.ts";

export const docs = defineCommand({
  name: "docs",
  summary: `write ${ALGORITHMS_FILE} from the lists of losses, recipes, settings and metrics`,
  usage: "",
  options: {},
  async run() {
    await writeFile(
      fileURLToPath(new URL(`../../../${ALGORITHMS_FILE}`, import.meta.url)),
      algorithmsMarkdown(),
    );
    console.log(`wrote ${ALGORITHMS_FILE}`);
  },
});
