// Trains the demo model's tokenizer: byte-level byte-pair encoding over the task's own text, small enough that every word
// of the task is one token and any other text still goes there and back as bytes. Writes the files that Hugging Face and
// openTokenizer read. The result depends on stories.ts alone: other text permutes the ids, and weights no longer fit.

import { SeededRandom } from "../../common/random.ts";
import { drawProblemOf, responseOf } from "./problems.ts";

/** Rows of the embedding; ids above the tokens in use stand for nothing, as in published models. */
export const VOCAB = 512;

const SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"] as const;
const BYTES = 256;
const MOST_MERGES = VOCAB - BYTES - SPECIALS.length;
/** Problems whose text is learned from: every word of the task occurs in it many times. */
const CORPUS_PROBLEMS = 4000;
const CORPUS_SEED = 512;

/** Pieces that no merge crosses: a word or a run of signs with the space before it, one digit, one white space. */
const PIECE = " ?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+|\\s";

const TEMPLATE =
  "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}" +
  "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

export interface TokenizerFiles {
  /** tokenizer.json. */
  readonly tokenizer: Record<string, unknown>;
  /** tokenizer_config.json. */
  readonly config: Record<string, unknown>;
  /** Id of `<|im_end|>`, which ends a response. */
  readonly endId: number;
  /** Id of `<|endoftext|>`, which fills up a batch. */
  readonly padId: number;
}

/** Trains the tokenizer; the same bytes every time. */
export function trainTokenizer(): TokenizerFiles {
  const characters = byteCharacters();
  const merges = learnMerges(countPieces(corpus(), characters));
  const tokens = [...characters, ...merges.map(([left, right]) => left + right)];
  const idOf = (special: (typeof SPECIALS)[number]): number => tokens.length + SPECIALS.indexOf(special);
  return {
    tokenizer: {
      version: "1.0",
      truncation: null,
      padding: null,
      added_tokens: SPECIALS.map((content) => ({ id: idOf(content), content, ...ADDED })),
      normalizer: null,
      pre_tokenizer: {
        type: "Sequence",
        pretokenizers: [
          { type: "Split", pattern: { Regex: PIECE }, behavior: "Isolated", invert: false },
          BYTE_LEVEL,
        ],
      },
      post_processor: BYTE_LEVEL,
      decoder: BYTE_LEVEL,
      model: {
        ...BPE,
        vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
        merges: merges.map(([left, right]) => `${left} ${right}`),
      },
    },
    config: {
      added_tokens_decoder: Object.fromEntries(
        SPECIALS.map((content) => [String(idOf(content)), { content, ...ADDED }]),
      ),
      bos_token: null,
      chat_template: TEMPLATE,
      clean_up_tokenization_spaces: false,
      eos_token: "<|im_end|>",
      model_max_length: 256,
      pad_token: "<|endoftext|>",
      tokenizer_class: "PreTrainedTokenizerFast",
      unk_token: null,
    },
    endId: idOf("<|im_end|>"),
    padId: idOf("<|endoftext|>"),
  };
}

const ADDED = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true } as const;
const BYTE_LEVEL = {
  type: "ByteLevel",
  add_prefix_space: false,
  trim_offsets: false,
  use_regex: false,
} as const;
const BPE = {
  type: "BPE",
  dropout: null,
  unk_token: null,
  continuing_subword_prefix: null,
  end_of_word_suffix: null,
  fuse_unk: false,
  byte_fallback: false,
  ignore_merges: false,
} as const;

/** The character that stands for each byte in byte-level vocabularies: itself where it can be seen, else one from U+0100 on. */
function byteCharacters(): string[] {
  const isVisible = (byte: number): boolean =>
    (byte > 32 && byte < 127) || (byte > 160 && byte < 256 && byte !== 173);
  let next = 256;
  return Array.from({ length: BYTES }, (_, byte) => String.fromCharCode(isVisible(byte) ? byte : next++));
}

/** Questions with every style of response, and the roles of the chat template. */
function corpus(): string[] {
  const random = new SeededRandom(CORPUS_SEED);
  return Array.from({ length: CORPUS_PROBLEMS }, () => {
    const problem = drawProblemOf(random, "train");
    const responses = [responseOf(problem, "working"), responseOf(problem, "unmarked")];
    return ["user", problem.question, "assistant", ...responses].join("\n");
  });
}

/** How often each piece occurs, as characters that stand for its bytes. */
function countPieces(texts: readonly string[], characters: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  const encoder = new TextEncoder();
  for (const text of texts) {
    for (const [piece] of text.matchAll(new RegExp(PIECE, "gu"))) {
      const key = Array.from(encoder.encode(piece), (byte) => characters[byte]!).join("");
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
  }
  return counts;
}

type Pair = readonly [left: string, right: string];
interface Piece {
  readonly count: number;
  symbols: readonly string[];
}

/**
 * Merges the most frequent pair of neighbours again and again until every piece is one token. Of equals the first in the
 * order of code units wins, so that the order of the corpus does not matter.
 */
function learnMerges(counts: ReadonlyMap<string, number>): Pair[] {
  let pieces: Piece[] = [...counts].map(([piece, count]) => ({ symbols: Array.from(piece), count }));
  const merges: Pair[] = [];
  while (merges.length < MOST_MERGES) {
    pieces = pieces.filter(({ symbols }) => symbols.length > 1);
    if (pieces.length === 0) break;
    const pair = mostFrequentPair(pieces);
    merges.push(pair);
    for (const piece of pieces) piece.symbols = mergePair(piece.symbols, pair);
  }
  return merges;
}

function mostFrequentPair(pieces: readonly Piece[]): Pair {
  const counts = new Map<string, number>();
  for (const { symbols, count } of pieces) {
    for (let i = 0; i + 1 < symbols.length; i++) {
      const pair = `${symbols[i]} ${symbols[i + 1]}`;
      counts.set(pair, (counts.get(pair) ?? 0) + count);
    }
  }
  const [best] = [...counts].reduce((most, entry) =>
    entry[1] > most[1] || (entry[1] === most[1] && entry[0] < most[0]) ? entry : most,
  );
  return best.split(" ") as unknown as Pair;
}

function mergePair(symbols: readonly string[], [left, right]: Pair): string[] {
  const merged: string[] = [];
  for (let i = 0; i < symbols.length; i++) {
    const isPair = symbols[i] === left && symbols[i + 1] === right;
    merged.push(isPair ? left + right : symbols[i]!);
    if (isPair) i++;
  }
  return merged;
}
