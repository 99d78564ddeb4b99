// Which form of a model a device is offered, before any weight is fetched: at the size of Qwen2.5-0.5B, with the forms that
// its repositories have.

import { expect, test } from "vitest";

import { QWEN_05B } from "../../bench/qwen-0.5b.ts";
import { bestForm, fitsOf } from "../../src/app/hub-fit.ts";
import type { Variant } from "../../src/hub/variants.ts";
import { configWith } from "../../src/rl/config.ts";
import { presetById } from "../../src/rl/presets/index.ts";

const form = (id: string, megabytes: number, is4Bit = false): Variant => ({
  id,
  label: id,
  is4Bit,
  files: [],
  bytes: megabytes * 1e6,
});
const FORMS = [
  form("q4", 483, true),
  form("q4f16", 786, true),
  form("fp16", 993),
  form("safetensors", 988),
  form("float32", 1976),
];
const LORA = configWith(presetById("grpo", "own")!.values);
const Q4 = configWith({ "gradus.base_type": "q4" }, LORA);

const fitsIn = (gib: number | undefined, config = LORA) =>
  fitsOf(QWEN_05B, FORMS, config, {
    maxBindingBytes: 2 ** 30,
    isSoftware: false,
    memoryBytes: gib === undefined ? undefined : gib * 2 ** 30,
  });
const bestIn = (...args: Parameters<typeof fitsIn>) => bestForm(FORMS, fitsIn(...args))?.id;
const bytesOf = (id: string, ...args: Parameters<typeof fitsIn>) => fitsIn(...args).get(id)!.plan!.total;

test("the most exact form that fits is taken, of two alike the smaller download", () => {
  expect(bestIn(undefined)).toBe("safetensors");
  expect(bestIn(16)).toBe("safetensors");
});

test("a 4-bit form is taken where only its blocks fit, or a setting would make them", () => {
  const between = (bytesOf("safetensors", undefined, Q4) + bytesOf("q4", undefined, Q4)) / 2 / 2 ** 30;
  expect(bestIn(between, Q4)).toBe("q4");
  // The recipe asks for halves: then no form fits as it is.
  const fits = fitsIn(between);
  expect([...fits.values()].every(({ plan }) => plan === undefined)).toBe(true);
  expect(fits.get("q4")!.remedy!.values).toEqual({ "gradus.base_type": "q4" });
});

test("the vocabulary of a 4-bit form is planned as halves", () => {
  const projections = QWEN_05B.layers * (2 * 896 * 896 + 2 * 896 * 128 + 3 * 896 * 4864);
  const saved = bytesOf("safetensors", undefined, Q4) - bytesOf("q4", undefined, Q4);
  // 32 weights of 64 bytes become 24: their bits, a scale and a zero point.
  expect(saved / projections).toBeCloseTo((64 - 24) / 32, 5);
});

test("nothing is taken where nothing fits", () => {
  expect(bestIn(0.1)).toBeUndefined();
});
