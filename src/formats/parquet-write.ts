// Rows of JSON values as a parquet file, with hyparquet-writer: lists and objects become parquet's own lists and groups, as
// pandas and Hugging Face's datasets read them, and not JSON in a text. The schema follows from the values.
// Source: https://github.com/apache/parquet-format/blob/master/LogicalTypes.md (LIST).

import { parquetWriteBuffer } from "hyparquet-writer";
import type { SchemaElement } from "hyparquet-writer";

import type { JsonObject } from "./json.ts";
import { isObject } from "./json.ts";

/** What the values of a column are. */
type Shape =
  | { readonly kind: "text" | "mixed" | "whole" | "number" | "truth" }
  | { readonly kind: "list"; readonly of: Shape }
  | { readonly kind: "fields"; readonly of: ReadonlyMap<string, Shape> };

/** What lies deeper becomes a text of JSON. */
const MAX_DEPTH = 6;

/** A parquet file of `rows`; a column that has nothing in any row is left out. */
export function writeParquet(rows: readonly JsonObject[]): Uint8Array {
  const root = fieldsOf(rows, 0);
  const columns = [...root];
  const schema: SchemaElement[] = [
    { name: "schema", num_children: columns.length },
    ...columns.flatMap(([name, shape]) => schemaOf(name, shape)),
  ];
  const columnData = columns.map(([name, shape]) => ({
    name,
    data: rows.map((row) => valueAs(shape, row[name])),
  }));
  return new Uint8Array(parquetWriteBuffer({ schema, columnData }));
}

/** The fields of objects by name, in the order in which they are first met. */
function fieldsOf(values: readonly JsonObject[], depth: number): ReadonlyMap<string, Shape> {
  const names = new Set(values.flatMap((value) => Object.keys(value)));
  const shapes = [...names].map(
    (name) =>
      [
        name,
        shapeOf(
          values.map((value) => value[name]),
          depth,
        ),
      ] as const,
  );
  return new Map(shapes.filter((entry): entry is [string, Shape] => entry[1] !== undefined));
}

/** What all of `values` are; undefined when there is nothing in them. */
function shapeOf(values: readonly unknown[], depth: number): Shape | undefined {
  const present = values.filter((value) => value !== null && value !== undefined);
  const all = (isSo: (value: unknown) => boolean): boolean => present.every(isSo);
  if (present.length === 0) return undefined;
  if (all((value) => typeof value === "string")) return { kind: "text" };
  if (all((value) => typeof value === "boolean")) return { kind: "truth" };
  if (all(Number.isSafeInteger)) return { kind: "whole" };
  if (all((value) => typeof value === "number")) return { kind: "number" };
  if (depth >= MAX_DEPTH) return { kind: "mixed" };
  if (all(Array.isArray)) return { kind: "list", of: shapeOf(present.flat(), depth + 1) ?? { kind: "text" } };
  if (!all(isObject)) return { kind: "mixed" };
  const of = fieldsOf(present as JsonObject[], depth + 1);
  return of.size > 0 ? { kind: "fields", of } : undefined;
}

const LEAVES = {
  text: { type: "BYTE_ARRAY", converted_type: "UTF8" },
  mixed: { type: "BYTE_ARRAY", converted_type: "UTF8" },
  whole: { type: "INT64" },
  number: { type: "DOUBLE" },
  truth: { type: "BOOLEAN" },
} as const;

function schemaOf(name: string, shape: Shape): SchemaElement[] {
  const optional = { name, repetition_type: "OPTIONAL" } as const;
  if (shape.kind === "list")
    return [
      { ...optional, num_children: 1, converted_type: "LIST" },
      { name: "list", repetition_type: "REPEATED", num_children: 1 },
      ...schemaOf("element", shape.of),
    ];
  if (shape.kind === "fields")
    return [
      { ...optional, num_children: shape.of.size },
      ...[...shape.of].flatMap(([field, inner]) => schemaOf(field, inner)),
    ];
  return [{ ...optional, ...LEAVES[shape.kind] }];
}

/** A value as hyparquet-writer takes it. */
function valueAs(shape: Shape, value: unknown): unknown {
  if (value === null || value === undefined) return undefined;
  if (shape.kind === "list") return (value as unknown[]).map((item) => valueAs(shape.of, item));
  if (shape.kind === "fields")
    return Object.fromEntries(
      [...shape.of].map(([name, inner]) => [name, valueAs(inner, (value as JsonObject)[name])]),
    );
  if (shape.kind === "whole") return BigInt(value as number);
  return shape.kind === "mixed" && typeof value !== "string" ? JSON.stringify(value) : value;
}
