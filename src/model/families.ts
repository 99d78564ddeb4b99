// The families of decoders that are computed, and how they differ. All have RMSNorm, rotary embedding, grouped-query
// attention and SwiGLU; adding one that differs in these points alone is an entry here.

export interface Family {
  /** For a person. */
  readonly label: string;
  /** q, k and v are projected with a bias. */
  readonly hasQkvBias: boolean;
  /** Queries and keys are normalised head by head before they are rotated. */
  readonly hasHeadNorms: boolean;
  /** Size of a head where config.json has no head_dim; null: hidden size / heads. */
  readonly headSize: number | null;
}

/** By config.json's model_type. SmolLM2 and other models of the same build call themselves llama. */
export const FAMILIES = {
  qwen2: { label: "Qwen2", hasQkvBias: true, hasHeadNorms: false, headSize: null },
  qwen3: { label: "Qwen3", hasQkvBias: false, hasHeadNorms: true, headSize: 128 },
  llama: { label: "Llama", hasQkvBias: false, hasHeadNorms: false, headSize: null },
} as const satisfies Record<string, Family>;

export type FamilyName = keyof typeof FAMILIES;
