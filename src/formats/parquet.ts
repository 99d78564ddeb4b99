// Rows of a parquet file as plain JSON values, with hyparquet. Only the wanted columns are read. Writes nothing.

import { wordsOf } from "../common/error-words.ts";
import { parquetMetadataAsync, parquetReadObjects, parquetSchema } from "hyparquet";
import type { AsyncBuffer, FileMetaData, SchemaTree } from "hyparquet";
import { UserError } from "../common/errors.ts";
import { isObject } from "./json.ts";
import { checkPages } from "./parquet-pages.ts";
import type { ByteSource } from "./safetensors.ts";

/** What hyparquet unpacks without further packages. */
const CODECS = ["UNCOMPRESSED", "SNAPPY"];

/** The rows of a parquet file, of its columns named in `wanted`. Throws UserError when it has none of them or is damaged. */
export async function parquetRows(source: ByteSource, wanted: readonly string[]): Promise<unknown[]> {
  const file = asyncBuffer(source);
  const metadata = await attempt(source, () => parquetMetadataAsync(file));
  const columns = await attempt(source, () => checkedColumns(metadata));
  const present = columns.filter((column) => wanted.includes(column));
  if (present.length === 0)
    throw new UserError(
      `${source.name} has no problems: of the columns ${wanted.join(", ")} it has none. Its columns are: ${columns.slice(0, 12).join(", ") || "none"}.`,
    );
  checkCodecs(source, metadata);
  await attempt(source, () => checkColumns(file, metadata, present));
  const rows = await attempt(source, () => parquetReadObjects({ file, metadata, columns: present }));
  return rows.map(plain);
}

/**
 * Names of the top columns. Throws when a row group has other columns than the schema: hyparquet would start to read them
 * and await nothing of it, so that the failure would come up as an unhandled rejection.
 */
function checkedColumns(metadata: FileMetaData): string[] {
  const root = parquetSchema(metadata);
  const expected = String(leafPaths(root));
  for (const { columns } of metadata.row_groups) {
    const paths = columns.map(({ meta_data: meta }) => meta?.path_in_schema.join("."));
    if (String(paths) !== expected)
      throw new Error(`a row group has columns ${paths}, the schema says ${expected}`);
  }
  return root.children.map(({ element }) => element.name);
}

const leafPaths = ({ path, children }: SchemaTree): string[] =>
  children.length === 0 ? [path.join(".")] : children.flatMap(leafPaths);

function checkCodecs({ name }: ByteSource, metadata: FileMetaData): void {
  const used = metadata.row_groups.flatMap(({ columns }) => columns.map((column) => column.meta_data?.codec));
  const foreign = used.find((codec) => codec !== undefined && !CODECS.includes(codec));
  if (foreign)
    throw new UserError(
      `${name} is compressed with ${foreign}, which is not read here. Save it again with compression="snappy".`,
    );
}

/** Throws when a page of the top columns `present` claims what it cannot hold. */
async function checkColumns(
  file: AsyncBuffer,
  metadata: FileMetaData,
  present: readonly string[],
): Promise<void> {
  for (const { meta_data: meta } of metadata.row_groups.flatMap(({ columns }) => columns)) {
    if (!meta || !present.includes(meta.path_in_schema[0]!)) continue;
    const start = meta.dictionary_page_offset || meta.data_page_offset;
    const chunk = await file.slice(Number(start), Number(start + meta.total_compressed_size));
    checkPages(chunk, meta, metadata.schema, file.byteLength);
  }
}

/** hyparquet asks for pieces as ArrayBuffers of their own. */
const asyncBuffer = (source: ByteSource): AsyncBuffer => ({
  byteLength: source.size,
  slice: async (start, end = source.size) => new Uint8Array(await source.read(start, end)).buffer,
});

/** hyparquet trusts a file; whatever it trips over in a damaged one becomes a sentence. */
async function attempt<T>({ name }: ByteSource, read: () => T | Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    throw new UserError(
      `${name} is not a whole parquet file: ${wordsOf(error)}. Get the file again, or save it as JSON Lines.`,
    );
  }
}

/** 64-bit integers become numbers, or text where a number cannot hold them. */
function plain(value: unknown): unknown {
  if (typeof value === "bigint") {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : String(value);
  }
  if (Array.isArray(value)) return value.map(plain);
  if (!isObject(value) || Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
}
