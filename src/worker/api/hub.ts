// Models of a hub, between page and worker: what a repository has, what of it lies in this browser, fetching and deleting.

export { HUGGING_FACE } from "../../hub/repository.ts";

import type { RunConfig } from "../../rl/config.ts";
import type { ModelSummary } from "./models.ts";
import type { Unfit } from "./recipe.ts";

/** A repository at a commit. */
export interface ModelId {
  readonly repository: string;
  readonly revision: string;
}

/** A form of a model's weights. */
export interface HubForm {
  readonly id: string;
  readonly label: string;
  readonly bytes: number;
  /** Bytes that have come; 0 where its weights have not been begun. */
  readonly come: number;
  /** It needs no network. */
  readonly isWhole: boolean;
  /** Why it cannot be taken, if so. */
  readonly why?: string;
}

export interface HubModel extends ModelId {
  /** Those that can be read first, the smallest at the front. */
  readonly forms: readonly HubForm[];
  /** What of it lies in this browser. */
  readonly cachedBytes: number;
  /** Names of the runs that go on from its files. */
  readonly neededBy: readonly string[];
}

/** What a run with one form takes of the device, as far as its name tells, or why that does not fit. */
export type FormFit = { readonly totalBytes: number } | Unfit;

export interface HubFits {
  /** By the form's id. */
  readonly forms: Readonly<Record<string, FormFit>>;
  /** Id of the form to take: the best that fits. Undefined where none does. */
  readonly best?: string;
}

export interface HubApi {
  /** What a repository (`owner/name`, with `@revision` or without, or its page's address) has. Rejects with a sentence. */
  hubModel(text: string, hubUrl: string): Promise<HubModel>;
  /** Whether each form would fit under `config`; fetches config.json. Rejects where such a model is not computed here. */
  hubFits(model: ModelId, config: RunConfig, hubUrl: string): Promise<HubFits>;
  /** Fetches what is missing of a form. Resolves to whether all of it is there; it is not where it was paused. */
  fetchForm(
    model: ModelId,
    form: string,
    hubUrl: string,
    onProgress: (done: number, total: number) => void,
  ): Promise<boolean>;
  /** Leaves the fetching under way; what has come is kept. */
  pauseFetching(): Promise<void>;
  /** Loads a form that is whole in this browser. Keeps the former model when it rejects. */
  useForm(model: ModelId, form: string): Promise<ModelSummary>;
  /** Models of which something lies in this browser. */
  cachedModels(): Promise<readonly HubModel[]>;
  /** Rejects when runs need it, unless `evenIfNeeded`, or when it is loaded. */
  removeCachedModel(model: ModelId, options: { readonly evenIfNeeded: boolean }): Promise<void>;
}
