// What can be taken home of a checkpoint's weights, in words and bytes, before any of it is written.

import { UserError } from "../common/errors.ts";
import { bytesIn } from "../formats/encoded-file.ts";
import type { AdapterAlone, TrainedModel } from "./trained-model.ts";
import { isAlone } from "./trained-model.ts";
import type { WeightForm } from "./weight-exports.ts";
import { exportedType, formsOf, weightExport } from "./weight-exports.ts";

export interface ExportOffer {
  readonly form: WeightForm;
  readonly label: string;
  /** Who loads it. */
  readonly detail: string;
  /** Of all files; absent where the form cannot hold these weights. */
  readonly bytes?: number;
  /** Why it cannot. */
  readonly refusal?: string;
}

const ADAPTER = { label: "Adapter", detail: "for PEFT, and to go on from here" };

/** Every form of `trained`, the smallest change first: an adapter, then the merged model. */
export async function exportOffers(trained: TrainedModel | AdapterAlone): Promise<readonly ExportOffer[]> {
  if (!isAlone(trained)) return allOffers(trained);
  const files = await weightExport(trained, "adapter");
  const merged = { form: "safetensors", label: "The whole model", detail: "for transformers" } as const;
  return [
    { form: "adapter", ...ADAPTER, bytes: bytesIn(files) },
    { ...merged, refusal: trained.lost },
  ];
}

const allOffers = (trained: TrainedModel): Promise<readonly ExportOffer[]> =>
  Promise.all(
    formsOf(trained).map(async (form): Promise<ExportOffer> => {
      const words = { form, ...wordsOf(trained, form) };
      try {
        return { ...words, bytes: bytesIn(await weightExport(trained, form)) };
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
        return { ...words, refusal: error.message };
      }
    }),
  );

const PRECISIONS: Readonly<Record<string, string>> = {
  F32: "float32",
  F16: "float16",
  BF16: "bfloat16",
  Q4: "4-bit",
};

const ONNX_TOOLS = "for ONNX Runtime and transformers.js";

function wordsOf(trained: TrainedModel, form: WeightForm): Pick<ExportOffer, "label" | "detail"> {
  const { model, weights } = trained;
  const own = model.onnx?.description.weightType;
  switch (form) {
    case "adapter":
      return ADAPTER;
    case "safetensors": {
      const type = exportedType(trained, weights.names[0]!);
      return { label: `safetensors, ${PRECISIONS[type]}`, detail: "the whole model, for transformers" };
    }
    case "onnx":
      if (own === undefined) return { label: "ONNX, float32", detail: ONNX_TOOLS };
      return {
        label: `ONNX, your file, ${PRECISIONS[own] ?? own}`,
        detail: "its graph with the trained weights",
      };
    case "onnx-f16":
      return { label: "ONNX, float16", detail: ONNX_TOOLS };
    case "onnx-q4":
      return { label: "ONNX, 4-bit", detail: `rounded, ${ONNX_TOOLS}` };
  }
}
