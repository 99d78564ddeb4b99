// Matrices a band of rows at a time, so that a large vocabulary never lies in memory whole.

/** Elements of a band: 64 MiB of floats. */
const BAND_ELEMENTS = 2 ** 24;

/** Rows `first` to `end - 1` of a matrix with `columns` columns in bands: the first row of each, and its number of rows. */
export function* bands(
  first: number,
  end: number,
  columns: number,
): Generator<readonly [row: number, rows: number]> {
  const band = Math.max(1, Math.floor(BAND_ELEMENTS / columns));
  for (let row = first; row < end; row += band) yield [row, Math.min(band, end - row)];
}
