// How an exporter names the parts of a decoder's graph: node names, which are stable across versions of an exporter, and
// the tensors that are no matrix. Only the form; each exporter has a file of its own.

export interface Layout {
  readonly name: "model builder" | "transformers.js";
  /** Nodes of layer N's attention are called `/model/layers.N/<attention>/...`. */
  readonly attention: string;
  /** Hugging Face's name of a norm's weight; undefined for other tensors. `layers` is how many the decoder has. */
  vectorName(tensor: string, layers: number): string | undefined;
}
