// verl's configuration as YAML and as a command: what people paste, what is written back, and what is refused.

import { describe, expect, test } from "vitest";
import { parse } from "yaml";

import { SeededRandom } from "../../src/common/random.ts";
import { fromVerlCommand } from "../../src/formats/verl-command.ts";
import { fromVerlYaml, toVerlYaml } from "../../src/formats/verl-config.ts";

describe("YAML", () => {
  test("nested sections and dots in names are the same keys", () => {
    const text = `
# 算法配置
algorithm:
  adv_estimator: grpo              # a comment
  use_kl_in_reward: False
actor_rollout_ref:
  actor:
    optim.lr: 1e-6
    clip_ratio_low: 3e-4
    policy_loss: {loss_mode: "seq-mean"}
    betas: [0.9, 0.99]
  rollout: {}
algorithm.filter_groups.enable: true
data.train_files: null
trainer.total_epochs: 3
path: \${actor_rollout_ref.model.path}
`;
    expect(fromVerlYaml(text)).toEqual({
      "algorithm.adv_estimator": "grpo",
      "algorithm.use_kl_in_reward": false,
      "actor_rollout_ref.actor.optim.lr": 1e-6,
      "actor_rollout_ref.actor.clip_ratio_low": 3e-4,
      "actor_rollout_ref.actor.policy_loss.loss_mode": "seq-mean",
      "actor_rollout_ref.actor.betas": [0.9, 0.99],
      "actor_rollout_ref.rollout": {},
      "algorithm.filter_groups.enable": true,
      "data.train_files": null,
      "trainer.total_epochs": 3,
      path: "${actor_rollout_ref.model.path}",
    });
  });

  test("anchors, merges and lists of mappings are understood", () => {
    const text = "base: &base {n: 5, m: 6}\nrollout:\n  <<: *base\n  m: 7\nlist: [{a: {b: 1}}, 2]\n";
    expect(fromVerlYaml(text)).toEqual({
      "base.n": 5,
      "base.m": 6,
      "rollout.n": 5,
      "rollout.m": 7,
      list: [{ a: { b: 1 } }, 2],
    });
  });

  test("is written nested, with comments above keys and sections", () => {
    const values = {
      "algorithm.adv_estimator": "grpo",
      "actor.optim.lr": 1e-6,
      "actor.clip": null,
      "algorithm.gamma": 1,
      "actor.optim.betas": [0.9, 0.99],
    };
    const comments = { actor: "Two\nlines", "actor.optim.lr": "From a paper.", missing: "never" };
    expect(toVerlYaml(values, comments)).toBe(
      [
        "algorithm:",
        "  adv_estimator: grpo",
        "  gamma: 1",
        "# Two",
        "# lines",
        "actor:",
        "  optim:",
        "    # From a paper.",
        "    lr: 0.000001",
        "    betas: [ 0.9, 0.99 ]",
        "  clip: null",
        "",
      ].join("\n"),
    );
  });

  test("values come back as they went", () => {
    const texts =
      " |null|true|yes|off|1e-7|010|1_000|0x10|.inf|~|1:30|- a|a: b|# none|two\nlines\n|'|\"|数据|${a.b}|[1]|{a: 1}|=|2024-01-01|*x|%";
    const numbers = [0, -0, 1, 1e-7, -2.5e-300, 1e21, 1.5e300, 0.1, 2 ** 53, NaN, Infinity, -Infinity];
    const others = [true, false, null, [], {}, [1, "a", null], [[1e-9], { a: "no" }]];
    const awkward = ["", ...texts.split("|"), ...numbers, ...others];
    const values = Object.fromEntries(awkward.map((value, i) => [`section.key_${i}`, value]));
    expect(fromVerlYaml(toVerlYaml(values))).toEqual(values);
  });

  test("a text of several lines is a block, and comes back to the character", () => {
    const code = "function f() {\n\tif (1) {\n    return 'ä: #';\n  }\n}\n";
    const texts = [
      code,
      code.trim(),
      `${code}\n\n`,
      " \n a\n",
      "a\r\nb",
      "\ta\n",
      "--- a\n...\n",
      "a\n😀",
      "a\n \n  b \n",
    ];
    const values = Object.fromEntries(texts.map((text, i) => [`own.v${i}`, text]));
    const text = toVerlYaml(values);
    expect(text).toContain("v0: |\n    function f() {\n");
    expect(fromVerlYaml(text)).toEqual(values);
  });

  test("a reader of YAML 1.1, as Python's is, reads the same values", () => {
    const values = {
      a: "yes",
      b: "1e-7",
      c: 1e-7,
      d: "012",
      e: "1:30",
      f: "off",
      g: 3e25,
      h: -4e-9,
      i: "null",
    };
    const text = toVerlYaml(values);
    expect(parse(text, { version: "1.1" })).toEqual(values);
    // PyYAML knows a float only by a point, and a sign after the e.
    expect(text).toMatch(/^c: 1\.0e-7$/m);
    expect(text).toMatch(/^g: 3\.0e\+25$/m);
    expect(toVerlYaml({ "rollout.n": 5, "rollout.on": "no" })).toBe('rollout:\n  n: 5\n  "on": "no"\n');
    // And a text of "=" has a type of its own there.
    expect(toVerlYaml({ a: "=", b: ["=", "x/y.z"] })).toBe('a: "="\nb: [ "=", x/y.z ]\n');
  });

  test.each([
    ["a:\n  b: 1\n c: 2\n", /not YAML: line 3, column/],
    ["a: [1, 2\nb: 3\n", /line \d/],
    ["a: 1\na: 2\n", /line 2, column 1: Map keys must be unique/],
    ["a: *missing\n", /not YAML: .*missing/],
    ["a: 1\n---\nb: 2\n", /line 2, column 1: .*multiple documents/],
    ["a.b: 1\na:\n  b: 2\n", /sets a\.b twice/],
    ["a.b: 1\na: 2\n", /sets both a and a\.b/],
    ["a..b: 1\n", /name of a setting in the top level is "a\.\.b"/],
    ["x:\n  ? [1, 2]\n  : 3\n", /name of a setting in x is a list/],
    ["", /holds no settings/],
    ["- a\n- b\n", /holds no settings/],
    ["just words", /holds no settings/],
  ])("%j is refused", (text, message) => {
    expect(() => fromVerlYaml(text)).toThrow(
      expect.objectContaining({ name: "UserError", message: expect.stringMatching(message) }),
    );
  });

  test("aliases that multiply are refused, not followed", () => {
    const ten = (word: string): string => `[${Array.from({ length: 10 }, () => word).join(", ")}]`;
    const lines = [`a0: &a0 ${ten("x")}`];
    for (let i = 1; i < 10; i++) lines.push(`a${i}: &a${i} ${ten(`*a${i - 1}`)}`);
    expect(() => fromVerlYaml(lines.join("\n"))).toThrow(/not YAML: .*alias/);
  });

  test("texts that are far too long or too deep are refused", () => {
    expect(() => fromVerlYaml("a".repeat(2e6))).toThrow(/2000000 characters/);
    // Some of these would end the process, not only the parser.
    for (const deep of [
      "[".repeat(1e5),
      `a: ${"{".repeat(5000)}`,
      "]".repeat(1e5),
      "a: }\n".repeat(3e4),
      "- ".repeat(3000),
    ])
      expect(() => fromVerlYaml(deep)).toThrow(/nested deeper than any configuration/);
    const stairs = Array.from({ length: 300 }, (_, i) => `${" ".repeat(i)}a:`);
    expect(() => fromVerlYaml(stairs.join("\n"))).toThrow(/nested deeper than any configuration/);
    expect(() => fromVerlCommand(`main_ppo a=${"[".repeat(1e5)}`)).toThrow(/too many brackets/);
  });

  test("flat values that contradict each other are not written", () => {
    expect(() => toVerlYaml({ "a.b": 1, "a.b.c": 2 })).toThrow(/sets both a\.b and a\.b\.c/);
  });
});

