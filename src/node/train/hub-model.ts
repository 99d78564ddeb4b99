// A model by the name of its repository on a hub, kept in the user's cache folder. HF_ENDPOINT names another hub, as it does
// for Hugging Face's own tools.

import { homedir } from "node:os";
import path from "node:path";

import type { Offer } from "../../app/hub-models.ts";
import { cachedOffers, fetchModel, offerOf, variantById } from "../../app/hub-models.ts";
import { HUGGING_FACE, hubAt } from "../../hub/repository.ts";
import type { OpenedModel } from "../../model/open-model.ts";
import { ModelCache } from "../../storage/model-cache.ts";
import { folderFiles } from "../files/folder-files.ts";

/** `owner/name`, with a form of its weights behind a colon or without. */
const HUB_NAME = /^(\w[\w.-]*\/\w[\w.-]*)(?::(.+))?$/;

export const isHubName = (text: string): boolean => HUB_NAME.test(text);

/** The model that `name` names: the form behind its colon, else safetensors, else the smallest. Throws UserError. */
export async function hubModel(name: string): Promise<OpenedModel> {
  const [, id, form] = HUB_NAME.exec(name)!;
  const hub = hubAt(process.env["HF_ENDPOINT"] || HUGGING_FACE, fetch);
  const cache = new ModelCache(folderFiles(cacheFolder()));
  console.log(`There is no folder ${name}, so it is looked for at ${new URL(hub.baseUrl).host}.`);
  const offer = await offerOf(hub, id!).catch((error: unknown) => fetchedBefore(cache, id!, error));
  const { variants, repository } = offer;
  const variant =
    form === undefined
      ? (variants.find(({ label }) => label.startsWith("safetensors")) ?? variants[0]!)
      : variantById(offer, form);
  const others = variants.filter((other) => other !== variant).map((other) => other.id);
  console.log(
    `${repository.id}, ${variant.label}${others.length > 0 ? ` (also there: ${others.join(", ")}; name one as ${repository.id}:${others[0]})` : ""}`,
  );
  return fetchModel(hub, cache, repository, variant, { onProgress: progressLine() });
}

/** Without a network, what was fetched before; throws `error` where that is nothing. */
async function fetchedBefore(cache: ModelCache, id: string, error: unknown): Promise<Offer> {
  const found = (await cachedOffers(cache)).find(({ repository }) => repository.id === id);
  if (!found || found.variants.length === 0) throw error;
  return found;
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
