// How a rollout in ONNX Runtime ends, is told, left and refused; with the processor as its backend, as always in Node. What
// our own decoder answers is what is right.

import { beforeAll, expect, test } from "vitest";

import type { Recorder } from "../../../src/gpu/index.ts";
import { sharedRecorder } from "../../harness.ts";
import { agree, GREEDY, REQUESTS, SAMPLED, tokensOf, withBoth } from "./agreement.ts";
import { SIZES, writtenDecoder } from "./decoders.ts";

let recorder: Recorder;
beforeAll(async () => {
  recorder = await sharedRecorder();
});

test("of a Llama with a head of its own and an adapter on some modules", async () => {
  const model = await writtenDecoder("float32", { family: "llama", tied: false, kvHeads: 1 });
  await withBoth(recorder, model, { trained: ["q_proj", "v_proj", "down_proj"] }, async (ours, ort) => {
    await agree(ours, ort, GREEDY);
    await agree(ours, ort, { ...SAMPLED, sampling: { ...SAMPLED.sampling, topK: 20, topP: 0.8 } });
  });
});

test("responses end where a stop token comes, and rows that ended make room", async () => {
  await withBoth(recorder, await writtenDecoder("float32"), {}, async (ours, ort) => {
    const free = await ours.generate(REQUESTS, SAMPLED);
    const counts = new Map<number, number>();
    for (const token of tokensOf(free).flat(2)) counts.set(token, (counts.get(token) ?? 0) + 1);
    const common = [...counts].sort((a, b) => b[1] - a[1]).slice(0, 8);
    const stopTokens = common.map(([token]) => token);
    const tokens = await agree(ours, ort, { ...SAMPLED, stopTokens });
    const lengths = tokens.flat().map((response) => response.length);
    expect(Math.min(...lengths)).toBeLessThan(SIZES.maxNew);
    expect(new Set(lengths).size).toBeGreaterThan(2);
  });
});

test("tokens are told as they come, and add up to the responses", async () => {
  await withBoth(recorder, await writtenDecoder("float32"), {}, async (_, ort) => {
    const told = new Map<string, number[]>();
    const responses = await ort.generate(REQUESTS, {
      ...SAMPLED,
      onTokens: ({ request, sample, tokens }) => {
        const id = `${request}/${sample}`;
        told.set(id, [...(told.get(id) ?? []), ...tokens]);
      },
    });
    responses.forEach((group, request) =>
      group.forEach(({ tokens }, sample) => expect(told.get(`${request}/${sample}`)).toEqual(tokens)),
    );
  });
});

test("what does not fit is refused before anything runs", async () => {
  await withBoth(recorder, await writtenDecoder("float32"), {}, async (_, ort) => {
    const long = [{ prompt: Array.from({ length: 25 }, () => 1), samples: 1, key: 0 }];
    await expect(ort.generate(long, GREEDY)).rejects.toThrow("A prompt has 25 tokens");
    const strange = [{ prompt: [259], samples: 1, key: 0 }];
    await expect(ort.generate(strange, GREEDY)).rejects.toThrow("Token 259 of a prompt");
    await expect(ort.generate(REQUESTS, { ...GREEDY, maxNew: 7 })).rejects.toThrow("new tokens is 7");
    const stopTokens = Array.from({ length: 9 }, (_, i) => i);
    await expect(ort.generate(REQUESTS, { ...GREEDY, stopTokens })).rejects.toThrow("9 stop tokens");
  });
});

test("positions that the file has no angles for are refused", async () => {
  const model = await writtenDecoder("float32", { maxPositions: 16 });
  await withBoth(recorder, model, {}, async (_, ort) => {
    const fits = [{ prompt: Array.from({ length: 10 }, () => 1), samples: 1, key: 0 }];
    expect((await ort.generate(fits, GREEDY))[0]![0]!.tokens.length).toBe(6);
    const long = [{ prompt: Array.from({ length: 11 }, () => 1), samples: 1, key: 0 }];
    await expect(ort.generate(long, GREEDY)).rejects.toThrow("beyond the 16 positions");
  });
});
