// A model by the name of its repository on a hub, kept in the user's cache folder. HF_ENDPOINT names another hub, as it does
// for Hugging Face's own tools.

import { homedir } from "node:os";
import path from "node:path";

import type { Offer } from "../../app/hub-models.ts";
import { cachedOffers, fetchModel, offerOf, variantById } from "../../app/hub-models.ts";
import { HUGGING_FACE, hubAt, repositoryName } from "../../hub/repository.ts";
import type { Hub, RepositoryName } from "../../hub/repository.ts";
import type { Variant } from "../../hub/variants.ts";
import type { OpenedModel } from "../../model/open-model.ts";
import { ModelCache } from "../../storage/model-cache.ts";
import { folderFiles } from "../files/folder-files.ts";

/** `owner/name`, with a commit, branch or tag behind an @ and a form of its weights behind a colon, or without. */
const HUB_NAME = /^(\w[\w.-]*\/\w[\w.-]*(?:@[\w./-]+)?)(?::(.+))?$/;

export const isHubName = (text: string): boolean => HUB_NAME.test(text);

export interface HubModel {
  readonly model: OpenedModel;
  /** Names the same bytes tomorrow: with the commit and the form. */
  readonly name: string;
}

/** The model that `name` names: the form behind its colon, else safetensors, else the smallest. Throws UserError. */
export async function hubModel(name: string): Promise<HubModel> {
  const [, text, form] = HUB_NAME.exec(name)!;
  const hub = hubAt(process.env["HF_ENDPOINT"] || HUGGING_FACE, fetch);
  const cache = new ModelCache(folderFiles(cacheFolder()));
  console.log(`There is no folder ${name}, so it is looked for at ${new URL(hub.baseUrl).host}.`);
  const wanted = repositoryName(text!);
  const offer = (await exactlyThere(cache, wanted, form)) ?? (await asked(hub, cache, wanted, text!));
  const { variants, repository } = offer;
  const variant = form === undefined ? usual(variants) : variantById(offer, form);
  const lasting = `${repository.id}@${repository.revision}`;
  const others = variants.filter((other) => other !== variant).map((other) => other.id);
  console.log(
    `${lasting}, ${variant.label}${others.length > 0 ? ` (also there: ${others.join(", ")}; name one as ${text}:${others[0]})` : ""}`,
  );
  const model = await fetchModel(hub, cache, repository, variant, { onProgress: progressLine() });
  return { model, name: `${lasting}:${variant.id}` };
}

const usual = (variants: readonly Variant[]): Variant =>
  variants.find(({ label }) => label.startsWith("safetensors")) ?? variants[0]!;

/** A form of a commit that is whole in the cache: nothing about it can have changed, so no network is needed. */
async function exactlyThere(
  cache: ModelCache,
  { id, revision }: RepositoryName,
  form: string | undefined,
): Promise<Offer | undefined> {
  if (revision === undefined || form === undefined) return undefined;
  return (await cachedOffers(cache)).find(
    ({ repository, whole }) =>
      repository.id === id &&
      repository.revision === revision &&
      whole.some((variant) => variant.id === form),
  );
}

/** What the hub offers; without a network, what was fetched before. */
async function asked(hub: Hub, cache: ModelCache, wanted: RepositoryName, text: string): Promise<Offer> {
  try {
    return await offerOf(hub, text);
  } catch (error) {
    const found = (await cachedOffers(cache)).find(
      ({ repository, whole }) =>
        repository.id === wanted.id &&
        (wanted.revision ?? repository.revision) === repository.revision &&
        whole.length > 0,
    );
    if (!found) throw error;
    return { ...found, variants: found.whole };
  }
}

const cacheFolder = (): string =>
  path.join(process.env["XDG_CACHE_HOME"] ?? path.join(homedir(), ".cache"), "gradus", "models");

/** Prints every tenth of a download. */
function progressLine(): (done: number, total: number) => void {
  let tenths = 0;
  let first: number | undefined;
  return (done, total) => {
    first ??= done;
    const now = Math.floor((10 * done) / total);
    // All of it was there.
    if (first === total || now <= tenths) return;
    tenths = now;
    console.log(`fetched ${(done / 1e6).toFixed(0)} of ${(total / 1e6).toFixed(0)} MB`);
  };
}
