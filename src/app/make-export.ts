// One export from the checkpoint to a file that can be offered: written in pieces where the person's machine has room for it,
// read back from there, and run beside what was trained.

import { GpuError } from "../common/errors.ts";
import type { NamedStream } from "../formats/encoded-file.ts";
import { bytesIn } from "../formats/encoded-file.ts";
import type { ByteSource } from "../formats/safetensors.ts";
import type { Recorder } from "../gpu/index.ts";
import type { CheckOptions, ExportCheck } from "./export-check.ts";
import { checkExport } from "./export-check.ts";
import type { AdapterAlone, TrainedModel } from "./trained-model.ts";
import type { WeightForm } from "./weight-exports.ts";
import { weightExport } from "./weight-exports.ts";

/** Where the files of an export are written: a folder, or an archive. */
export interface ExportPlace {
  /**
   * Writes `files`; `onBytes` hears of bytes that lie there now, and what it throws ends the writing. Resolves to what was
   * written, each file under its name.
   */
  write(
    files: readonly NamedStream[],
    onBytes: (written: number, total: number) => void,
  ): Promise<readonly ByteSource[]>;
}

export interface ExportOptions {
  /** Asked when the file is written: what the check runs the model on; without it only the bytes are checked. */
  readonly device?: () => Promise<Recorder | undefined>;
  readonly onProgress?: (progress: ExportProgress) => void;
  readonly signal?: AbortSignal;
}

export interface ExportProgress {
  readonly phase: "write" | "check";
  /** Bytes; of the check nothing is known. */
  readonly done: number;
  readonly total: number;
}

/** Writes `form` to `place` and checks it. Rejects with the signal's reason when it is stopped. */
export async function makeExport(
  trained: TrainedModel | AdapterAlone,
  form: WeightForm,
  place: ExportPlace,
  { device, onProgress = () => {}, signal }: ExportOptions = {},
): Promise<ExportCheck> {
  const files = await weightExport(trained, form);
  const written = await place.write(files, (done, total) => {
    signal?.throwIfAborted();
    onProgress({ phase: "write", done, total });
  });
  const bytes = bytesIn(files);
  onProgress({ phase: "check", done: bytes, total: bytes });
  signal?.throwIfAborted();
  return checkExport(written, form, trained, { ...(await opened(device)), signal });
}

/** The device, or why there is none. */
async function opened(device: ExportOptions["device"]): Promise<Pick<CheckOptions, "recorder" | "unrun">> {
  try {
    return { recorder: await device?.() };
  } catch (error) {
    if (error instanceof GpuError) return { unrun: error.message };
    throw error;
  }
}
