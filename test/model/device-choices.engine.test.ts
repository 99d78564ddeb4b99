// What is measured on a device: what a run multiplies with, once.

import { expect, test } from "vitest";

import { deviceChoices, measureDevice } from "../../src/model/device-choices.ts";
import { openRecorder } from "../harness.ts";

test("products are measured as a base needs them, and those that were are kept", async () => {
  const recorder = await openRecorder();
  await measureDevice(recorder, { baseType: "f32" });
  const { matmul: first } = deviceChoices(recorder);
  expect(Object.keys(first.products).toSorted()).toEqual(["nn f32", "nt f32", "tn f32"]);
  expect(Object.keys(first.skinny)).toEqual(["f32"]);
  await measureDevice(recorder, { baseType: "f32" });
  expect(deviceChoices(recorder).matmul).toBe(first);
  await measureDevice(recorder, { baseType: "f16" });
  const { products, skinny } = deviceChoices(recorder).matmul;
  expect(products).toMatchObject(first.products);
  expect(Object.keys(products).filter((key) => key.endsWith("f16"))).toEqual(["nt f16", "nn f16"]);
  expect(skinny).toMatchObject(first.skinny);
  recorder.gpu.destroy();
});
