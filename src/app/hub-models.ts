// Models of a hub, for the page and the command line: what a repository offers, fetching one form of it, and what is in the
// cache already and needs no network.

import { UserError } from "../common/errors.ts";
import type { DownloadOptions } from "../hub/download.ts";
import { fetchFiles } from "../hub/download.ts";
import type { Hub, Repository } from "../hub/repository.ts";
import { listRepository, repositoryId } from "../hub/repository.ts";
import type { Variant } from "../hub/variants.ts";
import { variantsOf } from "../hub/variants.ts";
import type { OpenedModel } from "../model/open-model.ts";
import { openModel } from "../model/open-model.ts";
import type { ModelCache } from "../storage/model-cache.ts";

/** A repository with the forms of its weights that can be read, the smallest first. */
export interface Offer {
  readonly repository: Repository;
  readonly variants: readonly Variant[];
}

/** What the repository in `text` (an id, or the address of its page) offers. Throws UserError. */
export async function offerOf(hub: Hub, text: string): Promise<Offer> {
  const repository = await listRepository(hub, repositoryId(text));
  return { repository, variants: variantsOf(repository) };
}

/** The form called `id`. Throws UserError naming those that there are. */
export function variantById({ repository, variants }: Offer, id: string): Variant {
  const found = variants.find((variant) => variant.id === id);
  if (found) return found;
  const known = variants.map((variant) => `${variant.id} (${variant.label})`).join(", ");
  throw new UserError(`${repository.id} has no "${id}" that can be read. It has ${known}.`);
}

/** Fetches what is missing of `variant` and opens it. Throws UserError; an abort throws AbortError. */
export async function fetchModel(
  hub: Hub,
  cache: ModelCache,
  repository: Repository,
  variant: Variant,
  options?: DownloadOptions,
): Promise<OpenedModel> {
  return openModel(await fetchFiles(hub, repository, variant.files, cache, options), repository.id);
}

/** Models in the cache with the forms that are whole, and the bytes that each takes. */
export async function cachedOffers(cache: ModelCache): Promise<(Offer & { readonly bytes: number })[]> {
  const models = await cache.models();
  return models.map(({ repository: id, revision, files, bytes }) => {
    const repository = { id, revision, files };
    return { repository, variants: wholeVariants(repository), bytes };
  });
}

/** None where a download has not come far enough. */
function wholeVariants(repository: Repository): Variant[] {
  try {
    return variantsOf(repository);
  } catch (error) {
    if (error instanceof UserError) return [];
    throw error;
  }
}
