// What a repository of the Hugging Face hub holds: its commit and files with sizes and hashes. Asks the hub's public API, at
// whatever address it is; downloads nothing.
// Source: https://huggingface.co/docs/hub/api (models/{id}/revision/{revision}, models/{id}/tree/{revision}).

import { UserError } from "../common/errors.ts";
import { isObject } from "../formats/json.ts";
import type { ListedFile } from "../storage/model-cache.ts";

export const HUGGING_FACE = "https://huggingface.co";

/** Where a hub is and how it is asked. */
export interface Hub {
  /** Such as `https://huggingface.co`, or a mirror with the same layout; no slash at its end. */
  readonly baseUrl: string;
  readonly fetch: typeof fetch;
}

export type HubFile = ListedFile;

export interface Repository {
  /** `Qwen/Qwen2.5-0.5B-Instruct`. */
  readonly id: string;
  /** The commit that the files are of. */
  readonly revision: string;
  readonly files: readonly HubFile[];
}

/** More pages than any repository of one model has. */
const MAX_PAGES = 50;

/** A hub at the address `text`. Throws UserError where that is no address. */
export function hubAt(text: string, fetching: typeof fetch): Hub {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url && /^https?:$/.test(url.protocol)) return { baseUrl: text.replace(/\/+$/, ""), fetch: fetching };
  throw new UserError(
    `"${text}" is no address of a hub. One with https:// in front is needed, such as ${HUGGING_FACE}.`,
  );
}

/** A repository by its name, at its newest commit or at the one that is named. */
export interface RepositoryName {
  readonly id: string;
  /** A commit, a branch or a tag. */
  readonly revision?: string;
}

/** `owner/name` or `owner/name@revision`, or the address of a page of it. */
const NAME =
  /^(?:https?:\/\/[^/]+\/)?(\w[\w.-]*\/\w[\w.-]*?)(?:@([\w./-]+)|\/(?:tree|blob|resolve)\/([^/]+)(?:\/.*)?)?\/?$/;

/** The repository in what a person types or pastes. Throws UserError. */
export function repositoryName(text: string): RepositoryName {
  const [, id, named, shown] = NAME.exec(text.trim()) ?? [];
  const revision = named ?? (shown === undefined ? undefined : decodeURIComponent(shown));
  if (id !== undefined) return { id, ...(revision !== undefined && { revision }) };
  throw new UserError(
    `"${text}" is no repository: an owner and a name, like Qwen/Qwen2.5-0.5B-Instruct, or the address of its page is needed.`,
  );
}

/** Address of a file's bytes. */
export const fileUrl = ({ baseUrl }: Hub, { id, revision }: Repository, path: string): string =>
  `${baseUrl}/${id}/resolve/${revision}/${path.split("/").map(encodeURIComponent).join("/")}`;

/**
 * Files of a repository, at its newest commit where none is named. Throws UserError when it is not there, is closed, or the
 * hub cannot be reached.
 */
export async function listRepository(hub: Hub, name: RepositoryName): Promise<Repository> {
  const { id } = name;
  const base = `${hub.baseUrl}/api/models/${id}`;
  const info = await askJson(hub, `${base}/revision/${encodeURIComponent(name.revision ?? "main")}`, name);
  const revision = isObject(info) ? info["sha"] : undefined;
  if (typeof revision !== "string" || !/^\w[\w.-]*$/.test(revision)) throw strange(hub, "no commit");
  const list = `${base}/tree/${revision}`;
  // By path: a list that changes between two pages can name a file twice.
  const files = new Map<string, HubFile>();
  let query: string | undefined = "?recursive=true";
  for (let page = 0; query !== undefined; page++) {
    if (page === MAX_PAGES)
      throw new UserError(
        `${id} has more than ${files.size} files, more than any model that is read here. Choose another repository.`,
      );
    const response = await ask(hub, `${list}${query}`, name);
    for (const file of readFiles(await jsonOf(hub, response), hub)) files.set(file.path, file);
    query = nextPage(response, list);
  }
  return { id, revision, files: [...files.values()] };
}

