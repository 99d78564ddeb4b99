// A person's function behind its wall: what it may return, where its errors are said to be, and that nothing it does gets out,
// lasts longer than its limit, or harms the next call.

import { afterAll, describe, expect, test } from "vitest";

import type { Fault, Sample, Verdict } from "../../src/sandbox/index.ts";
import { faultWords, openSandbox } from "../../src/sandbox/index.ts";

const SAMPLE: Sample = {
  dataSource: "openai/gsm8k",
  solution: "3 + 4 = 7 #### 7",
  groundTruth: "7",
  extraInfo: { index: 5, question: "What is 3 + 4?", nested: { list: [1, 2] } },
};
const LIMIT_MS = 200;
/** A busy machine, and one long built-in function. */
const PATIENCE_MS = 5000;

const judge = async (code: string, sample: Sample = SAMPLE, limitMs = LIMIT_MS): Promise<Verdict> => {
  const sandbox = openSandbox(code, limitMs);
  try {
    return await sandbox.judge(sample);
  } finally {
    sandbox.dispose();
  }
};

const body = (statements: string): string =>
  `function computeScore(dataSource, solution, groundTruth, extraInfo) {\n${statements}\n}`;

async function faultOf(code: string): Promise<Fault> {
  const verdict = await judge(code);
  if ("fault" in verdict) return verdict.fault;
  throw new Error(`no fault, but a score of ${verdict.score}`);
}

describe("a function", () => {
  test.each([
    ["a number", "return 0.25;", 0.25],
    ["a truth value", "return solution.includes('#### ' + groundTruth);", 1],
    ["an object with a score, as in verl", "return { score: 0.5, acc: 1 };", 0.5],
    ["an object with a truth value", "return { score: false };", 0],
    ["what it reads of the problem", "return extraInfo.index + extraInfo.nested.list[1];", 7],
    ["what it reads of the source", "return dataSource.length;", 12],
  ])("may return %s", async (_, statements, score) => {
    expect(await judge(body(statements))).toEqual({ score });
  });

  test.each([
    ["const computeScore = (source, solution) => solution.length;", 16],
    [
      "function compute_score(data_source, solution_str, ground_truth, extra_info) { return +ground_truth; }",
      7,
    ],
    ["let computeScore = () => 1; function compute_score() { return 2; }", 1],
    ["console.log('debugging'); function computeScore() { console.error(1); return 3; }", 3],
  ])("may be written as %s", async (code, score) => {
    expect(await judge(code)).toEqual({ score });
  });

  test("gets texts as they are, also those that are odd", async () => {
    const solution = "a\u0000b\ud83d\ude00\u2028`${x}\\";
    expect(
      await judge(body("return solution.length * 1000 + solution.charCodeAt(1);"), { ...SAMPLE, solution }),
    ).toEqual({
      score: solution.length * 1000,
    });
  });

  test("is run anew for each response: nothing is remembered", async () => {
    const sandbox = openSandbox(
      "let n = 0; globalThis.m ??= 0; function computeScore() { return ++n + ++m; }",
      LIMIT_MS,
    );
    expect([await sandbox.judge(SAMPLE), await sandbox.judge(SAMPLE)]).toEqual([{ score: 2 }, { score: 2 }]);
  });
});

describe("an error names its line and column", () => {
  test.each([
    [
      "of the syntax",
      "function computeScore() {\n  let x = ;\n}",
      /^line 2, column 1\d: SyntaxError: unexpected token/,
    ],
    ["of a text that ends too early", "function computeScore() {\n  return 1;\n", /^line 3, .*SyntaxError/],
    [
      "thrown in the function",
      body("\n  return extraInfo.missing.length;"),
      /^line 3, column \d+: TypeError: cannot read property 'length' of undefined/,
    ],
    [
      "thrown in a function that it calls",
      "const f = (x) => x.y.z;\nfunction computeScore() {\n  return f({});\n}",
      /^line 1, column \d+: TypeError/,
    ],
    [
      "thrown outside of it",
      "const a = 1;\nmissing();\nfunction computeScore() { return 1; }",
      /^line 2, column \d+: ReferenceError: 'missing' is not defined/,
    ],
    [
      "of its own",
      body("  if (solution)\n    throw new Error('no idea');"),
      /^line 3, column \d+: Error: no idea$/,
    ],
    [
      "an endless loop",
      body("  let i = 0;\n  while (true) i++;"),
      /^line \d, column \d+: it took longer than 200 ms and was stopped/,
    ],
    [
      "calls without end",
      "function f() {\n  return f() + 1;\n}\nfunction computeScore() {\n  return f();\n}",
      /^line 2, column \d+: it calls itself too deeply/,
    ],
    [
      "too much memory",
      body("  return 'x'.repeat(1e9).length;"),
      /^line 2, column \d+: it asked for more than the 64 MB/,
    ],
    [
      "chance, which a response must not depend on",
      body("  return Math.random();"),
      /^line 2, column \d+: ReferenceError: Math\.random is not there/,
    ],
    [
      "the clock",
      body("  return Date.now();"),
      /^line 2, column \d+: ReferenceError: Date\.now is not there/,
    ],
    ["a new date", body("  return new Date();"), /^line 2, column \d+: ReferenceError: Date is not there/],
  ])("%s", async (_, code, words) => {
    expect(faultWords(await faultOf(code))).toMatch(words);
  });

  test.each([
    ["no function", "const x = 1;", /^there is no function computeScore: write/],
    ["an empty text", "", /^there is no function computeScore/],
    ["a name that is something else", "const computeScore = 3;", /^there is no function computeScore/],
    ["nothing", body(""), /it returned nothing where a number is needed/],
    ["a text", body("return '1';"), /it returned a text where a number/],
    ["not a number", body("return 0 / 0;"), /^it returned NaN where a finite number/],
    ["infinity", body("return { score: 1 / 0 };"), /^it returned Infinity where a finite number/],
    [
      "a promise",
      "async function computeScore() { return 1; }",
      /it returned a promise, which is not waited for/,
    ],
    ["an object without a score", body("return { reward: 1 };"), /it returned an object without a score/],
    ["a thrown text", body("throw 'nope';"), /^it threw nope$/],
    ["a thrown nothing", body("throw undefined;"), /^it threw undefined$/],
    [
      "something thrown that cannot be told",
      body("throw { get name() { throw 1; } };"),
      /cannot be put into words/,
    ],
  ])("or what was returned: %s", async (_, code, words) => {
    expect(faultWords(await faultOf(code))).toMatch(words);
  });
});