describe("a command", () => {
  test("of verl's documents gives its settings", () => {
    const text = `
python3 -m verl.trainer.main_ppo \\
    --config-name=ppo_megatron_trainer \\
    algorithm.adv_estimator=grpo \\
    actor_rollout_ref.actor.clip_ratio_low=3e-4 \\
    actor_rollout_ref.actor.use_kl_loss=True \\
    data.train_files=$HOME/data/gsm8k/train.parquet \\
    trainer.total_epochs=3 \\
    # ... 其他参数
`;
    expect(fromVerlCommand(text)).toEqual({
      values: {
        "algorithm.adv_estimator": "grpo",
        "actor_rollout_ref.actor.clip_ratio_low": 3e-4,
        "actor_rollout_ref.actor.use_kl_loss": true,
        "data.train_files": "${oc.env:HOME}/data/gsm8k/train.parquet",
        "trainer.total_epochs": 3,
      },
      removed: [],
      options: ["--config-name=ppo_megatron_trainer"],
      launchers: [],
    });
  });

  test("may stand in a script that sets variables", () => {
    const text = `#!/usr/bin/env bash
set -x
n=8; lr=\${LR:-1e-6}
train_path="$HOME/data/train.parquet"
train_files="['$train_path', \\"b.parquet\\"]"
CUDA_VISIBLE_DEVICES=0 PYTHONUNBUFFERED=1 python3 -m verl.trainer.main_ppo --config-path config \\
 actor_rollout_ref.rollout.n=$n actor_rollout_ref.actor.optim.lr="\${lr}" \\
 data.train_files="$train_files" \\
 trainer.logger='["console","wandb"]' trainer.experiment_name='it is '"\${unknown}" $@ 2>&1 | tee run.log
echo done`;
    expect(fromVerlCommand(text)).toEqual({
      values: {
        "actor_rollout_ref.rollout.n": 8,
        "actor_rollout_ref.actor.optim.lr": 1e-6,
        "data.train_files": ["${oc.env:HOME}/data/train.parquet", "b.parquet"],
        "trainer.logger": ["console", "wandb"],
        "trainer.experiment_name": "it is ${unknown}",
      },
      removed: [],
      options: ["--config-path=config"],
      launchers: [],
    });
  });

  test("values are those of Hydra's grammar", () => {
    for (const [text, value] of [
      ["1", 1],
      ["-2", -2],
      ["1_000", 1000],
      ["1e-6", 1e-6],
      [".5", 0.5],
      ["5.", 5],
      ["+0.25E2", 25],
      ["inf", Infinity],
      ["-inf", -Infinity],
      ["nan", NaN],
      ["null", null],
      ["None", null],
      ["True", true],
      ["false", false],
      ["yes", "yes"],
      ["1.2.3", "1.2.3"],
      ["1e", "1e"],
      ["", ""],
      ["seq-mean-token-mean", "seq-mean-token-mean"],
      ["Qwen/Qwen2.5-0.5B", "Qwen/Qwen2.5-0.5B"],
      ["a=b", "a=b"],
      ["[0.9,0.99]", [0.9, 0.99]],
      ["[]", []],
      ["[a,[b,null],{c:1}]", ["a", ["b", null], { c: 1 }]],
      ["'\"1\"'", "1"],
      [`"'a, b'"`, "a, b"],
      [`"[ 'a,b' , 2 ]"`, ["a,b", 2]],
      ["a,b", "a,b"],
      ["a\\\\,b", "a,b"],
      ["'[x\\,y]'", ["x,y"]],
    ] as const)
      expect(fromVerlCommand(`main_ppo key=${text}`).values, text).toEqual({ key: value });
  });

  test("a mapping is nested settings, and the last of equal keys counts", () => {
    const { values } = fromVerlCommand("main_ppo a.b=1 'a={b:2,c:{d:x},e:{}}' a.c.d=y");
    expect(values).toEqual({ "a.b": 2, "a.c.d": "y", "a.e": {} });
  });

  test("plus signs add, a tilde takes out", () => {
    expect(fromVerlCommand("main_ppo +a.x=1 ++b.y=2 ~c.z ~d=3")).toEqual({
      values: { "a.x": 1, "b.y": 2 },
      removed: ["c.z", "d"],
      options: [],
      launchers: [],
    });
  });

  test("settings without a command are settings", () => {
    const text = "# 算法配置\nadv_estimator=grpo\nclip_ratio_low=null\n\nactor.x=1 \\\r\n  actor.y=2\r\n";
    const expected = { adv_estimator: "grpo", clip_ratio_low: null, "actor.x": 1, "actor.y": 2 };
    expect(fromVerlCommand(text).values).toEqual(expected);
  });

  test("a line that is commented out, blanks after a backslash and a forgotten one are what people mean", () => {
    const text =
      "python3 -m verl.trainer.main_ppo \\  \n a.b=1 \\\n # a.c=2 \\\n a.d=3 \\\n # note\n a.e=4\n a.f=5\nls";
    expect(fromVerlCommand(text).values).toEqual({ "a.b": 1, "a.d": 3, "a.e": 4, "a.f": 5 });
  });

  test.each([
    ["", /holds no settings/],
    ["ls -l", /holds no settings/],
    ["python3 -m verl.trainer.main_ppo", /holds no settings/],
    ["main_ppo a=1\nmain_ppo a=2", /2 commands that start verl/],
    ["main_ppo a.b", /"a\.b" is no setting/],
    ["main_ppo =5", /"=5" is no setting/],
    ["main_ppo a=[1,2", /a: the value \[1,2 has no "[,\]]/],
    ["main_ppo a=[1}]", /a: the value \[1\}\] has no "," or "\]"/],
    ["main_ppo 'a={b}'", /a name without a value/],
    ["main_ppo 'a=[1] x'", /goes on after its end/],
    [`main_ppo "a='x"`, /a quote that does not end/],
  ])("%j is refused", (text, message) => {
    expect(() => fromVerlCommand(text)).toThrow(
      expect.objectContaining({ name: "UserError", message: expect.stringMatching(message) }),
    );
  });
});

test("whatever is pasted, the readers give settings or a UserError", () => {
  const alphabet = [
    "a",
    "b.c",
    "=",
    "1",
    ":",
    " ",
    "\n",
    "\\",
    "'",
    '"',
    "[",
    "]",
    "{",
    "}",
    ",",
    "#",
    "$",
    "${a}",
  ];
  const more = ["&x", "*x", "- ", "? ", "|", ">", "main_ppo ", "~", "+", "\t", "!!", "%", "<<: "];
  const pieces = [...alphabet, ...more];
  let read = 0;
  for (let round = 0; round < 3000; round++) {
    const random = new SeededRandom(round);
    const text = Array.from(
      { length: 1 + random.integer(20) },
      () => pieces[random.integer(pieces.length)],
    ).join("");
    for (const reader of [fromVerlYaml, fromVerlCommand]) {
      try {
        reader(text);
        read++;
      } catch (error) {
        expect((error as Error).name, JSON.stringify(text)).toBe("UserError");
      }
    }
  }
  expect(read).toBeGreaterThan(50);
});
