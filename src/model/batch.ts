// The device's copy of one micro-batch: token ids, positions, attention tiles, targets and the index lists that let
// gradients be summed without atomics. Allocated once for the token budget, overwritten per micro-batch.

import { BugError, UserError } from "../common/errors.ts";
import type { Allocator, Recorder, Tensor } from "../gpu/index.ts";
import { attentionExtents, attentionTiles } from "../ops/attention.ts";
import { groupByToken } from "../ops/embedding.ts";
import { groupByRow } from "../ops/rows.ts";
import type { MicroBatch } from "./packing.ts";

/** Words of one attention tile. */
const TILE_WORDS = 8;

/** Index tensors for at most `capacity` tokens and as many targets. */
export class DeviceBatch {
  readonly capacity: number;
  readonly vocab: number;
  /** u32[N]. */
  readonly tokens: Tensor;
  readonly positions: Tensor;
  /** u32[T,8]. */
  readonly tiles: Tensor;
  /** u32[R]: predicted token, and the input token that predicts it. */
  readonly targets: Tensor;
  readonly rows: Tensor;
  /** Targets by input token: u32[N+1], u32[R]. */
  readonly rowStarts: Tensor;
  readonly rowOrder: Tensor;
  /** Input tokens by id: unique ids u32[U], starts u32[U+1], token indices u32[N]. */
  readonly ids: Tensor;
  readonly idStarts: Tensor;
  readonly idOrder: Tensor;
  tokenCount = 0;
  targetCount = 0;
  tileCount = 0;
  idCount = 0;
  /** Mean keys that a query sees and queries that see a key: how long attention takes. */
  meanKeys = 0;
  meanQueries = 0;

  constructor(allocator: Allocator, capacity: number, vocab: number) {
    const make = (label: string, ...shape: number[]): Tensor =>
      allocator.tensor("batch", `batch.${label}`, shape, "u32");
    this.capacity = capacity;
    this.vocab = vocab;
    this.tokens = make("tokens", capacity);
    this.positions = make("positions", capacity);
    this.tiles = make("tiles", capacity, TILE_WORDS);
    this.targets = make("targets", capacity);
    this.rows = make("rows", capacity);
    this.rowStarts = make("rowStarts", capacity + 1);
    this.rowOrder = make("rowOrder", capacity);
    this.ids = make("ids", capacity);
    this.idStarts = make("idStarts", capacity + 1);
    this.idOrder = make("idOrder", capacity);
  }

  /** Uploads `batch` in order with what is recorded. Throws UserError on a token that the vocabulary does not have. */
  load(recorder: Recorder, batch: MicroBatch): void {
    if (batch.tokens.length > this.capacity || batch.targets.length > this.capacity) {
      throw new BugError(
        `a micro-batch of ${batch.tokens.length} tokens does not fit the plan's ${this.capacity}`,
      );
    }
    for (const token of [batch.tokens, batch.targets].flatMap(
      (ids) => ids.find((id) => id >= this.vocab) ?? [],
    )) {
      throw new UserError(
        `Token ${token | 0} is not in the model's vocabulary of ${this.vocab}: tokenizer and model do not belong together.`,
      );
    }
    const tiles = attentionTiles(batch.segments);
    const byRow = groupByRow(batch.rows, batch.tokens.length);
    const byToken = groupByToken(batch.tokens);
    this.tokenCount = batch.tokens.length;
    this.targetCount = batch.targets.length;
    this.tileCount = tiles.length / TILE_WORDS;
    this.idCount = byToken.ids.length;
    Object.assign(this, attentionExtents(batch.segments));
    recorder.write(this.tokens, batch.tokens);
    recorder.write(this.positions, batch.positions);
    recorder.write(this.tiles, tiles);
    recorder.write(this.targets, batch.targets);
    recorder.write(this.rows, batch.rows);
    recorder.write(this.rowStarts, byRow.starts);
    recorder.write(this.rowOrder, byRow.order);
    recorder.write(this.ids, byToken.ids);
    recorder.write(this.idStarts, byToken.starts);
    recorder.write(this.idOrder, byToken.order);
  }
}
