// The tokenizer: published token ids, exact decoding piece by piece, and files with parts missing.

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { chatTemplateOf } from "../../src/formats/chat-template.ts";
import type { JsonObject } from "../../src/formats/json.ts";
import { IncrementalDecoder, openTokenizer } from "../../src/formats/tokenizer.ts";
import type { DecodeOptions, Tokenizer } from "../../src/formats/tokenizer.ts";
import { promptsOf } from "../../src/rl/prompts.ts";
import { fixtureJson, isShared, sharedPath, sourceOf } from "./fixtures.ts";
import { BYTE_LEVEL, SENTENCE_PIECE } from "./tiny-tokenizers.ts";

const open = (content: unknown, config?: JsonObject): Promise<Tokenizer> =>
  openTokenizer(sourceOf("tokenizer.json", content), config);

function pieces(tokenizer: Tokenizer, ids: readonly number[], options?: DecodeOptions): string[] {
  const decoder = new IncrementalDecoder(tokenizer, options);
  return [...ids.map((id) => decoder.push(id)), decoder.finish()];
}

const QWEN = "qwen2.5-tokenizer/tokenizer.json";
describe.skipIf(!isShared(QWEN))("Qwen2.5's tokenizer", async () => {
  const config = fixtureJson("qwen2.5-tokenizer/tokenizer_config.json") as JsonObject;
  const tokenizer = isShared(QWEN) ? await open(readFileSync(sharedPath(QWEN)), config) : undefined!;
  const { cases } = fixtureJson("qwen2.5-tokenizer/vectors.json") as { cases: [string, number[]][] };

  for (const [text, ids] of cases) {
    test(`gives the published ids of ${JSON.stringify(text)}, and takes them back`, () => {
      expect(tokenizer.encode(text)).toEqual(ids);
      expect(tokenizer.decode(ids)).toBe(text);
      expect(pieces(tokenizer, ids).join("")).toBe(text);
    });
  }

  test("an emoji in two tokens comes with the second", () => {
    expect(pieces(tokenizer, [26525, 223, 0])).toEqual(["", " 😁", "!", ""]);
  });

  test("special tokens are known, and left out on demand", () => {
    expect(tokenizer.eosToken).toEqual({ text: "<|im_end|>", id: 151645 });
    expect(tokenizer.padToken).toEqual({ text: "<|endoftext|>", id: 151643 });
    expect(tokenizer.vocabSize).toBe(151665);
    expect(tokenizer.decode([13048, 151645], { skipSpecialTokens: true })).toBe("Hi");
    expect(pieces(tokenizer, [13048, 151645], { skipSpecialTokens: true })).toEqual(["Hi", "", ""]);
  });

  test("a conversation becomes the ids the model was trained on", () => {
    const text = chatTemplateOf(config).render([{ role: "user", content: "Hi" }], {
      addGenerationPrompt: true,
    });
    const ids = tokenizer.encode(text);
    expect(ids.slice(-9)).toEqual([151644, 872, 198, 13048, 151645, 198, 151644, 77091, 198]);
    expect(tokenizer.decode(ids)).toBe(text);
  });
});

describe("a byte-level tokenizer", async () => {
  const tokenizer = await open(BYTE_LEVEL);

  test("takes any text there and back", () => {
    for (const text of ["", " a  b\n", "<|end|>a<|end|>", "naïve 你好 😁👨‍👩‍👧", "\0\u007f\u00ad", "don 't ."])
      expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
  });

  test("any ids come in pieces as they come at once, broken characters and unused ids too", () => {
    const bytes = [0xf0, 0x9f, 0x98, 0x81, 0xe4, 0xbd, 0x61, 0x80, 0xff, 0x20];
    for (let seed = 0; seed < 200; seed++) {
      const ids = Array.from({ length: 12 }, (_, i) => {
        const pick = Math.imul(seed * 31 + i * 17 + 7, 2654435761) >>> 24;
        return pick > 240 ? 256 + (pick % 5) : bytes[pick % bytes.length]!;
      });
      for (const skipSpecialTokens of [true, false]) {
        const joined = pieces(tokenizer, ids, { skipSpecialTokens }).join("");
        expect(joined).toBe(tokenizer.decode(ids, { skipSpecialTokens }));
      }
    }
  });

  test("ids without a token show as nothing", () => {
    expect(tokenizer.decode([97, 99999, 98])).toBe("ab");
    expect(tokenizer.decode([99999])).toBe("");
    expect(tokenizer.tokenOf(99999)).toBeUndefined();
  });
});

