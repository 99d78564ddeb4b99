// Parquet that is written is what other software expects: lists and groups with the schema that pyarrow writes, read back to
// the same values, whatever the rows hold.

import { parquetMetadata, parquetSchema } from "hyparquet";
import type { SchemaTree } from "hyparquet";
import { describe, expect, test } from "vitest";

import { SeededRandom } from "../../src/common/random.ts";
import type { JsonObject } from "../../src/formats/json.ts";
import { parquetRows } from "../../src/formats/parquet.ts";
import { writeParquet } from "../../src/formats/parquet-write.ts";
import { bytesSource } from "../../src/formats/safetensors.ts";
import { fixture } from "./fixtures.ts";

const written = async (rows: readonly JsonObject[]): Promise<unknown[]> =>
  parquetRows(bytesSource("a.parquet", writeParquet(rows)), Object.keys(rows[0]!));

/** Names, types and nesting, without what a writer may choose. */
function outline({ element, children }: SchemaTree): unknown {
  const { name, type, repetition_type: repetition, converted_type: converted } = element;
  const inside = children.map(outline);
  // The names of the two levels of a list are the writer's: readers go by their place.
  return [name === "item" ? "element" : name, type, repetition, converted, ...inside];
}

const schemaOf = (bytes: Uint8Array): SchemaTree =>
  parquetSchema(parquetMetadata(new Uint8Array(bytes).buffer));

const byName = (tree: SchemaTree): SchemaTree => ({
  ...tree,
  children: tree.children.map(byName).toSorted((a, b) => (a.element.name < b.element.name ? -1 : 1)),
});

test("rows of verl get the schema that pyarrow gives them, and read back", async () => {
  const file = fixture("datasets/verl-20.parquet");
  const names = ["data_source", "prompt", "ability", "reward_model", "extra_info"];
  const rows = (await parquetRows(bytesSource("verl", file), names)) as JsonObject[];
  const bytes = writeParquet(rows);
  const [ours, theirs] = [schemaOf(bytes), schemaOf(file)].map((tree) => byName(tree).children.map(outline));
  expect(ours).toEqual(theirs);
  expect(await written(rows)).toEqual(rows);
});

describe("values", () => {
  test("of every kind read back, with gaps, empty lists and odd texts", async () => {
    const rows = [
      { a: "x", b: 1, c: 0.5, d: true, e: [1, 2], f: { g: [{ h: "ü 🙂" }], i: null } },
      { a: "", b: -(2 ** 53) + 1, c: 1, d: false, e: [], f: { g: [], i: "there" } },
      { a: null, b: null, c: null, d: null, e: null, f: null },
    ];
    expect(tidy(await written(rows))).toEqual(tidy(rows));
  });

  test("of several kinds in one place become texts", async () => {
    const rows = [
      { a: 1, b: ["x", 2] },
      { a: "one", b: [{ c: true }] },
    ];
    expect(await written(rows)).toEqual([
      { a: "1", b: ["x", "2"] },
      { a: "one", b: ['{"c":true}'] },
    ]);
  });

  test("that are nothing anywhere have no column, and what is too deep is a text", async () => {
    let deep: unknown = [1];
    for (let i = 0; i < 8; i++) deep = [deep];
    const bytes = writeParquet([{ a: 1, b: null, c: {}, deep }]);
    expect(schemaOf(bytes).children.map(({ element }) => element.name)).toEqual(["a", "deep"]);
    const [row] = (await written([{ deep }])) as [{ deep: unknown }];
    expect(JSON.stringify(row.deep)).toBe(String.raw`[[[[[["[[[1]]]"]]]]]]`);
  });

  test("of 3,000 rows of random forms read back", async () => {
    const random = new SeededRandom(5);
    const rows = Array.from({ length: 3000 }, (_, i) => ({
      id: i,
      tags: Array.from({ length: random.integer(4) }, () => `t${random.integer(9)}`),
      info: random.integer(3) === 0 ? null : { at: random.uniform(), of: { a: `${random.integer(5)}` } },
      turns: Array.from({ length: random.integer(3) }, (__, turn) => ({
        role: `r${turn}`,
        content: "x".repeat(random.integer(50)),
      })),
    }));
    expect(tidy(await written(rows))).toEqual(tidy(rows));
  });
});

/** hyparquet reads null as nothing. */
function tidy(value: unknown): unknown {
  if (value === null) return undefined;
  if (Array.isArray(value)) return value.map(tidy);
  if (typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, tidy(inner)]));
}
