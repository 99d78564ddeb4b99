// The kernels for matrix products, the tile each computes, what it asks of a device, and which one a device uses. It
// launches nothing.

import naiveCode from "../../shaders/matmul_naive.wgsl?raw";
import registerCode from "../../shaders/matmul_register.wgsl?raw";
import skinnyCode from "../../shaders/matmul_skinny.wgsl?raw";
import subgroupCode from "../../shaders/matmul_subgroup.wgsl?raw";
import tiledCode from "../../shaders/matmul_tiled.wgsl?raw";
import type { ElementType, Gpu, Shader } from "../gpu/index.ts";

/** How A and B are stored: nt A[m,k] B[n,k] (forward), nn A[m,k] B[k,n] (dX), tn A[k,m] B[k,n] (dW). */
export type MatmulForm = "nt" | "nn" | "tn";
export const MATMUL_FORMS: readonly MatmulForm[] = ["nt", "nn", "tn"];

/** Kernels for the general product. */
export const VARIANTS = {
  naive: { name: "matmul_naive", code: naiveCode },
  register: { name: "matmul_register", code: registerCode },
  subgroup: { name: "matmul_subgroup", code: subgroupCode },
  tiled: { name: "matmul_tiled", code: tiledCode },
} satisfies Record<string, Shader>;
export type MatmulVariant = keyof typeof VARIANTS;
/** Variants that need sizes in whole groups of four, the default first. */
export const FAST_VARIANTS: readonly MatmulVariant[] = ["register", "subgroup", "tiled"];

/** What one workgroup computes, and the constants that make it so. `rows` is the unit in which a product is split. */
export interface VariantSizes {
  readonly rows: number;
  readonly columns: number;
  readonly consts?: Readonly<Record<string, number>>;
  readonly overrides?: Readonly<Record<string, number>>;
}

/** The smallest of 8, 16 and 32 that holds `count`, or 32. */
const eights = (count: number): number => (count <= 8 ? 8 : count <= 16 ? 16 : 32);

/** Tile of `variant` for C[m,n]. */
export function variantSizes(variant: MatmulVariant, m: number, n: number): VariantSizes {
  switch (variant) {
    case "naive":
      return { rows: 8, columns: 8 };
    case "register":
    case "tiled":
      return { rows: 64, columns: 64 };
    case "subgroup": {
      const rows = eights(m);
      const lanes = eights(n / 4);
      return { rows, columns: 4 * lanes, consts: { ROWS: rows }, overrides: { LANES: lanes } };
    }
  }
}

/** The kernel for few rows, with the columns of a workgroup. */
export const SKINNY = { shader: { name: "matmul_skinny", code: skinnyCode }, columns: 8 } as const;
/** Kernels for few rows, the default first. */
export const SKINNY_VARIANTS = ["skinny", "subgroup"] as const;
export type SkinnyVariant = (typeof SKINNY_VARIANTS)[number];

/** What runs on a device, by `choiceKey` and, for few rows, by the storage of the weight. */
export interface MatmulChoice {
  readonly products: Readonly<Record<string, MatmulVariant>>;
  readonly skinny: Readonly<Record<string, SkinnyVariant>>;
}

/** `nt f16`: what the choice of a general product depends on. */
export const choiceKey = (form: MatmulForm, type: ElementType): string => `${form} ${measuredAs(type)}`;

/** The storage whose measurement counts for `type`. */
export const measuredAs = (type: ElementType): ElementType => (type === "q4z" ? "q4" : type);

const CHOICES = new WeakMap<Gpu, MatmulChoice>();

/** Makes later products on `gpu` use `choice`; what it leaves out, and devices without a choice, use the defaults. */
export function setMatmulChoice(gpu: Gpu, choice: MatmulChoice): void {
  CHOICES.set(gpu, choice);
}

/** The choice made for `gpu`, empty if none was. */
export const matmulChoice = (gpu: Gpu): MatmulChoice => CHOICES.get(gpu) ?? { products: {}, skinny: {} };

/** Whether the device can run `variant`: subgroups of at least 8 lanes for `subgroup`, nothing for the others. */
export function supportsVariant(gpu: Gpu, variant: MatmulVariant | SkinnyVariant): boolean {
  if (variant !== "subgroup") return true;
  return gpu.features.has("subgroups") && (gpu.device.adapterInfo?.subgroupMinSize ?? 0) >= 8;
}
