// Metric history as JSON Lines and CSV: numbers to the bit, gaps, names that need quotes, files that were cut off.

import { describe, expect, test } from "vitest";

import { SeededRandom } from "../../src/common/random.ts";
import { fromJsonLines, toCsv, toJsonLines } from "../../src/formats/metrics-table.ts";

const awkward = [
  0,
  -0,
  0.1 + 0.2,
  5e-324,
  1.7976931348623157e308,
  -1e-7,
  1e21,
  2 ** 53,
  NaN,
  Infinity,
  -Infinity,
];

/** Any 64 bits that are a number. */
function randomDoubles(count: number): number[] {
  const random = new SeededRandom(3);
  const words = Uint32Array.from({ length: 2 * count }, () => random.integer(2 ** 32));
  return [...new Float64Array(words.buffer)];
}

describe("JSON Lines", () => {
  test("every double comes back to the bit", () => {
    const rows = [...awkward, ...randomDoubles(500)].map((value, step) => ({ step, value }));
    const back = fromJsonLines(toJsonLines(rows));
    expect(back).toHaveLength(rows.length);
    for (const [i, { value }] of rows.entries()) expect(back[i]!["value"]).toBe(value);
  });

  test("a line is JSON of its row, step first", () => {
    const text = toJsonLines([{ "actor/loss": 0.5, step: 1, 'a "b"': NaN }]);
    expect(text).toBe('{"step":1,"actor/loss":0.5,"a \\"b\\"":"NaN"}\n');
    expect(toJsonLines([])).toBe("");
  });

  test("a text cut anywhere gives the rows that are whole", () => {
    const rows = [{ step: 1, loss: 0.25 }, { step: 2, loss: 0.5 }, { step: 3 }];
    const text = toJsonLines(rows);
    for (let length = 0; length <= text.length; length++) {
      const cut = text.slice(0, length);
      const whole = [...cut.matchAll(/\}/g)].length;
      expect(fromJsonLines(cut)).toEqual(rows.slice(0, whole));
    }
  });

  test("empty lines and the line ends of Windows are fine", () => {
    expect(fromJsonLines('{"step":1}\r\n\r\n{"step":2}\r\n')).toEqual([{ step: 1 }, { step: 2 }]);
  });

  test.each([
    ['{"step":1}\n{"step":\n{"step":3}\n', /^metrics\.jsonl, line 2 is not a row/],
    ["[1]\n", /line 1 is not a row of metrics/],
    ['{"step":"7"}', /line 1: "step" is a string; a number is needed/],
    ['{"step":null}', /"step" is nothing/],
  ])("%j is refused with its line", (text, message) => {
    expect(() => fromJsonLines(text)).toThrow(message);
  });

  test("a column of any name is a column", () => {
    const [row] = fromJsonLines('{"__proto__":1,"step":2}');
    expect(Object.entries(row!)).toEqual([
      ["__proto__", 1],
      ["step", 2],
    ]);
    expect(toCsv([row!])).toBe("step,__proto__\r\n2,1\r\n");
  });
});

describe("CSV", () => {
  test("has all columns of all rows, step first, and empty cells", () => {
    const rows = [{ "actor/loss": -0, step: 1 }, { step: 2, "val/accuracy": 1e-7 }, {}];
    expect(toCsv(rows)).toBe("step,actor/loss,val/accuracy\r\n1,-0,\r\n2,,1e-7\r\n,,\r\n");
  });

  test("quotes names with commas, quotes and line ends", () => {
    expect(toCsv([{ "a,b": 1, 'c"d': 2, "e\nf": 3 }])).toBe('"a,b","c""d","e\nf"\r\n1,2,3\r\n');
  });

  test("numbers read back to the same double", () => {
    const values = [...awkward, ...randomDoubles(500)];
    const cells = toCsv(values.map((value) => ({ value })))
      .split("\r\n")
      .slice(1, -1);
    for (const [i, value] of values.entries()) expect(Number(cells[i])).toBe(value);
  });

  test("no rows make no table", () => {
    expect(toCsv([])).toBe("");
  });
});
