// Trainable parameters live side by side in a few large buffers with their gradients and moments laid out alike, so
// that clipping and AdamW are a handful of dispatches whatever the number of tensors. Frozen tensors live alone.

import type { Allocator, ElementType, Owner, Tensor } from "../gpu/index.ts";
import { elementCount, view } from "../gpu/index.ts";

/** A stored tensor and, when it is trained, the tensors of its shape for gradient and Adam moments. */
export interface Stored {
  readonly tensor: Tensor;
  /** The backward pass adds to it. */
  readonly grad?: Tensor;
  readonly m?: Tensor;
  readonly v?: Tensor;
}

/** One pool: parameters, gradients and both Adam moments, each f32[P]. */
export interface Pool {
  readonly params: Tensor;
  readonly grads: Tensor;
  readonly m: Tensor;
  readonly v: Tensor;
  /** False for vectors (norm weights, biases), which some recipes leave out of weight decay. */
  readonly isMatrix: boolean;
}

/** Hands out the tensors of a model in a fixed order. */
export interface Storage {
  /** `parameters` are the Hugging Face names of what lies in it, where it is known. */
  take(label: string, shape: readonly number[], parameters?: readonly string[]): Stored;
}

/** Type of a frozen matrix that holds these parameters. */
export type MatrixType = (parameters: readonly string[]) => ElementType;

/** Frozen tensors: matrices as `matrixType` says, vectors as f32, one buffer each. */
export class FrozenStorage implements Storage {
  readonly #allocator: Allocator;
  readonly #matrixType: MatrixType;

  constructor(allocator: Allocator, matrixType: ElementType | MatrixType) {
    this.#allocator = allocator;
    this.#matrixType = typeof matrixType === "string" ? () => matrixType : matrixType;
  }

  take(label: string, shape: readonly number[], parameters: readonly string[] = []): Stored {
    const type = shape.length > 1 ? this.#matrixType(parameters) : "f32";
    return { tensor: this.#allocator.tensor("weights", label, shape, type) };
  }
}

/** Elements of alignment between tensors of a pool: 256 bytes. */
const ALIGN = 64;
const aligned = (shape: readonly number[]): number => Math.ceil(elementCount(shape) / ALIGN) * ALIGN;

/** Lists what would be taken, for laying out pools. */
class ShapeList implements Storage {
  readonly shapes: (readonly number[])[] = [];

  take(label: string, shape: readonly number[]): Stored {
    this.shapes.push(shape);
    return {
      tensor: {
        label,
        owner: "weights",
        shape,
        type: "f32",
        bufferId: -1,
        offset: 0,
        bytes: 4 * elementCount(shape),
      },
    };
  }
}

/** Trainable tensors: views into pools of at most `maxPoolBytes`. */
export class PoolStorage implements Storage {
  readonly pools: readonly Pool[];
  readonly #places: { pool: Pool; offset: number }[] = [];
  #taken = 0;

  /**
   * Runs `build` once on paper to learn the shapes, then allocates pools; `build` may then run again for real. `stateOwner`
   * is who gradients and moments count for.
   */
  constructor(
    allocator: Allocator,
    owner: Owner,
    maxPoolBytes: number,
    build: (storage: Storage) => unknown,
    stateOwner: Owner = "optimizer",
  ) {
    const list = new ShapeList();
    build(list);
    const pools: { elements: number; isMatrix: boolean }[] = [];
    const places = list.shapes.map((shape) => {
      const isMatrix = shape.length > 1;
      const elements = aligned(shape);
      let index = pools.findLastIndex((pool) => pool.isMatrix === isMatrix);
      if (index < 0 || 4 * (pools[index]!.elements + elements) > maxPoolBytes)
        index = pools.push({ elements: 0, isMatrix }) - 1;
      const offset = pools[index]!.elements;
      pools[index]!.elements += elements;
      return { index, offset };
    });
    this.pools = pools.map(({ elements, isMatrix }, i) => ({
      params: allocator.tensor(owner, `${owner}.pool${i}`, [elements]),
      grads: allocator.tensor(stateOwner, `grads.pool${i}`, [elements]),
      m: allocator.tensor(stateOwner, `adam.m.pool${i}`, [elements]),
      v: allocator.tensor(stateOwner, `adam.v.pool${i}`, [elements]),
      isMatrix,
    }));
    this.#places = places.map(({ index, offset }) => ({ pool: this.pools[index]!, offset }));
  }

  take(label: string, shape: readonly number[]): Stored {
    const { pool, offset } = this.#places[this.#taken++]!;
    return {
      tensor: view(pool.params, offset, shape, label),
      grad: view(pool.grads, offset, shape, `d.${label}`),
      m: view(pool.m, offset, shape, `m.${label}`),
      v: view(pool.v, offset, shape, `v.${label}`),
    };
  }
}
