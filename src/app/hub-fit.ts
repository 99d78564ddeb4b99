// Whether a run with a model of a hub would fit, before its weights are fetched: from its config.json, and from what the
// names of its files tell of them. Once a model is loaded its plan is exact.

import type { Variant } from "../hub/variants.ts";
import type { DecoderConfig } from "../model/config.ts";
import type { RunConfig } from "../rl/config.ts";
import type { Fit } from "../rl/fit.ts";
import { fitRun } from "../rl/fit.ts";
import type { PlannedDevice, PlannedModel } from "../rl/run.ts";

/** By the form's id. */
export type Fits = ReadonlyMap<string, Fit>;

/** What each form would take. */
export const fitsOf = (
  shape: DecoderConfig,
  variants: readonly Variant[],
  config: RunConfig,
  gpu: PlannedDevice,
): Fits =>
  new Map(
    variants.map((variant) => [
      variant.id,
      fitRun({ config: shape, weights: expectedWeights(variant), ...expectedFiles(variant) }, config, gpu),
    ]),
  );

/**
 * Exporters quantise the projections of layers, with zero points or without (the larger is planned), and some the vocabulary,
 * which is taken as halves.
 */
const expectedWeights = ({ is4Bit }: Variant): PlannedModel["weights"] =>
  is4Bit ? { blockType: (name) => (name.endsWith("proj.weight") ? "q4z" : undefined) } : {};

/** What ONNX Runtime would run as rollout engine. */
const expectedFiles = ({ id, files }: Variant): Pick<PlannedModel, "onnx" | "files"> =>
  id.endsWith(".onnx")
    ? { onnx: true, files: files.map(({ path, bytes }) => ({ name: path, size: bytes })) }
    : {};

/** The form to take: the most exact that fits and of those the smallest download, else one that a setting makes fit. */
export function bestForm(variants: readonly Variant[], fits: Fits): Variant | undefined {
  const bySize = variants.toSorted((a, b) => Number(a.is4Bit) - Number(b.is4Bit) || a.bytes - b.bytes);
  const fit = ({ id }: Variant): Fit | undefined => fits.get(id);
  return bySize.find((variant) => fit(variant)?.plan) ?? bySize.find((variant) => fit(variant)?.remedy);
}
