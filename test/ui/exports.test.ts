// Exports of trained weights as the session holds them: one at a time, found again from anywhere, and kept until the file lies
// where the person wanted it.

import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { SessionCore } from "../../src/ui/session/core.ts";
import { SessionExports } from "../../src/ui/session/exports.ts";
import type { MadeExport, WorkerApi } from "../../src/worker/api.ts";

const place = { runId: "run", step: 3 };

/** Archives that the worker has, and the calls that have not returned. */
let archives: string[];
let finish: (isStopped?: boolean) => void;
let core: SessionCore;
let exports: SessionExports;

beforeEach(() => {
  vi.useFakeTimers();
  archives = [];
  let count = 0;
  core = new SessionCore({
    makeExport: (form: string) =>
      new Promise<MadeExport | undefined>((resolve) => {
        finish = (isStopped = false) => {
          if (isStopped) return resolve(undefined);
          const id = `${form} ${++count}`;
          archives.push(id);
          resolve({ id, file: new File(["x"], `${form}.zip`), check: { isGood: true, message: "Fine." } });
        };
      }),
    stopExport: async () => finish(true),
    dropExport: async (id: string) => {
      archives = archives.filter((one) => one !== id);
    },
    device: async () => ({}),
  } as unknown as WorkerApi);
  exports = new SessionExports(core);
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

/** Until what was started has run as far as it can. */
const settle = (): Promise<unknown> => vi.advanceTimersByTimeAsync(0);

async function made(form: "adapter" | "onnx-f16"): Promise<void> {
  const making = exports.make(form, place);
  await settle();
  finish();
  await making;
}

/** A browser that asks for a place, and writes there with `write`. */
const withPicker = (write: () => Promise<void>): void =>
  void vi.stubGlobal("window", {
    showSaveFilePicker: async () => ({ createWritable: async () => new WritableStream({ write }) }),
  });

test("an export under way is part of the session, where its checkpoint is, and can be stopped", async () => {
  const making = exports.make("adapter", place);
  await settle();
  expect(exports.of({ ...place })?.form).toBe("adapter");
  expect(exports.of({ ...place, step: undefined })).toBeUndefined();
  expect(exports.isMaking).toBe(true);
  await exports.make("onnx-f16", place);
  expect(exports.of(place)?.form).toBe("adapter");
  await exports.stop();
  await making;
  expect(core.state.exported).toBeUndefined();
  expect(exports.isBusy).toBe(false);
});

test("nothing else is made while an archive is copied, and only that one is forgotten after", async () => {
  let written = (): void => {};
  withPicker(() => new Promise<void>((resolve) => (written = resolve)));
  await made("adapter");
  const saving = exports.save();
  await settle();
  expect(exports.isBusy).toBe(true);
  await exports.make("onnx-f16", place);
  expect(archives).toEqual(["adapter 1"]);
  written();
  await saving;
  expect(exports.of(place)).toMatchObject({ form: "adapter", saved: "Fine.", made: undefined });
  expect(archives).toEqual([]);
  expect(exports.isBusy).toBe(false);
});

test("an archive that could not be saved can be saved again", async () => {
  withPicker(() => Promise.reject(new Error("The disk is full.")));
  await made("adapter");
  await exports.save();
  expect(exports.of(place)?.error).toMatch(/^The file was not saved: The disk is full\. It is still here/);
  expect(archives).toEqual(["adapter 1"]);
  withPicker(() => Promise.resolve());
  await exports.save();
  expect(exports.of(place)).toMatchObject({ saved: "Fine.", error: undefined });
});

test("what was handed to the browser is kept for a minute after another is asked for", async () => {
  vi.stubGlobal("window", {});
  vi.stubGlobal("document", { createElement: () => ({ click: () => {} }) });
  await made("adapter");
  await exports.save();
  await made("onnx-f16");
  expect(archives).toEqual(["adapter 1", "onnx-f16 2"]);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(archives).toEqual(["onnx-f16 2"]);
  await made("adapter");
  expect(archives).toEqual(["adapter 3"]);
});

test("the newest checkpoint is known from the run on the screen and from those that are kept", () => {
  expect(exports.newestStep("run")).toBeUndefined();
  core.set({
    run: { id: "run", state: "running", step: 4, history: [], evaluations: [], notices: [] },
  });
  expect(exports.newestStep("run")).toBeUndefined();
  core.set({ run: { ...core.state.run!, lastCheckpoint: { step: 4, bytes: 1 } } });
  expect(exports.newestStep("run")).toBe(4);
  expect(exports.newestStep("another")).toBeUndefined();
});