describe("nothing gets out", () => {
  const NAMES = [
    "fetch", "XMLHttpRequest", "WebSocket", "EventSource", "Worker", "importScripts", "postMessage", "navigator", "location",
    "document", "window", "self", "localStorage", "indexedDB", "caches", "crypto", "require", "process", "module", "Buffer",
    "Deno", "Bun", "setTimeout", "queueMicrotask", "WebAssembly", "performance", "std", "os", "scriptArgs",
  ]; // prettier-ignore

  test("none of the outer world's names is there, directly or by way of a constructor", async () => {
    const code = body(`
      const outer = (() => {}).constructor.constructor("return this")();
      if (outer !== globalThis) throw new Error("another world");
      return ${JSON.stringify(NAMES)}.filter((name) => name in outer || eval("typeof " + name) !== "undefined").length;`);
    expect(await judge(code)).toEqual({ score: 0 });
  });

  test.each([
    ["import()", body("return import('fs');"), /a promise, which is not waited for/],
    [
      "import() that is awaited",
      "async function computeScore() { return (await import('node:fs')) ? 1 : 0; }",
      /promise/,
    ],
    [
      "a static import",
      "import fs from 'fs';\nfunction computeScore() { return 1; }",
      /^line 1.*SyntaxError/,
    ],
    ["fetch", body("return fetch('http://localhost');"), /line 2.*'fetch' is not defined/],
    [
      "a getter in what it returns that never ends",
      body("return { get score() { while (true); } };"),
      /longer than 200 ms/,
    ],
    ["a proxy that never ends", body("return new Proxy({}, { get() { for (;;); } });"), /longer than 200 ms/],
    [
      "an error whose message never ends",
      body("throw { get message() { for (;;); } };"),
      /cannot be put into words|longer/,
    ],
    [
      "a hungry regular expression",
      body("return /(a+)+$/.test('a'.repeat(60) + 'b');"),
      /longer than 200 ms/,
    ],
    [
      "a memory bomb of arrays",
      body("const all = []; for (;;) all.push(new Uint8Array(1e6).fill(1));"),
      /64 MB|longer/,
    ],
    [
      "a memory bomb of texts",
      body("const all = []; for (;;) all.push('x'.repeat(1e6) + all.length);"),
      /64 MB|longer/,
    ],
    ["a memory bomb of objects", body("const all = []; for (;;) all.push({ a: 1 });"), /64 MB|longer/],
    [
      "a memory bomb that catches its end",
      body("for (;;) { try { const all = []; for (;;) all.push(new Uint8Array(1e6)); } catch {} }"),
      /longer/,
    ],
    ["a text that doubles", body("let s = 'a'; for (;;) s += s;"), /64 MB|string too long/],
    [
      "promises that call each other",
      body("const f = () => Promise.resolve().then(f); f(); return 'x';"),
      /a text/,
    ],
    ["catching its own end", body("for (;;) { try { for (;;); } catch {} }"), /longer than 200 ms/],
    ["brackets by the thousand", body("return JSON.parse('['.repeat(1e5));"), /too deep|gave up/],
    ["a program by the thousand brackets", body("return eval('('.repeat(1e5));"), /too deep|gave up/],
  ])("%s ends in a sentence, and the next call works", async (_, code, words) => {
    const start = performance.now();
    expect(faultWords(await faultOf(code))).toMatch(words);
    expect(performance.now() - start).toBeLessThan(PATIENCE_MS);
    expect(await judge(body("return 1;"))).toEqual({ score: 1 });
  });

  test("what one call does to its globals and prototypes, neither the outside nor the next call sees", async () => {
    const evil = body(`
      Object.prototype.score = 99; Array.prototype.map = () => [99]; String.prototype.includes = () => true;
      JSON.parse = JSON.stringify = () => 99; Number = String = () => 99; Number.isFinite = () => true;
      globalThis.parse = globalThis.read = () => 99; ({}).__proto__.polluted = true;
      Object.defineProperty(globalThis, "Object", { value: undefined });
      return 0.5;`);
    const sandbox = openSandbox(evil, LIMIT_MS);
    expect(await sandbox.judge(SAMPLE)).toEqual({ score: 0.5 });
    expect(await sandbox.judge(SAMPLE)).toEqual({ score: 0.5 });
    expect("polluted" in {}).toBe(false);
    expect(await judge(body("return ({}).score === undefined && [1].map((x) => x)[0];"))).toEqual({
      score: 1,
    });
  });
});

test("a response of a hundred thousand characters is judged in time, a hundred times", async () => {
  const sandbox = openSandbox(body("return solution.split(' ').length;"), 2000);
  const solution = "word ".repeat(20_000);
  for (let i = 0; i < 100; i++)
    expect(await sandbox.judge({ ...SAMPLE, solution })).toEqual({ score: 20_001 });
});

afterAll(() => expect("score" in {}).toBe(false));
