// A tokenizer with the special tokens of Qwen2.5 at their ids and one token a byte, for models that are made without the
// real one: every text goes in and comes out again, only longer.

const SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"];
const FIRST_SPECIAL = 151643;

/** GPT-2's letters for bytes: printable ones stand for themselves, the others for characters from 256 on. */
function byteLetters(): string[] {
  const isPlain = (byte: number): boolean =>
    (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(isPlain(byte) ? byte : next++));
}

const byteLevel = { type: "ByteLevel", add_prefix_space: false, trim_offsets: false, use_regex: false };

const added = (content: string, i: number): object => ({
  id: FIRST_SPECIAL + i,
  content,
  single_word: false,
  lstrip: false,
  rstrip: false,
  normalized: false,
  special: true,
});

/** tokenizer.json and tokenizer_config.json. */
export const standInTokenizer = (): { readonly tokenizer: object; readonly config: object } => ({
  tokenizer: {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: SPECIAL.map(added),
    normalizer: null,
    pre_tokenizer: byteLevel,
    post_processor: null,
    decoder: byteLevel,
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      fuse_unk: false,
      byte_fallback: false,
      vocab: Object.fromEntries(byteLetters().map((letter, byte) => [letter, byte])),
      merges: [],
    },
  },
  config: {
    tokenizer_class: "Qwen2Tokenizer",
    eos_token: "<|im_end|>",
    pad_token: "<|endoftext|>",
    chat_template:
      "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}",
  },
});
