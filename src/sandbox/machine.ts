// QuickJS as WebAssembly: the only place where a person's text is run. A world of its own for every call, with neither network
// nor storage nor page, because nothing of them is handed in; stopped when its time is over. Knows nothing of threads.
//
// Time is looked at between steps of the interpreter and inside regular expressions, not inside other built-in functions: one
// call of such a function can take seconds. Whoever must not wait for that puts the machine in a thread and ends it.

import variant from "@jitl/quickjs-wasmfile-release-sync";
import type {
  QuickJSContext,
  QuickJSHandle,
  QuickJSRuntime,
  QuickJSWASMModule,
  VmCallResult,
} from "quickjs-emscripten-core";
import { newQuickJSWASMModuleFromVariant, newVariant, Scope } from "quickjs-emscripten-core";

import { brokenBy, faultOf, MEMORY_BYTES, NO_FUNCTION } from "./fault.ts";
import type { Thrown } from "./fault.ts";
import { FIND, OWN_FILE, PRELUDE, PRELUDE_FILE } from "./prelude.ts";
import type { Fault, Sample, Verdict } from "./verdict.ts";

/** Of the interpreter's stack: some 1,500 calls deep, and small enough for the stack of WebAssembly. */
const STACK_BYTES = 256 * 1024;
/** On top of the time limit, so that what went wrong can be put into words. */
const DESCRIBE_MS = 50;
const PAGE_BYTES = 65_536;
/** What the interpreter is compiled to begin with. */
const FIRST_PAGES = 256;

/** Something was thrown inside. */
class ThrownInside extends Error {
  readonly handle: QuickJSHandle;
  constructor(handle: QuickJSHandle) {
    super("thrown in the sandbox");
    this.handle = handle;
  }
}

interface Loaded {
  readonly quickjs: QuickJSWASMModule;
  /** Cannot grow beyond its limit; QuickJS's own limit does not add up what was asked for in WebAssembly. */
  readonly memory: WebAssembly.Memory;
}

async function load(): Promise<Loaded> {
  const memory = new WebAssembly.Memory({ initial: FIRST_PAGES, maximum: MEMORY_BYTES / PAGE_BYTES });
  const quickjs = await newQuickJSWASMModuleFromVariant(newVariant(variant, { wasmMemory: memory }));
  return { quickjs, memory };
}

const isLarge = ({ memory }: Loaded): boolean => memory.buffer.byteLength > MEMORY_BYTES / 2;

export class Machine {
  #loaded: Loaded | undefined;

  /**
   * Judges one response by the function in `code`; nothing is left of it afterwards. Without a response, looks for the function and
   * gives 0. Rejects when QuickJS cannot be loaded.
   */
  async judge(code: string, sample: Sample | undefined, limitMs: number): Promise<Verdict> {
    const loaded = (this.#loaded ??= await load());
    try {
      const scope = new Scope();
      const verdict = new World(scope, loaded.quickjs, limitMs).judge(code, sample);
      scope.dispose();
      // What has grown does not shrink by itself.
      if (isLarge(loaded)) this.#loaded = undefined;
      return verdict;
    } catch (error) {
      // Its memory may be in any state: nothing in it is tidied up, and the next call gets a new one.
      this.#loaded = undefined;
      return { fault: brokenBy(error, isLarge(loaded)) };
    }
  }

  /** Loads QuickJS, so that the first call need not. */
  async start(): Promise<void> {
    this.#loaded ??= await load();
  }
}

/** As JSON, because a text on its own would end at its first character of code 0. */
const argumentsOf = (sample: Sample | undefined): string =>
  JSON.stringify(sample ? [sample.dataSource, sample.solution, sample.groundTruth, sample.extraInfo] : []);

/** Globals and memory of one call. */
class World {
  readonly #scope: Scope;
  readonly #runtime: QuickJSRuntime;
  readonly #context: QuickJSContext;
  readonly #limitMs: number;
  #end: number;
  #isOver = false;

  constructor(scope: Scope, quickjs: QuickJSWASMModule, limitMs: number) {
    this.#scope = scope;
    this.#limitMs = limitMs;
    this.#end = performance.now() + limitMs;
    this.#runtime = scope.manage(quickjs.newRuntime());
    this.#runtime.setMaxStackSize(STACK_BYTES);
    this.#runtime.setInterruptHandler(() => performance.now() > this.#end);
    this.#context = scope.manage(this.#runtime.newContext());
  }

  judge(code: string, sample: Sample | undefined): Verdict {
    const tools = this.#evaluate(PRELUDE, PRELUDE_FILE);
    const tool = (name: string): QuickJSHandle => this.#scope.manage(this.#context.getProp(tools, name));
    const [parse, compute, describe] = [tool("parse"), tool("judge"), tool("describe")];
    try {
      const given = this.#call(parse, this.#scope.manage(this.#context.newString(argumentsOf(sample))));
      this.#evaluate(code, OWN_FILE);
      const found = this.#evaluate(FIND, PRELUDE_FILE);
      if (this.#context.typeof(found) !== "function") return { fault: NO_FUNCTION };
      if (!sample) return { score: 0 };
      const score = this.#context.getNumber(this.#call(compute, found, given));
      return Number.isFinite(score)
        ? { score }
        : { fault: { message: `it returned ${score} where a finite number is needed` } };
    } catch (error) {
      if (error instanceof ThrownInside) return { fault: this.#faultOf(error, describe) };
      throw error;
    }
  }

  #faultOf({ handle }: ThrownInside, describe: QuickJSHandle): Fault {
    this.#isOver = performance.now() > this.#end;
    this.#end = performance.now() + DESCRIBE_MS;
    return faultOf(this.#describe(handle, describe), this.#isOver, this.#limitMs);
  }

  #describe(handle: QuickJSHandle, describe: QuickJSHandle): Thrown {
    try {
      const text = this.#context.getString(this.#call(describe, handle));
      const [name, message, stack] = JSON.parse(text) as [string, string, string];
      return { name, message, stack };
    } catch (error) {
      if (!(error instanceof ThrownInside)) throw error;
      return { name: "", message: "it threw something that cannot be put into words", stack: "" };
    }
  }

  #evaluate(code: string, file: string): QuickJSHandle {
    return this.#valueOf(this.#context.evalCode(code, file, { type: "global" }));
  }

  #call(callee: QuickJSHandle, ...args: QuickJSHandle[]): QuickJSHandle {
    return this.#valueOf(this.#context.callFunction(callee, this.#context.undefined, ...args));
  }

  #valueOf(result: VmCallResult<QuickJSHandle>): QuickJSHandle {
    if (result.error) throw new ThrownInside(this.#scope.manage(result.error));
    return this.#scope.manage(result.value);
  }
}
