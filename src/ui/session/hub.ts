// Models of a hub: the one that was looked up, those in this browser, and the one that is being fetched. A download goes on
// whatever else the page does; its model is loaded when it is there, unless a run holds another by then.

import { messageOf } from "../../common/error-words.ts";
import { HUGGING_FACE, type HubFits, type HubModel, type ModelId } from "../../worker/api.ts";
import type { SessionCore } from "./core.ts";
import { setupFor } from "./kept-setup.ts";
import type { SessionModels } from "./models.ts";
import type { SessionRecipe } from "./recipe.ts";
import { isUnderWay } from "./state.ts";

const HUB_KEY = "gradus-hub";

/** A form of a model. */
export interface FormId extends ModelId {
  readonly form: string;
}

export interface HubState {
  /** What was looked up last. */
  readonly found?: HubModel | undefined;
  readonly cached: readonly HubModel[];
  /** What is being fetched, with bytes. */
  readonly fetching?: (FormId & { readonly done: number; readonly total: number }) | undefined;
  /** What could not be fetched, looked up or deleted, a sentence. */
  readonly problem?: string | undefined;
  readonly isAsking: boolean;
}

export const isSameModel = (a: ModelId, b: ModelId): boolean =>
  a.repository === b.repository && a.revision === b.revision;

export class SessionHub {
  readonly #core: SessionCore;
  readonly #models: SessionModels;
  readonly #recipe: SessionRecipe;

  constructor(core: SessionCore, models: SessionModels, recipe: SessionRecipe) {
    this.#core = core;
    this.#models = models;
    this.#recipe = recipe;
  }

  /** Asks what a repository has. */
  async lookUp(text: string): Promise<void> {
    this.#set({ found: undefined, isAsking: true });
    await this.#attempt(async () => this.#set({ found: await this.#core.worker.hubModel(text, hubUrl()) }));
    this.#set({ isAsking: false });
  }

  /** Whether each form would fit, on the sizes that the recipe has for such a model. Rejects with a sentence. */
  fits({ repository, revision }: ModelId): Promise<HubFits> {
    const { config } = setupFor("own", this.#core.state, this.#recipe.preset);
    return this.#core.worker.hubFits({ repository, revision }, config, hubUrl());
  }

  /** Fetches a form, or what is missing of it, and loads it. */
  async fetch({ repository, revision }: ModelId, form: string): Promise<void> {
    const model = { repository, revision };
    const tell = (done: number, total: number): void =>
      this.#set({ fetching: { ...model, form, done, total } });
    let isThere = false;
    await this.#attempt(async () => {
      tell(0, 0);
      isThere = await this.#core.worker.fetchForm(model, form, hubUrl(), tell);
    });
    // Another download may have taken its place.
    const { fetching } = this.#core.state.hub;
    if (fetching && isSameModel(fetching, model) && fetching.form === form)
      this.#set({ fetching: undefined });
    await this.refresh();
    if (isThere && !isUnderWay(this.#core.state.run)) await this.load(model, form);
  }

  pause = (): Promise<void> => this.#core.worker.pauseFetching();

  /** Loads a form that is whole in this browser. */
  load = ({ repository, revision }: ModelId, form: string): Promise<void> =>
    this.#models.use(() => this.#core.worker.useForm({ repository, revision }, form));

  async remove({ repository, revision }: ModelId, evenIfNeeded: boolean): Promise<void> {
    await this.#attempt(() =>
      this.#core.worker.removeCachedModel({ repository, revision }, { evenIfNeeded }),
    );
    await this.refresh();
  }

  /** Reads anew what is in this browser; nothing where it keeps no files. */
  async refresh(): Promise<void> {
    const cached = await this.#core.worker.cachedModels().catch(() => []);
    const { found } = this.#core.state.hub;
    const same = found && cached.find((model) => isSameModel(model, found));
    const gone = found && !same && { ...found, cachedBytes: 0, forms: found.forms.map(notCome) };
    this.#set({ cached, found: same ?? (gone || undefined) });
  }

  dismiss = (): void => this.#set({ problem: undefined });

  async #attempt(work: () => Promise<void>): Promise<void> {
    this.dismiss();
    try {
      await work();
    } catch (error) {
      this.#set({ problem: messageOf(error) });
    }
  }

  #set(patch: Partial<HubState>): void {
    this.#core.set({ hub: { ...this.#core.state.hub, ...patch } });
  }
}

const notCome = (form: HubModel["forms"][number]): HubModel["forms"][number] => ({
  ...form,
  come: 0,
  isWhole: false,
});

/** What was chosen in this visit, which counts where the browser keeps nothing. */
let chosenUrl: string | undefined;

/** Where models are fetched from. */
export const hubUrl = (): string => chosenUrl ?? keptUrl() ?? HUGGING_FACE;

/** Chooses where models are fetched from, for other visits too unless the browser refuses; empty: the usual hub. */
export function keepHubUrl(url: string): void {
  chosenUrl = url.trim() || HUGGING_FACE;
  try {
    if (chosenUrl === HUGGING_FACE) localStorage.removeItem(HUB_KEY);
    else localStorage.setItem(HUB_KEY, chosenUrl);
  } catch {
    // Storage is blocked or full: it counts until the page is closed then.
  }
}

function keptUrl(): string | undefined {
  try {
    return localStorage.getItem(HUB_KEY) ?? undefined;
  } catch {
    return undefined;
  }
}
