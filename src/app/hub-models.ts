// Models by the name of their repository on a hub: what it offers, what of that has come already, and the model that has been
// fetched. The same for the page and for the command line; where the cache lies is theirs.

import { UserError } from "../common/errors.ts";
import type { JsonObject } from "../formats/json.ts";
import { readJsonObject } from "../formats/json.ts";
import { bytesSource } from "../formats/safetensors.ts";
import type { DownloadOptions } from "../hub/download.ts";
import { fetchFiles } from "../hub/download.ts";
import type { Hub, Repository } from "../hub/repository.ts";
import { listRepository, readFile, repositoryName } from "../hub/repository.ts";
import type { Forms, Variant } from "../hub/variants.ts";
import { formsOf } from "../hub/variants.ts";
import type { DecoderConfig } from "../model/config.ts";
import { parseDecoderConfig } from "../model/config.ts";
import type { OpenedModel } from "../model/open-model.ts";
import { openModel } from "../model/open-model.ts";
import type { CachedModel, ModelCache } from "../storage/model-cache.ts";

/** A repository at one commit with the forms of its weights. */
export interface Offer extends Forms {
  readonly repository: Repository;
}

/** A model of which something is in the cache. */
export interface CachedOffer extends Offer {
  /** Bytes of the cache that it takes. */
  readonly bytes: number;
  /** Bytes that have come of each form whose weights have been begun, by its id. */
  readonly come: ReadonlyMap<string, number>;
  /** Forms that need no network. */
  readonly whole: readonly Variant[];
}

const CONFIG = "config.json";

/** What the repository in `text` (`owner/name`, `owner/name@revision`, or the address of its page) offers. Throws UserError. */
export async function offerOf(hub: Hub, text: string): Promise<Offer> {
  const repository = await listRepository(hub, repositoryName(text));
  return { repository, ...formsOf(repository) };
}

/** The config.json of a repository, fetched if it is not in the cache. Throws UserError. */
export async function configOf(hub: Hub, cache: ModelCache, repository: Repository): Promise<JsonObject> {
  const { id, revision } = repository;
  const kept = await cache.open({ repository: id, revision }, CONFIG);
  return readJsonObject(kept ?? bytesSource(CONFIG, await readFile(hub, repository, CONFIG)));
}

/** The shape of a repository's model. Throws UserError where it is not computed here. */
export const shapeOf = (config: JsonObject, { id }: Repository): DecoderConfig =>
  parseDecoderConfig(config, `${CONFIG} of ${id}`);

/** The form called `id`. Throws UserError naming those that there are, or why it is not read. */
export function variantById({ repository, variants, unread }: Offer, id: string): Variant {
  const found = variants.find((variant) => variant.id === id);
  if (found) return found;
  const known = variants.map((variant) => `${variant.id} (${variant.label})`).join(", ");
  const why = unread.find((form) => form.id === id)?.why;
  const what = why === undefined ? `no "${id}" that can be read` : `"${id}", and ${why}`;
  throw new UserError(`${repository.id} has ${what}. Take one of ${known}.`);
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

/** Models of which something is in the cache; one whose list alone is there has not been begun. */
export const cachedOffers = async (cache: ModelCache): Promise<CachedOffer[]> =>
  (await cache.models()).map(cachedOffer).filter(({ bytes }) => bytes > 0);

function cachedOffer({ repository: id, revision, listed, files, come }: CachedModel): CachedOffer {
  const repository = { id, revision, files: listed ?? files };
  const forms = knownForms(repository);
  const isThere = (path: string, bytes: number): boolean =>
    files.some((file) => file.path === path && file.bytes === bytes);
  const bytesOf = (parts: Variant["files"]): number =>
    parts.reduce((sum, { path, bytes }) => sum + Math.min(bytes, come.get(path) ?? 0), 0);
  const isBegun = ({ files: parts }: Variant): boolean =>
    bytesOf(parts.filter(({ path }) => isWeights(path))) > 0;
  return {
    repository,
    ...forms,
    bytes: [...come.values()].reduce((sum, bytes) => sum + bytes, 0),
    come: new Map(forms.variants.filter(isBegun).map((variant) => [variant.id, bytesOf(variant.files)])),
    whole: forms.variants.filter((variant) => variant.files.every(({ path, bytes }) => isThere(path, bytes))),
  };
}

const isWeights = (path: string): boolean => /\.(safetensors|onnx|onnx_data(_\d+)?|onnx\.data)$/.test(path);

/** None where a download has not come far enough to tell. */
function knownForms(repository: Repository): Forms {
  try {
    return formsOf(repository);
  } catch (error) {
    if (error instanceof UserError) return { variants: [], unread: [] };
    throw error;
  }
}
