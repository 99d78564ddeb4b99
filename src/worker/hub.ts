// The page's models from a hub: what a repository offers, one download at a time, and the cache in the browser's own file
// system.

import { cachedOffers, fetchModel, offerOf, variantById } from "../app/hub-models.ts";
import type { Offer } from "../app/hub-models.ts";
import { UserError } from "../common/errors.ts";
import { hubAt } from "../hub/repository.ts";
import type { Hub } from "../hub/repository.ts";
import type { OpenedModel } from "../model/open-model.ts";
import { ModelCache } from "../storage/model-cache.ts";
import { opfsFiles } from "../storage/opfs-files.ts";
import type { HubOffer, LoadProgress } from "./api.ts";

const FOLDER = "models";

let cache: Promise<ModelCache> | undefined;
let underWay: AbortController | undefined;
/** The newest answer about a repository: what is fetched is of the commit that was shown. */
const offers = new Map<string, Offer>();

const hubOf = (url: string): Hub => hubAt(url, (...args) => fetch(...args));

function openCache(): Promise<ModelCache> {
  cache ??= opfsFiles(FOLDER).then((files) => new ModelCache(files));
  cache.catch(() => {
    cache = undefined;
  });
  return cache;
}

const summaryOf = ({ repository, variants }: Offer, bytes?: number): HubOffer => ({
  repository: repository.id,
  revision: repository.revision,
  variants: variants.map(({ id, label, bytes: size }) => ({ id, label, bytes: size })),
  ...(bytes !== undefined && { cachedBytes: bytes }),
});

/** Asks the hub at `hubUrl`. Throws UserError. */
export async function offer(text: string, hubUrl: string): Promise<HubOffer> {
  const found = await offerOf(hubOf(hubUrl), text);
  offers.set(found.repository.id, found);
  return summaryOf(found);
}

/** What is in the cache. */
export const cached = async (): Promise<HubOffer[]> =>
  (await cachedOffers(await openCache())).map((found) => summaryOf(found, found.bytes));

/** Fetches what is missing of a form that was offered or is cached, at the commit that was shown, and opens it. */
export async function open(
  { repository, revision }: Pick<HubOffer, "repository" | "revision">,
  variant: string,
  hubUrl: string,
  onProgress: (progress: LoadProgress) => void,
): Promise<OpenedModel> {
  const store = await openCache();
  const isWanted = ({ repository: found }: Offer): boolean =>
    found.id === repository && found.revision === revision;
  const whole = (await cachedOffers(store)).find(
    (offer) => isWanted(offer) && offer.variants.some((form) => form.id === variant),
  );
  const asked = offers.get(repository);
  const offered = asked && isWanted(asked) ? asked : undefined;
  const found = offered ?? whole ?? (await offerOf(hubOf(hubUrl), repository));
  const own = new AbortController();
  underWay?.abort();
  underWay = own;
  try {
    return await fetchModel(hubOf(hubUrl), store, found.repository, variantById(found, variant), {
      signal: own.signal,
      onProgress: (done, total) => onProgress({ what: repository, done, total, isBytes: true }),
    });
  } catch (error) {
    if (error instanceof Error && error.name === "AbortError")
      throw new UserError(
        `Fetching ${repository} was stopped. What has come is kept: load it again to go on.`,
      );
    throw error;
  } finally {
    if (underWay === own) underWay = undefined;
  }
}

/** Leaves the download that is under way. */
export const stopFetching = (): void => underWay?.abort();

export async function remove(repository: string, revision: string): Promise<void> {
  offers.delete(repository);
  await (await openCache()).remove({ repository, revision });
}
