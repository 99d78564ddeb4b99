// How much a page takes of memory and processor: JavaScript heap with array buffers of the page and of its workers, sampled over Chrome's
// protocol, and on Linux what the page's process has resident. A worker answers between its tasks, so a peak inside one shows
// as far as its garbage is still there; the process' own high-water mark misses nothing.

import { existsSync, readFileSync, writeFileSync } from "node:fs";

import type { Browser, CDPSession, Page } from "playwright-core";

const EVERY_MS = 20;

export interface PhaseCost {
  /** JavaScript objects and array buffers of page and workers, bytes. */
  readonly heapBytes: number;
  /** Of the page's process, beyond what it had when the phase began, bytes; undefined where it cannot be told. */
  readonly residentBytes: number | undefined;
}

/** Processor time of the process that plays the graphics card so far, seconds; what a busy machine does not stretch. */
export async function gpuProcessSeconds(browser: Browser): Promise<number> {
  const processes = await processesOf(browser);
  return processes.find(({ type }) => type === "GPU")?.cpuTime ?? 0;
}

async function processesOf(browser: Browser): Promise<{ id: number; type: string; cpuTime: number }[]> {
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send("SystemInfo.getProcessInfo");
  await session.detach();
  return processInfo;
}

interface HeapUsage {
  readonly usedSize: number;
  readonly backingStorageSize?: number;
}

/** Watches from `open` to `close`; `phase` names what happens from now on. */
export class HeapWatch {
  readonly peaks = new Map<string, PhaseCost>();
  readonly #session: CDPSession;
  readonly #pid: number | undefined;
  /** Sessions of workers. */
  readonly #workers = new Set<string>();
  /** Workers that have not answered yet. */
  readonly #asked = new Set<string>();
  readonly #pending = new Map<number, (usage: HeapUsage | undefined) => void>();
  #last = 0;
  #phase = "";
  #startBytes: number | undefined;
  #isOver = false;
  readonly #usage = new Map<string, number>();
  #loop: Promise<void> | undefined;

  private constructor(session: CDPSession, pid: number | undefined) {
    this.#session = session;
    this.#pid = pid;
  }

  static async open(page: Page, browser: Browser): Promise<HeapWatch> {
    const session = await page.context().newCDPSession(page);
    const watch = new HeapWatch(session, await rendererOf(browser));
    session.on("Target.attachedToTarget", ({ sessionId, targetInfo }) => {
      if (targetInfo.type === "worker") watch.#workers.add(sessionId);
    });
    session.on("Target.detachedFromTarget", ({ sessionId }) => watch.#workers.delete(sessionId));
    session.on("Target.receivedMessageFromTarget", ({ message }) => watch.#answer(message));
    await session.send("Target.setAutoAttach", {
      autoAttach: true,
      waitForDebuggerOnStart: false,
      flatten: false,
    });
    watch.phase("start");
    watch.#loop = watch.#run();
    return watch;
  }

  phase(name: string): void {
    this.#phase = name;
    if (this.#pid !== undefined) writeFileSync(`/proc/${this.#pid}/clear_refs`, "5");
    this.#startBytes = this.#status("VmRSS");
    this.#note();
  }

  async close(): Promise<void> {
    this.#isOver = true;
    await this.#loop;
  }

  async #run(): Promise<void> {
    while (!this.#isOver) {
      const page = (await this.#session.send("Runtime.getHeapUsage").catch(() => undefined)) as
        | HeapUsage
        | undefined;
      this.#take("page", page);
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
      // A busy worker answers later, and is asked again when it has.
      for (const worker of this.#workers) if (!this.#asked.has(worker)) void this.#askWorker(worker);
    }
  }

  async #askWorker(sessionId: string): Promise<void> {
    this.#asked.add(sessionId);
    const id = ++this.#last;
    const message = JSON.stringify({ id, method: "Runtime.getHeapUsage" });
    const answer = new Promise<HeapUsage | undefined>((resolve) => this.#pending.set(id, resolve));
    await this.#session.send("Target.sendMessageToTarget", { sessionId, message }).catch(() => {});
    this.#take(sessionId, await answer);
    this.#asked.delete(sessionId);
  }

  #answer(text: string): void {
    const { id, result } = JSON.parse(text) as { id?: number; result?: HeapUsage };
    if (id === undefined) return;
    this.#pending.get(id)?.(result);
    this.#pending.delete(id);
  }

  #take(who: string, usage: HeapUsage | undefined): void {
    if (usage) this.#usage.set(who, usage.usedSize + (usage.backingStorageSize ?? 0));
    this.#note();
  }

  #note(): void {
    const heapBytes = [...this.#usage.values()].reduce((sum, bytes) => sum + bytes, 0);
    const before = this.peaks.get(this.#phase);
    const most = this.#status("VmHWM");
    this.peaks.set(this.#phase, {
      heapBytes: Math.max(before?.heapBytes ?? 0, heapBytes),
      residentBytes:
        most === undefined || this.#startBytes === undefined ? undefined : most - this.#startBytes,
    });
  }

  /** A line of the process' status, bytes. */
  #status(line: "VmRSS" | "VmHWM"): number | undefined {
    const file = `/proc/${this.#pid}/status`;
    // Gone with its page, perhaps.
    if (this.#pid === undefined || !existsSync(file)) return undefined;
    const text = readFileSync(file, "utf8");
    const kilobytes = new RegExp(`^${line}:\\s+(\\d+) kB`, "m").exec(text)?.[1];
    return kilobytes === undefined ? undefined : 1024 * Number(kilobytes);
  }
}

/** The process of the browser's page with the most processor time; undefined outside Linux. */
async function rendererOf(browser: Browser): Promise<number | undefined> {
  if (process.platform !== "linux") return undefined;
  const renderers = (await processesOf(browser)).filter(({ type }) => type === "renderer");
  return renderers.toSorted((a, b) => b.cpuTime - a.cpuTime)[0]?.id;
}