function readFiles(list: unknown, hub: Hub): HubFile[] {
  if (!Array.isArray(list)) throw strange(hub, "no list of files");
  return list.flatMap((entry: unknown) => {
    if (!isObject(entry) || entry["type"] !== "file") return [];
    const { path, size, lfs } = entry;
    if (typeof path !== "string" || !Number.isSafeInteger(size) || (size as number) < 0)
      throw strange(hub, "a file without path or size");
    if (path.split("/").some((part) => /^\.{0,2}$/.test(part)))
      throw strange(hub, "a file outside the repository");
    const oid = isObject(lfs) ? lfs["oid"] : undefined;
    const [, hash] = /^(?:sha256:)?([0-9a-f]{64})$/i.exec(typeof oid === "string" ? oid : "") ?? [];
    if (oid !== undefined && !hash) throw strange(hub, "a hash that is not SHA-256");
    return [{ path, bytes: size as number, ...(hash && { sha256: hash.toLowerCase() }) }];
  });
}

/** The query in a header `Link: <...>; rel="next"`; its host is left out, for a mirror may repeat the original's. */
function nextPage(response: Response, list: string): string | undefined {
  const [, url] = /<([^>]+)>;\s*rel="next"/.exec(response.headers.get("link") ?? "") ?? [];
  return url !== undefined && URL.canParse(url, list) ? new URL(url, list).search : undefined;
}

const askJson = async (hub: Hub, url: string, about: About): Promise<unknown> =>
  jsonOf(hub, await ask(hub, url, about));

async function jsonOf(hub: Hub, response: Response): Promise<unknown> {
  try {
    return await response.json();
  } catch {
    throw strange(hub, "no JSON");
  }
}

/** What is asked for, for messages. */
interface About extends RepositoryName {
  /** One of the files that the repository lists. */
  readonly file?: string;
}

/** Asks `url`. Throws UserError saying what is wrong with the repository or the network. */
export async function ask(hub: Hub, url: string, about: About, init: RequestInit = {}): Promise<Response> {
  let response;
  try {
    response = await hub.fetch(url, init);
  } catch (error) {
    if (error instanceof Error && error.name === "AbortError") throw error;
    throw new UserError(
      `${new URL(url).host} cannot be reached, so ${about.id} cannot be fetched. Check the network and try again, or drop the model's files.`,
      { cause: error },
    );
  }
  // 416: the file ends before the range that was asked for, which only the caller can judge.
  if (response.ok || response.status === 416) return response;
  throw new UserError(refusal(response.status, about, new URL(url).host));
}

function refusal(status: number, { id, revision, file }: About, host: string): string {
  const isMissing = status === 404 || status === 400;
  if (isMissing && file !== undefined)
    return `${host} lists ${file} of ${id} and does not have it (status ${status}), so this form of the model is not whole there. Take another form, or tell the owner of the repository.`;
  if (isMissing && revision !== undefined)
    return `${host} has no public repository ${id} with a revision ${revision}. Check both names; leave @${revision} away for the newest commit.`;
  if (isMissing) return `${host} has no public repository ${id}. Check the name; capital letters count.`;
  if (status === 401 || status === 403)
    return `${id} is closed: ${host} gives it only to people who have signed in and accepted its terms. Download it there and drop its files.`;
  if (status === 429)
    return `${host} asks to wait: too many requests from this network. Try again in some minutes.`;
  return `${host} answered with status ${status} for ${id}. Try again later, or drop the model's files.`;
}

/** A small file of a repository, kept nowhere. Throws UserError. */
export async function readFile(hub: Hub, repository: Repository, path: string): Promise<Uint8Array> {
  const { id } = repository;
  const response = await ask(hub, fileUrl(hub, repository, path), { id, file: path });
  try {
    return new Uint8Array(await response.arrayBuffer());
  } catch (error) {
    throw new UserError(`The connection broke while ${path} of ${id} was fetched. Try again.`, {
      cause: error,
    });
  }
}

const strange = ({ baseUrl }: Hub, what: string): UserError =>
  new UserError(
    `${baseUrl} does not answer as the Hugging Face hub does (${what}). Check the address of the hub.`,
  );
