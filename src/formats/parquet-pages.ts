// Holds the pages of a parquet file against what they claim before hyparquet reads them: it repeats a value as often as a run
// says, and a run that says a billion ends the process, not the reading. Follows the runs without unpacking them.
// Source: https://github.com/apache/parquet-format (Encodings.md, run length encoding / bit-packing hybrid).

import type { FileMetaData } from "hyparquet";
import { parquetHeader } from "hyparquet/src/column.js";
import { decompressPage } from "hyparquet/src/datapage.js";
import { getMaxDefinitionLevel, getMaxRepetitionLevel, getSchemaPath } from "hyparquet/src/schema.js";
import { readVarInt } from "hyparquet/src/thrift.js";

type ColumnMeta = NonNullable<FileMetaData["row_groups"][number]["columns"][number]["meta_data"]>;
type Reader = Parameters<typeof readVarInt>[0];

/** Values of a page that any file may have, and more for each of its bytes. */
const FREE_VALUES = 1e6;
const VALUES_PER_BYTE = 8;
/** Snappy repeats 64 bytes with 3. */
const MAX_RATIO = 64;
const DICTIONARY = /_DICTIONARY$/;

/** Throws when a page of column `meta`, whose bytes are `chunk`, claims more values or bytes than `fileBytes` can stand for. */
export function checkPages(
  chunk: ArrayBuffer,
  meta: ColumnMeta,
  schema: FileMetaData["schema"],
  fileBytes: number,
): void {
  const path = getSchemaPath(schema, meta.path_in_schema);
  const widths = [getMaxRepetitionLevel(path), getMaxDefinitionLevel(path)].map(bitWidth);
  const most = FREE_VALUES + VALUES_PER_BYTE * fileBytes;
  const reader: Reader = { view: new DataView(chunk), offset: 0 };
  while (reader.offset < chunk.byteLength - 1) {
    const header = parquetHeader(reader);
    const bytes = new Uint8Array(chunk, reader.offset, header.compressed_page_size);
    reader.offset += bytes.length;
    if (!(header.uncompressed_page_size <= MAX_RATIO * (bytes.length + MAX_RATIO)))
      throw new Error(`a page of ${bytes.length} bytes unpacks to ${header.uncompressed_page_size}`);
    const {
      data_page_header: first,
      data_page_header_v2: second,
      dictionary_page_header: dictionary,
    } = header;
    const count = (first ?? second ?? dictionary)?.num_values ?? 0;
    if (!(count >= 0 && count <= most)) throw new Error(`a page claims ${count} values`);
    if (first) {
      const page = viewOf(decompressPage(bytes, header.uncompressed_page_size, meta.codec, undefined));
      const at: Reader = { view: page, offset: 0 };
      for (const width of widths) if (width > 0) checkPrefixedRuns(at, width, count);
      if (meta.type !== "BOOLEAN" && DICTIONARY.test(first.encoding)) checkIndexes(at, count);
      else if (first.encoding === "RLE") checkPrefixedRuns(at, 1, count);
    } else if (second) checkSecondVersion(bytes, header.uncompressed_page_size, second, meta, widths, count);
  }
}

/** A page whose levels lie before what is compressed. */
function checkSecondVersion(
  bytes: Uint8Array,
  unpackedBytes: number,
  header: NonNullable<ReturnType<typeof parquetHeader>["data_page_header_v2"]>,
  { codec }: ColumnMeta,
  widths: readonly number[],
  count: number,
): void {
  const at: Reader = { view: viewOf(bytes), offset: 0 };
  const lengths = [header.repetition_levels_byte_length, header.definition_levels_byte_length];
  for (const [i, length] of lengths.entries()) {
    const end = at.offset + length;
    if (widths[i]! > 0) checkRuns(at, widths[i]!, count, end);
    at.offset = end;
  }
  const rest = bytes.subarray(at.offset);
  const size = unpackedBytes - at.offset;
  const page = header.is_compressed === false ? rest : decompressPage(rest, size, codec, undefined);
  const values: Reader = { view: viewOf(page), offset: 0 };
  if (DICTIONARY.test(header.encoding)) checkIndexes(values, count);
  else if (header.encoding === "RLE") checkPrefixedRuns(values, 1, count);
}

const viewOf = ({ buffer, byteOffset, byteLength }: Uint8Array): DataView =>
  new DataView(buffer, byteOffset, byteLength);

const bitWidth = (value: number): number => 32 - Math.clz32(value);

/** Runs behind their length in bytes. */
function checkPrefixedRuns(reader: Reader, width: number, count: number): void {
  const length = reader.view.getUint32(reader.offset, true);
  reader.offset += 4;
  const end = reader.offset + length;
  checkRuns(reader, width, count, end);
  reader.offset = end;
}

/** Indexes into a dictionary: their width, and runs to the end of the page. */
function checkIndexes(reader: Reader, count: number): void {
  const width = reader.view.getUint8(reader.offset++);
  if (width > 0) checkRuns(reader, width, count, reader.view.byteLength);
}

/** Throws at a run of more values than the page has; a packed one may fill up its last eight. */
function checkRuns(reader: Reader, width: number, count: number, end: number): void {
  for (let seen = 0; seen < count && reader.offset < Math.min(end, reader.view.byteLength);) {
    const header = readVarInt(reader);
    const isPacked = header % 2 !== 0;
    const run = isPacked ? 8 * (header >>> 1) : header >>> 1;
    if (run > count + 7) throw new Error(`a page of ${count} values repeats one ${run} times`);
    reader.offset += isPacked ? (header >>> 1) * width : (width + 7) >> 3;
    seen += run;
  }
}
