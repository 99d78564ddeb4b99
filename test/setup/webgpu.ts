// Gives the `gpu` project what a browser has: `navigator.gpu` and the WebGPU globals. Says at once, in one sentence,
// when Dawn sees no adapter, instead of failing every test.

import { requestAdapter } from "../../src/node/adapter.ts";

await requestAdapter();
