// Chat templates: Qwen2.5's own text, where a template is found, and what it says when it refuses.

import { describe, expect, test } from "vitest";
import { ChatTemplate, chatTemplateOf } from "../../src/formats/chat-template.ts";
import type { JsonObject } from "../../src/formats/json.ts";
import { fixtureJson } from "./fixtures.ts";

const HI = [{ role: "user", content: "Hi" }];
const prompt = { addGenerationPrompt: true };
const rendered = (config: JsonObject, jinja?: string): string =>
  chatTemplateOf(config, jinja).render(HI, prompt);

test("Qwen2.5's template puts its system message first and starts the model's turn", () => {
  const template = chatTemplateOf(fixtureJson("qwen2.5-tokenizer/tokenizer_config.json") as JsonObject);
  const start =
    "<|im_start|>system\nYou are Qwen, created by Alibaba Cloud. You are a helpful assistant.<|im_end|>\n";
  const user = "<|im_start|>user\nHi<|im_end|>\n";
  expect(template.render(HI, prompt)).toBe(`${start}${user}<|im_start|>assistant\n`);
  expect(template.render(HI, { addGenerationPrompt: false })).toBe(`${start}${user}`);
  const brief = [{ role: "system", content: "Be brief." }, ...HI];
  expect(template.render(brief, prompt)).toBe(
    `<|im_start|>system\nBe brief.<|im_end|>\n${user}<|im_start|>assistant\n`,
  );
});

test("a file of its own wins over the one in the configuration, and of several the default is taken", () => {
  expect(rendered({ chat_template: "config" }, "own file")).toBe("own file");
  const several = [
    { name: "tool_use", template: "tools" },
    { name: "default", template: "plain" },
  ];
  expect(rendered({ chat_template: several })).toBe("plain");
});

test("special tokens are there as text, whichever way they are written, and variables may be given", () => {
  const jinja = "{{ bos_token }}{{ messages[0].content }}{{ eos_token }}{% if thinking %}...{% endif %}";
  const config = { bos_token: "<s>", eos_token: { content: "</s>", lstrip: false } };
  expect(rendered(config, jinja)).toBe("<s>Hi</s>");
  expect(chatTemplateOf(config, jinja).render(HI, { ...prompt, variables: { thinking: true } })).toBe(
    "<s>Hi</s>...",
  );
});

test("today is the same day in every render, unless a variable says another", () => {
  const jinja =
    '{%- if not date_string is defined %}{%- set date_string = strftime_now("%d %b %Y") %}{%- endif %}{{ date_string }}';
  expect(rendered({}, jinja)).toBe("26 Jul 2024");
  const variables = { date_string: "01 Jan 2026" };
  expect(chatTemplateOf({}, jinja).render(HI, { ...prompt, variables })).toBe("01 Jan 2026");
});

test("white space around statements goes as transformers lets it", () => {
  const jinja =
    "{% for message in messages %}\n  {% if true %}\n{{ message.role }}\n  {% endif %}\n{% endfor %}\n";
  expect(rendered({}, jinja)).toBe("user\n");
});

describe("a template that cannot be used says why", () => {
  test("there is none", () => {
    for (const config of [{}, { chat_template: [] }, { chat_template: "" }])
      expect(() => chatTemplateOf(config)).toThrow(/has no chat template.*no chat_template\.jinja/);
  });

  test("it is not Jinja", () => {
    expect(() => new ChatTemplate("{% if %}", {})).toThrow(/is not valid Jinja/);
    expect(() => new ChatTemplate("{{ unclosed", {})).toThrow(/is not valid Jinja/);
  });

  test("it refuses the messages in its own words", () => {
    const jinja = "{{ raise_exception('System role not supported') }}";
    expect(() => rendered({}, jinja)).toThrow(
      /refused messages with roles user: System role not supported\. /,
    );
    expect(() => rendered({}, "{{ nothing() }}")).toThrow(/chat template refused/);
  });
});
