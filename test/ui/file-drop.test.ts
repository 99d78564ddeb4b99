import { describe, expect, test } from "vitest";

import { type Entry, filesOf, sortFiles, splitAdapter } from "../../src/ui/file-drop.ts";

const fileEntry = (name: string): Entry =>
  ({
    name,
    isFile: true,
    isDirectory: false,
    file: (found: (file: File) => void) => found(new File(["x"], name)),
  }) as Entry;

/** A folder that hands out its entries in pieces of two, as a browser does with a hundred. */
function folderEntry(name: string, children: readonly Entry[]): Entry {
  const createReader = () => {
    let at = 0;
    return {
      readEntries: (found: (entries: Entry[]) => void) => {
        found(children.slice(at, at + 2));
        at += 2;
      },
    };
  };
  return { name, isFile: false, isDirectory: true, createReader } as Entry;
}

const names = (files: readonly File[]): string[] => files.map(({ name }) => name);

describe("a dropped folder", () => {
  test("gives all its files by their path, those of its folders too, however many pieces it comes in", async () => {
    const folder = folderEntry("model", [
      fileEntry("config.json"),
      fileEntry("tokenizer.json"),
      folderEntry("onnx", [fileEntry("model.onnx"), fileEntry("model.onnx_data")]),
      fileEntry("README.md"),
      fileEntry("vocab.json"),
    ]);
    expect(names(await filesOf(folder))).toEqual([
      "model/config.json",
      "model/tokenizer.json",
      "model/onnx/model.onnx",
      "model/onnx/model.onnx_data",
      "model/README.md",
      "model/vocab.json",
    ]);
  });

  test("is not needed: a file alone stays as it is", async () => {
    expect(names(await filesOf(fileEntry("train.jsonl")))).toEqual(["train.jsonl"]);
  });

  test("leaves out what is hidden", async () => {
    const folder = folderEntry("model", [
      fileEntry(".DS_Store"),
      folderEntry(".cache", [fileEntry("lock")]),
      fileEntry("config.json"),
    ]);
    expect(names(await filesOf(folder))).toEqual(["model/config.json"]);
  });

  test("is not walked without end", async () => {
    let entry = fileEntry("deep.json");
    for (let depth = 0; depth < 8; depth++) entry = folderEntry(`level-${depth}`, [entry]);
    expect(await filesOf(entry)).toEqual([]);
  });

  test("that cannot be read rejects", async () => {
    const broken = {
      ...fileEntry("config.json"),
      file: (_: unknown, failed: (error: unknown) => void) => failed(new Error("no permission")),
    };
    await expect(filesOf(folderEntry("model", [broken]))).rejects.toThrow("no permission");
  });
});

describe("dropped files", () => {
  const sorted = (...list: string[]) => {
    const { model, problems, settings } = sortFiles(list.map((name) => new File([], name)));
    return {
      model: names(model),
      problems: names(problems),
      ...(settings.length > 0 && { settings: names(settings) }),
    };
  };

  test("without a model's file are problems, whatever they are called", () => {
    expect(sorted("gsm8k.json", "train.jsonl")).toEqual({
      model: [],
      problems: ["gsm8k.json", "train.jsonl"],
    });
  });

  test("in YAML, and scripts, are settings, unless they lie with a model", () => {
    expect(sorted("run.sh", "grpo.YAML", "a.yml", "train.jsonl")).toEqual({
      model: [],
      problems: ["train.jsonl"],
      settings: ["run.sh", "grpo.YAML", "a.yml"],
    });
    expect(sorted("m/config.json", "m/recipe.yaml")).toEqual({
      model: ["m/config.json", "m/recipe.yaml"],
      problems: [],
    });
  });

  test("of a model go to the model, other JSON among them too", () => {
    expect(sorted("m/config.json", "m/vocab.json", "m/model.bin").model).toEqual([
      "m/config.json",
      "m/vocab.json",
      "m/model.bin",
    ]);
  });

  test("in JavaScript are a reward function, the last of them", () => {
    const files = ["train.jsonl", "old.js", "reward.mjs"].map((name) => new File([], name));
    const { model, problems, reward } = sortFiles(files);
    expect([names(model), names(problems), reward?.name]).toEqual([[], ["train.jsonl"], "reward.mjs"]);
    expect(sortFiles([new File([], "config.json")]).reward).toBeUndefined();
  });

  test("of an adapter go with the model's, and without a model what lies beside them is left out", () => {
    const split = (...list: string[]) => {
      const { model, adapter } = splitAdapter(list.map((name) => new File([], name)));
      return [names(model), names(adapter)];
    };
    const adapter = ["a/adapter_config.json", "a/adapter_model.safetensors"];
    expect(sorted(...adapter, "a/README.md", "train.jsonl")).toEqual({
      model: [...adapter, "a/README.md"],
      problems: ["train.jsonl"],
    });
    expect(split(...adapter, "a/README.md", "a/tokenizer.json")).toEqual([[], adapter]);
    expect(split("m/config.json", "m/model.onnx", ...adapter)).toEqual([
      ["m/config.json", "m/model.onnx"],
      adapter,
    ]);
    expect(split("m/model.safetensors", "demo-adapter-step-1.zip")[1]).toEqual(["demo-adapter-step-1.zip"]);
    expect(split("weights.data", "vocab.json")).toEqual([["weights.data", "vocab.json"], []]);
  });

  test("of both kinds go where they belong", () => {
    expect(sorted("model.safetensors", "tokenizer.json", "train.parquet")).toEqual({
      model: ["model.safetensors", "tokenizer.json"],
      problems: ["train.parquet"],
    });
  });
});
