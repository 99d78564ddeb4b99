import { expect, test } from "vitest";

import { RUN_STATES } from "../../src/rl/events.ts";
import { DEFAULTS } from "../../src/rl/config.ts";
import { viewAfter } from "../../src/ui/run-view.ts";
import { runWords } from "../../src/ui/run-words.ts";

test.each(RUN_STATES)("the state %s has words of its own that name the step", (state) => {
  const view = viewAfter(undefined, { type: "state", state, step: 12 });
  const { text } = runWords(view);
  expect(text).not.toContain(state === "loading" ? "step" : "undefined");
  if (state !== "loading") expect(text).toMatch(/, step 12$/);
});

test("the total is named once the settings are known", () => {
  const view = viewAfter(undefined, { type: "state", state: "running", step: 3 });
  expect(runWords({ ...view, config: DEFAULTS }).text).toBe("Training, step 3 of 60");
});

test("a run that was stopped before its last step has not finished", () => {
  const view = viewAfter(undefined, { type: "state", state: "finished", step: 3 });
  expect(runWords({ ...view, config: DEFAULTS })).toEqual({ text: "Stopped, step 3 of 60", tone: "" });
  expect(runWords({ ...view, step: 60, config: DEFAULTS }).text).toBe("Finished, step 60 of 60");
});
