// Writes the copy of a graph for an ONNX Runtime session: fields as they are in the file, but for the edits. Large
// tensors become data files of their own, each a range of the user's file. ONNX Runtime Web wants every data file as one
// array before it begins, so a file per tensor means that no array is larger than a tensor, that what the copy does not
// use is not read, and that a model of two gigabytes needs no array that some browsers refuse.

import type { ByteSource } from "../safetensors.ts";
import { ByteWindow } from "./byte-window.ts";
import {
  DATA_TYPE,
  encodeExternal,
  encodeInput,
  encodeLength,
  encodeNode,
  encodeInline,
  encodeText,
  joinBytes,
} from "./encode.ts";
import type { GraphEdit, NodeEdit } from "./graph-edit.ts";
import { parseName } from "./messages.ts";
import { fieldsOf } from "./protobuf.ts";
import type { Field } from "./protobuf.ts";
import { readTensorRecord } from "./tensor-record.ts";
import type { ExternalFiles } from "./tensor.ts";
import { tensorRange } from "./tensor.ts";

/** Tensors up to this size lie in the graph: shapes and constants, which ONNX Runtime reads while it builds a session. */
const INLINE_BYTES = 4096;

export interface SessionFile {
  /** The model file, without large tensors. */
  readonly model: Uint8Array<ArrayBuffer>;
  /** The data files that `model` names, read on demand. */
  readonly external: readonly { readonly path: string; readonly source: ByteSource }[];
}

/** The model file of `edit`'s graph. Throws UserError when a data file is missing or too short. */
export async function writeSessionFile(edit: GraphEdit, files: ExternalFiles): Promise<SessionFile> {
  return new SessionFileWriter(edit, files).write();
}

class SessionFileWriter {
  readonly #edit: GraphEdit;
  readonly #files: ExternalFiles;
  readonly #window: ByteWindow;
  readonly #external: { path: string; source: ByteSource }[] = [];
  #nodes = 0;

  constructor(edit: GraphEdit, files: ExternalFiles) {
    this.#edit = edit;
    this.#files = files;
    this.#window = new ByteWindow(edit.graph.source);
  }

  async write(): Promise<SessionFile> {
    const pieces: Uint8Array[] = [];
    let at = 0;
    for await (const field of fieldsOf(this.#window, 0, this.#edit.graph.source.size)) {
      if (field.number === 7) {
        const graph = joinBytes(await this.#graph(field));
        pieces.push(encodeLength(7, graph.length), graph);
      } else pieces.push(await this.#verbatim(at, field.end));
      at = field.end;
    }
    return { model: joinBytes(pieces), external: this.#external };
  }

  /** The fields of GraphProto. */
  async #graph({ start, end }: Field): Promise<Uint8Array[]> {
    const pieces: Uint8Array[] = [];
    let at = start;
    for await (const field of fieldsOf(this.#window, start, end)) {
      if (field.number === 1) pieces.push(...(await this.#node(at, field)));
      else if (field.number === 5) pieces.push(await this.#initializer(at, field));
      else if (field.number !== 11 || !(await this.#isDropped(field)))
        pieces.push(await this.#verbatim(at, field.end));
      at = field.end;
    }
    pieces.push(...this.#edit.inputs.map(encodeInput));
    return pieces;
  }

  /** Bytes of the file, a copy. */
  async #verbatim(start: number, end: number): Promise<Uint8Array> {
    return new Uint8Array(await this.#window.bytes(start, end));
  }

  /** NodeProto, and what stands behind it. */
  async #node(at: number, field: Field): Promise<Uint8Array[]> {
    const edit = this.#edit.edits.get(this.#edit.graph.nodes[this.#nodes++]!);
    if (!edit) return [await this.#verbatim(at, field.end)];
    const own = edit.replacement ? edit.replacement.map(encodeNode) : await this.#edited(field, edit);
    return [...own, ...edit.after.map(encodeNode)];
  }

  async #edited(node: Field, edit: NodeEdit): Promise<Uint8Array[]> {
    const pieces: Uint8Array[] = [];
    let [at, inputs, outputs] = [node.start, 0, 0];
    for await (const field of fieldsOf(this.#window, node.start, node.end)) {
      const renamed =
        field.number === 1
          ? edit.inputs.get(inputs++)
          : field.number === 2
            ? edit.outputs.get(outputs++)
            : undefined;
      if (renamed !== undefined) pieces.push(encodeText(field.number, renamed));
      else if (field.number !== 5 || !(await this.#isWithout(edit, field)))
        pieces.push(await this.#verbatim(at, field.end));
      at = field.end;
    }
    const bytes = joinBytes(pieces);
    return [encodeLength(1, bytes.length), bytes];
  }

  async #isWithout({ withoutAttributes }: NodeEdit, { start, end }: Field): Promise<boolean> {
    if (withoutAttributes.size === 0) return false;
    const name = parseName(this.#window.source.name, await this.#window.bytes(start, end));
    return withoutAttributes.has(name);
  }

  /** TensorProto; nothing when no node takes it any more. */
  async #initializer(at: number, field: Field): Promise<Uint8Array> {
    const record = await readTensorRecord(this.#window, field);
    // Small whole numbers are shapes, which a subgraph may take unseen.
    if (this.#edit.dropped.has(record.name) && record.type !== DATA_TYPE.int64) return new Uint8Array(0);
    const range = tensorRange(record, this.#window.source, this.#files);
    if (!range || (range.size <= INLINE_BYTES && record.place.kind === "inline"))
      return this.#verbatim(at, field.end);
    if (range.size <= INLINE_BYTES) return encodeInline(record, await range.read(0, range.size));
    const path = `tensor-${this.#external.length}`;
    this.#external.push({ path, source: range });
    return encodeExternal(record, path, range.size);
  }

  /** Whether an input is an initializer that was left out: older files list those, too. */
  async #isDropped({ start, end }: Field): Promise<boolean> {
    const name = parseName(this.#window.source.name, await this.#window.bytes(start, end));
    return this.#edit.dropped.has(name);
  }
}
