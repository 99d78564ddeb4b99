// Scripts in the shapes that people have: variables, sums, arrays, comments between lines, launchers. All of them are read
// to the same settings, or told to be wrong, whatever is done to them.

import { describe, expect, test } from "vitest";

import { UserError } from "../../../src/common/errors.ts";
import { SeededRandom } from "../../../src/common/random.ts";
import { DEFAULTS } from "../../../src/rl/config.ts";
import { importVerlText } from "../../../src/rl/verl/import-text.ts";

const LENGTH = "data.max_response_length";
const N = "actor_rollout_ref.rollout.n";
const HIGH = "actor_rollout_ref.actor.clip_ratio_high";
const LONG = "reward.reward_kwargs.overlong_buffer_cfg";
const BUDGET = "actor_rollout_ref.actor.ppo_max_token_len_per_gpu";

const VARIABLES = `#!/usr/bin/env bash
set -xeuo pipefail

project='Numbers'; name="\${project}-small"
adv_estimator=\${ADV:-grpo}
max_prompt=$((128 * 2))
max_response=$((1024 * 2 - 24))   # tokens
buffer_len=$(( (max_response + 24) / 4 ))
responses=\${RESPONSES:-\${FEW:-6}}
export RAY_ADDRESS=\${RAY_ADDRESS:-"http://localhost:8265"}
HERE=$(cd "$(dirname "$0")" && pwd)
NODES=\${NODES:=2}
CKPTS="\${HERE}/ckpts/$(date +%F)"
if [ -z "\${DATA:-}" ]; then
  echo "no data, $name" >&2
fi
`;

const RAY = `${VARIABLES}
ray job submit --no-wait --runtime-env="\${RUNTIME_ENV}" \\
    -- python3 -m recipe.mine.main_mine \\
    algorithm.adv_estimator=$adv_estimator \\
    data.max_prompt_length=\${max_prompt} \\
    data.max_response_length="\${max_response}" \\
    actor_rollout_ref.rollout.n=\${responses} \\
    actor_rollout_ref.actor.clip_ratio_high=0.28 \\
    actor_rollout_ref.actor.ppo_max_token_len_per_gpu=$((max_prompt + max_response)) \\
    +reward.reward_kwargs.overlong_buffer_cfg.enable=True \\
    ++reward.reward_kwargs.overlong_buffer_cfg.len=\${buffer_len} \\
    reward_model.reward_manager=dapo \\
    trainer.logger='["console","wandb"]' \\
    trainer.project_name="\${project}" \\
    trainer.default_local_dir="\${CKPTS}" \\
    trainer.nnodes="\${NODES}" $@ 2>&1 | tee run.log
`;

const ARRAYS = `${VARIABLES}
DATA=(
    data.max_prompt_length=\${max_prompt}   # short
    data.max_response_length=$max_response
)
# which loss
ACTOR=(
    actor_rollout_ref.actor.clip_ratio_high=0.28
    actor_rollout_ref.actor.ppo_max_token_len_per_gpu=$((\${max_prompt} + $max_response))
)
REWARD=( +reward.reward_kwargs.overlong_buffer_cfg.enable=true )
REWARD+=(++reward.reward_kwargs.overlong_buffer_cfg.len=\${buffer_len} reward.reward_manager.name=dapo)
EXTRA=()
MORE="algorithm.adv_estimator=grpo actor_rollout_ref.rollout.n=\${responses}"

########## start ##########
PYTHONUNBUFFERED=1 python3 -m verl.trainer.main_ppo --config-path=configs --config-name='mine' \\
    "\${DATA[@]}" \\
    "\${ACTOR[@]}" \\
    # "\${OLD[@]}" \\
    "\${REWARD[@]}" \${EXTRA[@]} "\${EXTRA[@]}" $MORE \\
    trainer.logger=['console','wandb'] \\
    trainer.project_name="\${project}" trainer.nnodes=\${NODES} \\
    "trainer.default_local_dir='\${CKPTS}'" \\
    "$@"
echo done
`;

const EXPECTED = {
  "algorithm.adv_estimator": "grpo",
  "data.max_prompt_length": 256,
  [LENGTH]: 2024,
  [N]: 6,
  [HIGH]: 0.28,
  [BUDGET]: 2280,
  [`${LONG}.enable`]: true,
  [`${LONG}.len`]: 512,
};

