// The page's models from a hub: what a repository has, one download at a time, and the cache in the browser's own file
// system.

import { bestForm, fitsOf } from "../app/hub-fit.ts";
import type { CachedOffer, Offer } from "../app/hub-models.ts";
import { cachedOffers, configOf, fetchModel, offerOf, shapeOf, variantById } from "../app/hub-models.ts";
import { removeCached } from "../app/kept-files.ts";
import { UserError } from "../common/errors.ts";
import type { CachedSource } from "../storage/model-cache.ts";
import { fetchFiles } from "../hub/download.ts";
import { hubAt } from "../hub/repository.ts";
import type { Hub } from "../hub/repository.ts";
import type { FormFit, HubApi, HubForm, HubModel, ModelId } from "./api/hub.ts";
import { device, hubCache, model, store } from "./current.ts";
import { take } from "./models.ts";

let underWay: AbortController | undefined;
/** The newest answer about a repository: what is fetched is of the commit that was shown. */
const offers = new Map<string, Offer>();
/** What was read of each commit's config.json, which stays as it is. */
const configs = new Map<string, ReturnType<typeof configOf>>();

const hubOf = (url: string): Hub => hubAt(url, (...args) => fetch(...args));
const keyOf = ({ repository, revision }: ModelId): string => `${repository}@${revision}`;
const idOf = ({ repository: { id, revision } }: Offer): ModelId => ({ repository: id, revision });

/** What of a model is in the cache; undefined where nothing is. */
const cachedOf = async (wanted: ModelId): Promise<CachedOffer | undefined> =>
  (await cachedOffers(await hubCache())).find((offer) => keyOf(idOf(offer)) === keyOf(wanted));

/** A model as it was shown or is kept, else asked of the hub again. */
async function offerFor(wanted: ModelId, hubUrl: string): Promise<Offer> {
  const known = offers.get(keyOf(wanted)) ?? (await cachedOf(wanted));
  if (known && known.variants.length > 0) return known;
  return offerOf(hubOf(hubUrl), keyOf(wanted));
}

/** The shape of a model, for which the hub is asked once. */
async function shapeFor({ repository }: Offer, hubUrl: string): Promise<ReturnType<typeof shapeOf>> {
  const key = `${repository.id}@${repository.revision}`;
  const config = configs.get(key) ?? hubCache().then((cache) => configOf(hubOf(hubUrl), cache, repository));
  configs.set(key, config);
  config.catch(() => configs.delete(key));
  return shapeOf(await config, repository);
}

async function summaryOf(offer: Offer, cached: CachedOffer | undefined): Promise<HubModel> {
  const forms = offer.variants.map(({ id, label, bytes }): HubForm => ({
    id,
    label,
    bytes,
    come: cached?.come.get(id) ?? 0,
    isWhole: cached?.whole.some((whole) => whole.id === id) ?? false,
  }));
  const unread = offer.unread.map((form): HubForm => ({ ...form, come: 0, isWhole: false }));
  const neededBy = cached ? await (await store()).runs.needing(idOf(offer)) : [];
  return { ...idOf(offer), forms: [...forms, ...unread], cachedBytes: cached?.bytes ?? 0, neededBy };
}

/** Runs `fetching` as the only download; whether it came to its end. */
async function asOnlyDownload(fetching: (signal: AbortSignal) => Promise<unknown>): Promise<boolean> {
  const own = new AbortController();
  underWay?.abort();
  underWay = own;
  try {
    await fetching(own.signal);
    return true;
  } catch (error) {
    if (own.signal.aborted && error instanceof Error && error.name === "AbortError") return false;
    throw error;
  } finally {
    if (underWay === own) underWay = undefined;
  }
}

export const hubApi: HubApi = {
  hubModel: async (text, hubUrl) => {
    const offer = await offerOf(hubOf(hubUrl), text);
    offers.set(keyOf(idOf(offer)), offer);
    // Where the browser keeps no files, that is told when something is to be fetched.
    return summaryOf(offer, await cachedOf(idOf(offer)).catch(() => undefined));
  },

  hubFits: async (wanted, config, hubUrl) => {
    const offer = await offerFor(wanted, hubUrl);
    const { variants } = offer;
    const fits = fitsOf(await shapeFor(offer, hubUrl), variants, config, (await device()).gpu);
    const best = bestForm(variants, fits);
    const forms = [...fits].map(([id, { plan, problem, remedy }]): [string, FormFit] => [
      id,
      plan ? { totalBytes: plan.total } : { problem: problem!, ...(remedy && { remedy }) },
    ]);
    return { forms: Object.fromEntries(forms), ...(best && { best: best.id }) };
  },

  fetchForm: async (wanted, form, hubUrl, onProgress) => {
    const offer = await offerFor(wanted, hubUrl);
    const cache = await hubCache();
    const { files } = variantById(offer, form);
    return asOnlyDownload((signal) =>
      fetchFiles(hubOf(hubUrl), offer.repository, files, cache, { signal, onProgress }),
    );
  },
  pauseFetching: async () => underWay?.abort(),

  useForm: (wanted, form) =>
    take(false, async () => {
      const offer = await cachedOf(wanted);
      const whole = offer?.whole.find(({ id }) => id === form);
      if (!offer || !whole)
        throw new UserError(`${wanted.repository} is not whole in this browser. Fetch it first.`);
      return fetchModel(nowhere, await hubCache(), offer.repository, whole);
    }),

  cachedModels: async () =>
    Promise.all((await cachedOffers(await hubCache())).map((offer) => summaryOf(offer, offer))),

  removeCachedModel: async (wanted, { evenIfNeeded }) => {
    const isLoaded = model.value?.opened.files.some(
      (file) => "cached" in file && keyOf((file as CachedSource).cached) === keyOf(wanted),
    );
    if (isLoaded)
      throw new UserError(
        `${wanted.repository} is loaded, and its weights are read when a run begins. Load another model, then delete it.`,
      );
    await removeCached(await hubCache(), (await store()).runs, wanted, { evenIfNeeded });
  },
};

/** For what is whole in the cache: nothing is asked. */
const nowhere: Hub = {
  baseUrl: "",
  fetch: () => Promise.reject(new TypeError("a model that is whole needs no network")),
};
