// A verl command on the page: pasted or dropped, it says what was applied, what is kept, what nobody knows; and goes back.

import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import type { PageUnderTest } from "./browser.ts";
import { accessibilityFaults, servePage } from "./browser.ts";

let site: PageUnderTest;
let page: Page;

beforeAll(async () => {
  site = await servePage();
  await site.context.grantPermissions(["clipboard-read", "clipboard-write"]);
  page = await site.open();
  await page.getByText("2,000 to train on").waitFor();
});

afterAll(() => site?.close());

const COMMAND = `python3 -m verl.trainer.main_ppo \\
    algorithm.adv_estimator=grpo \\
    actor_rollout_ref.actor.policy_loss.loss_mode=cispo \\
    actor_rollout_ref.actor.clip_ratio_low=10 \\
    actor_rollout_ref.actor.clip_ratio_hihg=0.3 \\
    actor_rollout_ref.rollout.n=6 \\
    actor_rollout_ref.rollout.gpu_memory_utilization=0.6 \\
    actor_rollout_ref.model.path=Qwen/Qwen2.5-0.5B-Instruct \\
    trainer.n_gpus_per_node=8 \\
    trainer.total_epochs=3`;

/** Drops a file on the whole of Setup, as a hand does. */
async function dropOnSetup(name: string, text: string): Promise<void> {
  const data = await page.evaluateHandle(
    ([fileName, content]) => {
      const transfer = new DataTransfer();
      transfer.items.add(new File([content!], fileName!));
      return transfer;
    },
    [name, text],
  );
  await page.locator("gradus-setup .setup").dispatchEvent("drop", { dataTransfer: data });
}

test("a pasted command tells what became of it, and changes the recipe", async () => {
  await page.getByRole("button", { name: "Paste a verl command or YAML" }).click();
  await page.getByLabel("verl command or YAML").fill(COMMAND);
  await page.getByRole("button", { name: "Apply" }).click();
  const report = page.locator("gradus-import-report");
  await report.getByText("5 settings applied, 2 kept for a cluster, 1 unknown, 1 not taken.").waitFor();
  expect(await report.getByLabel("Unknown").innerText()).toMatch(
    /clip_ratio_hihg = 0\.3\s+There is no setting .* Did you mean actor_rollout_ref\.actor\.clip_ratio_high\?/,
  );
  expect(await report.getByLabel("Not taken").innerText()).toMatch(/model\.path = Qwen/);
  expect(await report.getByLabel(/^Kept for a cluster/).innerText()).toMatch(
    /parallelism .*gpu_memory_utilization\s+cluster trainer\.n_gpus_per_node/,
  );
  expect(await report.getByLabel("Understood in its own way").innerText()).toMatch(
    /3 epochs of 2,000 problems, 16 a step, are 375 steps/,
  );
  expect(await page.getByLabel("Group size", { exact: true }).inputValue()).toBe("6");
});

test("the settings are copied as a command that has all of it", async () => {
  await page.getByRole("button", { name: "Copy as command" }).click();
  await page.getByRole("button", { name: "Copied" }).waitFor();
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  for (const line of [
    "actor_rollout_ref.model.path=Qwen/Qwen2.5-0.5B-Instruct",
    "trainer.n_gpus_per_node=8",
    "actor_rollout_ref.rollout.n=6",
    "++actor_rollout_ref.rollout.gpu_memory_utilization=0.6",
    "trainer.total_training_steps=375",
  ])
    expect(copied).toContain(`\n  ${line}\n`);
});

test("no rule of accessibility is broken by the report", async () => {
  expect(await accessibilityFaults(page)).toEqual([]);
});

test("a dropped YAML file does the same; one that is none is refused, and nothing changes", async () => {
  await dropOnSetup("mine.yaml", "rollout:\n  n: 4\n");
  const report = page.locator("gradus-import-report");
  await report.getByText("1 setting applied.").waitFor();
  expect(await page.getByLabel("Group size", { exact: true }).inputValue()).toBe("4");
  await dropOnSetup("broken.yaml", "a: [1\nb: 2\n");
  await page
    .getByText(/is not YAML: line \d/)
    .first()
    .waitFor();
  expect(await page.getByLabel("Group size", { exact: true }).inputValue()).toBe("4");
  expect(site.faults).toEqual([]);
});