describe("scripts", () => {
  test.each([
    ["variables, sums and a job", RAY],
    ["arrays", ARRAYS],
    ["lines that end like Windows'", RAY.replaceAll("\n", "\r\n")],
  ])("with %s are read", (_, text) => {
    const { config, kept, refused } = importVerlText(text, DEFAULTS);
    expect(config).toEqual({ ...DEFAULTS, ...EXPECTED });
    expect(kept).toMatchObject({
      "trainer.logger": ["console", "wandb"],
      "trainer.project_name": "Numbers",
      "trainer.nnodes": 2,
    });
    // What only a shell could know stays as it stands there.
    expect(kept["trainer.default_local_dir"]).toBe('$(cd "$(dirname "$0")" && pwd)/ckpts/$(date +%F)');
    expect(refused.every(({ key }) => key.startsWith("--config"))).toBe(true);
  });

  test("without the command that starts verl give the settings in them", () => {
    const arrays = ARRAYS.slice(0, ARRAYS.indexOf("##########")).slice(VARIABLES.length);
    const { applied, refused } = importVerlText(arrays, DEFAULTS);
    expect(applied).toContain(HIGH);
    expect(refused.filter(({ key }) => key.includes("."))).toEqual([
      // The variables are not there.
      expect.objectContaining({ key: "data.max_prompt_length", kind: "value" }),
      expect.objectContaining({ key: LENGTH, kind: "value" }),
      expect.objectContaining({ key: BUDGET, kind: "value" }),
      expect.objectContaining({ key: `${LONG}.len`, kind: "value" }),
    ]);
  });

  test("in the words of a launcher of one's own are read where the words are known", () => {
    const text =
      "BATCH=3 MAX_RESPONSE_LENGTH=64 bash scripts/go.sh fast --rollout-n 4 --clip_ratio_high=0.3 --dry";
    const { applied, config, refused } = importVerlText(text, DEFAULTS);
    expect(applied).toEqual([LENGTH, N, HIGH]);
    expect([config[LENGTH], config[N], config[HIGH], config["gradus.mode"]]).toEqual([64, 4, 0.3, "rl"]);
    expect(refused.map(({ key, kind }) => [key, kind])).toEqual([
      ["BATCH", "unknown"],
      ["--dry", "elsewhere"],
    ]);
  });

  test("may be assignments of Python, whose sums are left out", () => {
    const text =
      "# rates\ntau_pos = 1.5  # more\ntau_neg = tau_pos * 1.05\nloss_mode = 'sapo'\nclip_ratio_low = None\n";
    const { applied, config, refused } = importVerlText(text, DEFAULTS);
    expect(applied.map((key) => key.slice(key.lastIndexOf(".") + 1))).toEqual([
      "tau_pos",
      "loss_mode",
      "clip_ratio_low",
    ]);
    expect(config["actor_rollout_ref.actor.tau_pos"]).toBe(1.5);
    expect(refused).toEqual([]);
  });

  test("of YAML with alternatives give the first, and say so", () => {
    const text =
      "rollout:\n  n: 4\nclip_ratio_high: 0.3\n# bolder\nclip_ratio_high: 0.5\nrollout:\n  temperature: 0.9\n";
    const { config, notes } = importVerlText(text, DEFAULTS);
    expect(config).toEqual({
      ...DEFAULTS,
      [N]: 4,
      [HIGH]: 0.3,
      "actor_rollout_ref.rollout.temperature": 0.9,
    });
    expect(notes[0]).toBe("clip_ratio_high stands there 2 times: the first is taken.");
  });
});

const YAML = `
defaults: [ppo_trainer, _self_]
algorithm: {adv_estimator: grpo, filter_groups: {enable: true, metric: acc}}
actor_rollout_ref:
  actor:
    optim.lr: 1e-6
    optim: {betas: [0.9, 0.99], lr_warmup_steps: null}
    clip_ratio_high: 0.28
    policy_loss: &loss {loss_mode: gspo}
  rollout: {n: 8, temperature: 0.9}
critic: {policy_loss: *loss}
trainer: {total_epochs: 3, logger: [console], nnodes: 1}
`;

/** One to four changes: characters, cuts, repeats, or a piece of another text. */
function mutated(text: string, others: readonly string[], random: SeededRandom): string {
  let result = text;
  for (let times = random.integer(4); times >= 0; times--) {
    const [a, b] = [random.integer(result.length + 1), random.integer(result.length + 1)].toSorted(
      (x, y) => x - y,
    ) as [number, number];
    const other = others[random.integer(others.length)]!;
    const from = random.integer(other.length);
    const noise = "\\\"'`${}[]()#=:,.+~@*&|<>\n\t %-\u00e9\u0000"[random.integer(31)] ?? "x";
    const kind = random.integer(5);
    if (kind === 0) result = result.slice(0, b);
    else if (kind === 1) result = result.slice(0, a) + result.slice(b);
    else if (kind === 2) result = result.slice(0, b) + result.slice(a);
    else if (kind === 3) result = result.slice(0, a) + other.slice(from, from + 40) + result.slice(a);
    else result = result.slice(0, a) + noise.repeat(1 + random.integer(3)) + result.slice(a + 1);
  }
  return result;
}

test("2,000 damaged texts give settings that fit, or a sentence", () => {
  const texts = [
    RAY,
    ARRAYS,
    YAML,
    "./train.sh --rollout_n 4 --margin 0.2\n",
    "tau_pos = 1.0\ntau_neg = 2\n",
  ];
  let isRead = 0;
  for (let round = 0; round < 2000; round++) {
    const text = mutated(texts[round % texts.length]!, texts, new SeededRandom(round));
    try {
      const { config } = importVerlText(text, DEFAULTS, { problems: () => 100 });
      expect(Object.keys(config)).toEqual(Object.keys(DEFAULTS));
      isRead++;
    } catch (error) {
      if (!(error instanceof UserError)) throw new Error(`round ${round}: ${text}`, { cause: error });
    }
  }
  expect(isRead).toBeGreaterThan(200);
}, 60_000);

test("long texts of one character are read in no time", () => {
  const before = Date.now();
  for (const piece of [
    "$(",
    "${",
    "((",
    "\\",
    "'",
    "a=$b ",
    "$((1+",
    "[",
    "x.",
    "--a ",
    "a: ",
    "- ",
    "*",
    "#",
    "\n=",
  ])
    try {
      importVerlText(`main_ppo n=1 ${piece.repeat(2 ** 16 / piece.length)}`, DEFAULTS);
    } catch (error) {
      expect(error).toBeInstanceOf(UserError);
    }
  expect(Date.now() - before).toBeLessThan(20_000);
});
