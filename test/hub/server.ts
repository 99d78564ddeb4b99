// A server with the hub's URL layout, for tests: repositories in memory, ranges, pages of the file list, and faults on demand.

import { createHash } from "node:crypto";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

export const REVISION = "0123456789abcdef0123456789abcdef01234567";
/** Files of this size and more have a hash in the list, as files in Git LFS do. */
const LARGE = 1000;
const PAGE = 3;

export interface Faults {
  /** Close the connection after so many bytes of a response; one entry a response, 0 for none. */
  cuts: number[];
  /** Answer ranges with the whole file. */
  ignoresRanges: boolean;
  /** Status of every answer. */
  status: number | undefined;
  /** Send other bytes than those that were listed. */
  damages: boolean;
  /** Send so many bytes of a longer file, and nothing more until the other side gives up. */
  stallsAt: number | undefined;
}

export interface HubServer {
  readonly url: string;
  readonly faults: Faults;
  /** Requests so far: path, and the range where there was one. */
  readonly requests: { readonly path: string; readonly range: string | undefined }[];
  /** Makes another commit the newest; files of the former stay under theirs. */
  publish(revision: string, repositories: Repositories): void;
  close(): Promise<void>;
}

type Repositories = Readonly<Record<string, Readonly<Record<string, Uint8Array>>>>;

export async function startHub(repositories: Repositories): Promise<HubServer> {
  const commits = new Map([[REVISION, repositories]]);
  let newest = REVISION;
  const faults: Faults = {
    cuts: [],
    ignoresRanges: false,
    status: undefined,
    damages: false,
    stallsAt: undefined,
  };
  const requests: { path: string; range: string | undefined }[] = [];
  const server: Server = createServer((request, response) => {
    // The page is of another origin, as it is at the real hub.
    response.setHeader("access-control-allow-origin", "*");
    response.setHeader("access-control-allow-headers", "range");
    response.setHeader("access-control-expose-headers", "link");
    if (request.method === "OPTIONS") return void response.writeHead(204).end();
    const { pathname, searchParams } = new URL(request.url!, "http://hub");
    requests.push({ path: pathname, range: request.headers.range });
    if (faults.status !== undefined) return void response.writeHead(faults.status).end();
    const path = pathname.split("/").slice(1).map(decodeURIComponent);
    const revision = path[0] === "api" ? path[5]!.replace(/^main$/, newest) : path[3]!;
    const files = commits.get(revision) ?? {};
    if (path[0] === "api") return answerApi(files, revision, path, searchParams, response);
    const file = files[`${path[0]}/${path[1]}`]?.[path.slice(4).join("/")];
    if (path[2] !== "resolve" || !file) return void response.writeHead(404).end();
    sendFile(file, faults, request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    faults,
    requests,
    publish: (revision, newer) => {
      commits.set(revision, newer);
      newest = revision;
    },
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

function answerApi(
  repositories: Repositories,
  revision: string,
  path: readonly string[],
  query: URLSearchParams,
  response: ServerResponse,
): void {
  const id = `${path[2]}/${path[3]}`;
  const files = repositories[id];
  const json = (value: unknown, headers: Record<string, string> = {}): void =>
    void response
      .writeHead(200, { "content-type": "application/json", ...headers })
      .end(JSON.stringify(value));
  if (!files) return void response.writeHead(404).end();
  if (path[4] === "revision") return json({ id, sha: revision });
  if (path[4] !== "tree") return void response.writeHead(404).end();
  const entries = Object.entries(files).map(([name, bytes]) => ({
    type: "file",
    path: name,
    size: bytes.length,
    ...(bytes.length >= LARGE && { lfs: { oid: createHash("sha256").update(bytes).digest("hex") } }),
  }));
  const start = Number(query.get("cursor") ?? 0);
  const isLast = start + PAGE >= entries.length;
  const next = `</api/models/${id}/tree/${revision}?recursive=true&cursor=${start + PAGE}>; rel="next"`;
  json(
    [{ type: "directory", path: "onnx" }, ...entries.slice(start, start + PAGE)],
    isLast ? {} : { link: next },
  );
}

function sendFile(
  whole: Uint8Array,
  faults: Faults,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const [, from] = /^bytes=(\d+)-$/.exec(request.headers.range ?? "") ?? [];
  const isRange = from !== undefined && !faults.ignoresRanges;
  const sent = Uint8Array.from(whole.subarray(isRange ? Number(from) : 0));
  if (faults.damages) sent[sent.length - 1]! ^= 1;
  response.writeHead(isRange ? 206 : 200, { "content-length": sent.length });
  const cut = faults.cuts.shift() ?? 0;
  if (faults.stallsAt !== undefined && sent.length > faults.stallsAt)
    return void response.write(sent.subarray(0, faults.stallsAt));
  if (cut === 0) return void response.end(sent);
  response.write(sent.subarray(0, cut), () => setTimeout(() => response.destroy(), 20));
}
