// How an exporter names the nodes of a decoder's graph, which is stable across its versions. Only the form; each exporter
// has a file of its own. Names of tensors are not, and are not asked for.

export interface Layout {
  readonly name: "model builder" | "transformers.js";
  /** Nodes of layer N's attention are called `/model/layers.N/<attention>/...`. */
  readonly attention: string;
}
