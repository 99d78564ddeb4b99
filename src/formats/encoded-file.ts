// A file that is made while it is written, so that one with a gigabyte of weights never lies in memory whole.

export interface EncodedFile {
  /** Bytes of all pieces. */
  readonly size: number;
  /** The pieces in order; each is made when it is asked for. */
  readonly pieces: () => AsyncGenerator<Uint8Array>;
}
