// Changes to a graph, collected before a copy of the file is written: nodes that take or make other values, nodes beside
// them, nodes in their place, inputs. What is not asked for stays as it is. Writes nothing; session-file.ts does.

import type { NodeSpec, ValueSpec } from "./encode.ts";
import type { OnnxGraph } from "./graph.ts";
import type { OnnxNode } from "./messages.ts";

/** What changes at one node. */
export interface NodeEdit {
  /** New names by position. */
  readonly inputs: Map<number, string>;
  readonly outputs: Map<number, string>;
  readonly withoutAttributes: Set<string>;
  /** Stand in place of the node. */
  replacement?: readonly NodeSpec[];
  /** Stand right behind it. */
  readonly after: NodeSpec[];
}

export class GraphEdit {
  readonly graph: OnnxGraph;
  readonly edits = new Map<OnnxNode, NodeEdit>();
  readonly inputs: ValueSpec[] = [];
  /** Initializers that nothing takes any more. */
  readonly dropped = new Set<string>();
  readonly #names: Set<string>;

  constructor(graph: OnnxGraph) {
    this.graph = graph;
    this.#names = new Set([...graph.inputs, ...graph.tensors.keys()]);
    for (const { name, outputs } of graph.nodes)
      for (const taken of [name, ...outputs]) this.#names.add(taken);
  }

  /** `name`, with a number behind it if the graph has it already. */
  fresh(name: string): string {
    let free = name;
    for (let i = 1; this.#names.has(free); i++) free = `${name}_${i}`;
    this.#names.add(free);
    return free;
  }

  at(node: OnnxNode): NodeEdit {
    const found = this.edits.get(node);
    if (found) return found;
    const edit: NodeEdit = {
      inputs: new Map(),
      outputs: new Map(),
      withoutAttributes: new Set(),
      after: [],
    };
    this.edits.set(node, edit);
    return edit;
  }

  /** `node` takes `value` as its input `input`; what made the old one goes when nothing else takes it. */
  takeInstead(node: OnnxNode, input: number, value: string): void {
    this.at(node).inputs.set(input, value);
    this.dropUnused(node.inputs[input] ?? "");
  }

  /** `nodes` stand in place of `node`; what only it took goes. */
  replace(node: OnnxNode, nodes: readonly NodeSpec[]): void {
    this.at(node).replacement = nodes;
    for (const input of node.inputs) this.dropUnused(input);
  }

  /** Leaves out what makes `value`, if nothing takes it. */
  dropUnused(value: string): void {
    if (value === "" || this.graph.outputs.includes(value) || this.#isTaken(value)) return;
    if (this.graph.tensors.has(value)) this.dropped.add(value);
    const node = this.graph.producers.get(value);
    if (!node || this.edits.get(node)?.replacement) return;
    const others = node.outputs.filter((output) => output !== "" && output !== value);
    if (others.some((output) => this.graph.outputs.includes(output) || this.#isTaken(output))) return;
    this.replace(node, []);
  }

  #isTaken(value: string): boolean {
    const takes = ({ inputs }: NodeSpec): boolean => inputs.includes(value);
    for (const { after } of this.edits.values()) if (after.some(takes)) return true;
    return (this.graph.consumers.get(value) ?? []).some((node) => {
      const edit = this.edits.get(node);
      if (edit?.replacement) return edit.replacement.some(takes);
      return node.inputs.some((input, i) => input === value && !edit?.inputs.has(i));
    });
  }
}
