// Two tokenizer.json files small enough to read: one over bytes, as Qwen's and Llama 3's, one with marked spaces and byte
// fallback, as Llama 2's.

/** The characters that stand for bytes 0 to 255 in byte-level vocabularies (GPT-2's bytes_to_unicode). */
function byteCharacters(): string[] {
  const isPlain = (byte: number): boolean =>
    (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || (byte >= 174 && byte <= 255);
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(isPlain(byte) ? byte : next++));
}

const special = (id: number, content: string) => ({
  id,
  content,
  single_word: false,
  lstrip: false,
  rstrip: false,
  normalized: false,
  special: true,
});

const idsOf = (tokens: readonly string[]): Record<string, number> =>
  Object.fromEntries(tokens.map((token, id) => [token, id]));

const BYTE_LEVEL_PART = { type: "ByteLevel", add_prefix_space: false, trim_offsets: false, use_regex: true };

/** Ids 0 to 255 are the bytes, 256 is special. */
export const BYTE_LEVEL = {
  version: "1.0",
  added_tokens: [special(256, "<|end|>")],
  normalizer: null,
  pre_tokenizer: BYTE_LEVEL_PART,
  post_processor: BYTE_LEVEL_PART,
  decoder: BYTE_LEVEL_PART,
  model: { type: "BPE", vocab: idsOf(byteCharacters()), merges: [] as unknown[] | undefined },
};

const byteToken = (byte: number): string => `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`;
const PIECES = ["<unk>", "<s>", "▁", "h", "i", "hi", "▁hi"];

export const SENTENCE_PIECE = {
  version: "1.0",
  added_tokens: [special(0, "<unk>"), special(1, "<s>")],
  normalizer: {
    type: "Sequence",
    normalizers: [
      { type: "Prepend", prepend: "▁" },
      { type: "Replace", pattern: { String: " " }, content: "▁" },
    ],
  },
  pre_tokenizer: null,
  post_processor: {
    type: "TemplateProcessing",
    single: [{ SpecialToken: { id: "<s>", type_id: 0 } }, { Sequence: { id: "A", type_id: 0 } }],
    pair: [],
    special_tokens: { "<s>": { id: "<s>", ids: [1], tokens: ["<s>"] } },
  },
  decoder: {
    type: "Sequence",
    decoders: [
      { type: "Replace", pattern: { String: "▁" }, content: " " },
      { type: "ByteFallback" },
      { type: "Fuse" },
      { type: "Strip", content: " ", start: 1, stop: 0 },
    ],
  },
  model: {
    type: "BPE",
    unk_token: "<unk>",
    fuse_unk: true,
    byte_fallback: true,
    vocab: idsOf([...PIECES, ...Array.from({ length: 256 }, (_, byte) => byteToken(byte))]),
    merges: ["h i", "▁ hi"],
  },
};
