// The list of commands, in the order in which `--help` shows them. A new command is one file and one line here.

import type { Command } from "../command.ts";
import { bench } from "./bench.ts";
import { demoModel } from "./demo-model.ts";
import { devices } from "./devices.ts";
import { docs } from "./docs.ts";
import { evalCommand } from "./eval.ts";
import { exportCommand } from "./export.ts";
import { makeModel } from "./make-model.ts";
import { train } from "./train.ts";
import { verify } from "./verify.ts";

export const COMMANDS: readonly Command[] = [
  train,
  evalCommand,
  exportCommand,
  demoModel,
  makeModel,
  devices,
  verify,
  bench,
  docs,
];
