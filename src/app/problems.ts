// Problems out of one or two dropped files, and how they are split: a file of test problems, or a share of the others, is
// held out.

import { baseName } from "../common/base-name.ts";
import { UserError } from "../common/errors.ts";
import type { Dataset, RefusedRow } from "../formats/dataset.ts";
import { readDataset } from "../formats/dataset.ts";
import type { ByteSource } from "../formats/safetensors.ts";
import { kindOf } from "../formats/problem.ts";
import type { DataKind } from "../formats/problem.ts";
import { splitProblems } from "../formats/split.ts";
import type { RunConfig } from "../rl/config.ts";
import type { RunProblems } from "../rl/run.ts";

/** The share is drawn by this, whatever the run's seed: runs with different seeds are tested on the same problems. */
const SPLIT_SEED = 0;
const TEST_NAME = /(?<![a-z])(test|valid|validation|dev|eval|heldout)(?![a-z])/i;

export interface OpenedProblems {
  readonly name: string;
  readonly train: Dataset;
  /** Absent: a share of `train` is held out. */
  readonly test: Dataset | undefined;
  readonly refused: readonly RefusedRow[];
  /** The files they came from; a copy of them opens the same problems. */
  readonly files: readonly ByteSource[];
}

/** Opens a file of problems, or one to train on and one to test with. Throws UserError. */
export async function openProblems(files: readonly ByteSource[]): Promise<OpenedProblems> {
  const [trainFile, testFile] = rolesOf(files);
  const train = await readDataset(trainFile);
  const test = testFile && (await readDataset(testFile));
  checkKinds(train, test);
  const named = (dataset: Dataset): RefusedRow[] =>
    dataset.refused.map(({ where, why }) => ({ where: test ? `${dataset.name}, ${where}` : where, why }));
  return {
    name: test ? `${train.name} and ${test.name}` : train.name,
    train,
    test,
    refused: [...named(train), ...(test ? named(test) : [])],
    files: testFile ? [trainFile, testFile] : [trainFile],
  };
}

/** A file holds rows of one kind. */
export const kindOfDataset = ({ problems: [first] }: Dataset): DataKind => kindOf(first!);

/** As they are counted: "8 problems", "8 preference pairs". */
export const kindWords = (dataset: Dataset): string =>
  kindOfDataset(dataset) === "pairs" ? "preference pairs" : "problems";

/** Pairs may be tested with questions, but not the other way round. */
function checkKinds(train: Dataset, test: Dataset | undefined): void {
  if (!test || kindOfDataset(test) === "problems" || kindOfDataset(train) === "pairs") return;
  throw new UserError(
    `${train.name} has problems to train on and ${test.name} preference pairs to test with: responses to problems are judged by their answers. Drop a file of problems to test with, or train on pairs.`,
  );
}

/** Which file is trained on and which is held out, by their names. */
function rolesOf(files: readonly ByteSource[]): [ByteSource, ByteSource | undefined] {
  const [first, second] = files;
  if (!first) throw new UserError("No file was given: drop one with problems.");
  if (!second) return [first, undefined];
  // The folder that a file lay in says nothing, and is not kept with a run.
  const tests = files.filter((file) => TEST_NAME.test(baseName(file)));
  const others = files.filter((file) => !tests.includes(file));
  if (files.length === 2 && tests.length === 1) return [others[0]!, tests[0]];
  throw new UserError(
    `${files.length} files were given (${files.map(({ name }) => name).join(", ")}), and it is not clear which to train on. Drop one, or two of which one has "test" in its name and is held out.`,
  );
}

/**
 * What is trained on and what is held out, given the share to hold out where there is no file for it: of pairs also where
 * that file has questions, which are answered.
 */
export function splitOf({ train, test }: OpenedProblems, heldOutRatio: number): RunProblems {
  const share = (): RunProblems => splitProblems(train.problems, { seed: SPLIT_SEED, heldOutRatio });
  if (!test) return share();
  if (kindOfDataset(train) === kindOfDataset(test)) return { train: train.problems, heldOut: test.problems };
  const { train: pairs, heldOut } = share();
  return { train: pairs, heldOut: [...heldOut, ...test.problems] };
}

/** How many problems a run with given settings trains on. */
export function trainingCount(problems: OpenedProblems): (config: RunConfig) => number {
  return (config) => splitOf(problems, config["gradus.held_out_ratio"]).train.length;
}
