// The address of the hub, where the browser keeps nothing.

import { afterEach, expect, test, vi } from "vitest";

import { hubUrl, keepHubUrl } from "../../src/ui/session/hub.ts";

afterEach(() => void vi.unstubAllGlobals());

test("an address counts until the page is closed where storage is blocked", () => {
  vi.stubGlobal("localStorage", undefined);
  expect(hubUrl()).toBe("https://huggingface.co");
  keepHubUrl(" https://mirror.example ");
  expect(hubUrl()).toBe("https://mirror.example");
  keepHubUrl("");
  expect(hubUrl()).toBe("https://huggingface.co");
});