describe("a tokenizer that marks spaces and falls back to bytes", async () => {
  const tokenizer = await open(SENTENCE_PIECE);

  test("keeps the spaces between pieces, and puts characters together from bytes", () => {
    const ids = tokenizer.encode("hi hi 你你 hi");
    expect(tokenizer.decode(ids)).toBe("hi hi 你你 hi");
    expect(pieces(tokenizer, ids).filter(Boolean)).toEqual(["hi", " hi", " ", "你", "你", " hi"]);
  });

  test("adds the begin-of-text token on demand only", () => {
    expect(tokenizer.encode("hi", { addSpecialTokens: true })).toEqual([1, ...tokenizer.encode("hi")]);
  });
});

describe("a prompt of a model with a begin-of-text token", () => {
  const bos = { bos_token: "<s>" };
  const jinja = "{{- bos_token }}{%- for m in messages %}{{- m.role + ': ' + m.content }}{%- endfor %}";
  const messages = [{ role: "user", content: "hi" }];
  const problem = { messages, groundTruth: "", dataSource: "", question: "hi", extraInfo: {} };
  /** Adds the token to plain texts in a sequence of parts, as Llama 3's does. */
  const llama3 = {
    ...BYTE_LEVEL,
    added_tokens: [...BYTE_LEVEL.added_tokens, { ...BYTE_LEVEL.added_tokens[0]!, id: 257, content: "<s>" }],
    post_processor: {
      type: "Sequence",
      processors: [
        BYTE_LEVEL.post_processor,
        {
          ...SENTENCE_PIECE.post_processor,
          special_tokens: { "<s>": { id: "<s>", ids: [257], tokens: ["<s>"] } },
        },
      ],
    },
  };

  test.each([
    ["over bytes", llama3, 257],
    ["over pieces", SENTENCE_PIECE, 1],
  ])("%s has it once where the template writes it, and not where it does not", async (_, json, id) => {
    const tokenizer = await open(json, bos);
    const tokensOf = (source: string): readonly number[] =>
      promptsOf({ tokenizer, template: chatTemplateOf(bos, source) }, [problem], 100).prompts[0]!.tokens;
    const tokens = tokensOf(jinja);
    expect(tokens[0]).toBe(id);
    expect(tokens.filter((token) => token === id)).toEqual([id]);
    expect(tokensOf(jinja.replace("{{- bos_token }}", ""))).not.toContain(id);
    expect(tokenizer.encode("hi", { addSpecialTokens: true })[0]).toBe(id);
  });
});

describe("a damaged tokenizer is refused with the reason", () => {
  const { model, ...others } = BYTE_LEVEL;
  for (const [what, content, message] of [
    ["empty", "", /is empty/],
    ["cut off", JSON.stringify(BYTE_LEVEL).slice(0, 500), /not whole JSON: it ends inside/],
    ["another file", [], /holds a list where an object is needed/],
    ["tokenizer_config.json under this name", { eos_token: "x" }, /its "model" is nothing/],
    ["no vocabulary", { ...others, model: { ...model, vocab: 5 } }, /"model.vocab" is a number/],
    ["a token without id", { ...others, model: { ...model, vocab: { a: null } } }, /a token without id/],
    ["no merges", { ...others, model: { ...model, merges: undefined } }, /"model.merges" is nothing/],
    ["no added tokens", { ...others, model, added_tokens: null }, /"added_tokens" is nothing/],
    ["an added token without text", { ...others, model, added_tokens: [{ id: 1 }] }, /without id or content/],
    ["an unknown part", { ...BYTE_LEVEL, decoder: { type: "Foo" } }, /cannot be built: Unknown Decoder type/],
    ["merges of another kind", { ...others, model: { ...model, merges: [7] } }, /cannot be built/],
  ] as const) {
    test(what, async () => {
      await expect(open(content)).rejects.toMatchObject({
        name: "UserError",
        message: expect.stringMatching(message),
      });
    });
  }

  test("a tokenizer_config.json of another model is noticed", async () => {
    await expect(open(BYTE_LEVEL, { eos_token: { content: "</s>" } })).rejects.toThrow(
      /names eos_token "<\/s>", which tokenizer.json does not have/,
    );
    expect((await open(BYTE_LEVEL, { eos_token: { content: "<|end|>" } })).eosToken!.id).toBe(256);
    expect((await open(BYTE_LEVEL)).eosToken).toBeNull();
  });

  test("text that has no token is named", async () => {
    const words = { type: "WordPiece", unk_token: "[UNK]", vocab: { a: 0 } };
    const tokenizer = await open({ ...others, model: words, added_tokens: [] });
    expect(tokenizer.encode("a")).toEqual([0]);
    expect(() => tokenizer.encode("ab")).toThrow(/no id for "\[UNK\]"/);
  });
});
