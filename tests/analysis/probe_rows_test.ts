import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import {
  balancedRows,
  bootstrapDocuments,
  joinedRows,
  shuffledLabels,
  splitDocuments,
  strongestEntries,
  strongestOfDense,
  tokenClass,
} from "../../src/analysis/mod.ts";

Deno.test("tokens are told apart by their text", () => {
  const texts = {
    "word start": [" the", " Élan", "\tx", " дом"],
    "word part": ["ing", "The", "'s".slice(1), "дом"],
    number: ["7", " 12", "42nd", " ½"],
    space: [" ", "\n", "\t", "\n    "],
    symbol: ["'s", "):", " +", "<bos>", "\ufffd", " \ufffd", "_x", ""],
  };
  for (const [expected, all] of Object.entries(texts)) {
    for (const text of all) assertEquals(tokenClass(text), expected, JSON.stringify(text));
  }
});

Deno.test("documents are parted by kind, each on one side, by the seed", () => {
  const kinds = Array.from({ length: 50 }, (_, i) => i < 40 ? "common" : "rare");
  const tests = splitDocuments(kinds, 0.3, 1);
  const testing = (kind: string) => tests.filter((isTest, i) => isTest && kinds[i] === kind).length;
  assertEquals([testing("common"), testing("rare")], [12, 3]);
  assertEquals(splitDocuments(kinds, 0.3, 1), tests);
  assert(splitDocuments(kinds, 0.3, 2).join() !== tests.join());
  assertEquals(splitDocuments(["a", "a"], 0.01, 0).filter(Boolean).length, 1, "at least one on either side");
  assertEquals(splitDocuments(["a", "a"], 0.99, 0).filter(Boolean).length, 1);
  assertThrows(() => splitDocuments(["a", "a", "b"], 0.5, 0), RangeError, '"b" has one');
});

Deno.test("as many rows of every class, from the candidates only", () => {
  const labels = Array.from({ length: 100 }, (_, i) => i % 10 === 0 ? 1 : i % 7 === 0 ? -1 : 0);
  const rows = balancedRows(labels, 2, Array.from({ length: 50 }, (_, i) => i), 1000, 3);
  assertEquals(rows.length, 10, "five of class 1 are below 50");
  assertEquals(rows.filter((row) => labels[row] === 1).length, 5);
  assert(rows.every((row, i) => row < 50 && (i === 0 || row > rows[i - 1])));
  assertEquals(balancedRows(labels, 2, rows, 5, 3).length, 4, "two of each are at most five");
  assertThrows(() => balancedRows(labels, 3, rows, 10, 0), RangeError, "none of 2");
  assertThrows(() => balancedRows(labels, 2, rows, 1, 0), RangeError, "room for 1");
});

Deno.test("labels are exchanged among some rows, by whole documents where they belong to them", () => {
  const labels = Int32Array.from({ length: 60 }, (_, i) => i < 30 ? 0 : i < 50 ? 1 : 2);
  const documents = Int32Array.from(labels, (_, i) => Math.floor(i / 5));
  const rows = Int32Array.from({ length: 50 }, (_, i) => i);
  const byRow = shuffledLabels(labels, rows, 4);
  assertEquals([...byRow.slice(0, 50)].sort(), [...labels.slice(0, 50)]);
  assertEquals(byRow.slice(50), labels.slice(50), "others keep theirs");
  assert(byRow.join() !== labels.join());
  const byDocument = shuffledLabels(labels, rows, 4, documents);
  for (const row of rows) assertEquals(byDocument[row], byDocument[documents[row] * 5]);
  assertEquals([...byDocument.slice(0, 50)].sort(), [...labels.slice(0, 50)]);
  assert(byDocument.join() !== labels.join());
});

Deno.test("the largest entries of sparse and of dense rows are the same; parts are joined", () => {
  const dense = Float32Array.of(0, 3, 5, 3, -1, 0, 0, 0, 2, 0, 0, 7);
  const two = strongestOfDense(dense, 3, 4, 2);
  assertEquals([...two.offsets], [0, 2, 2, 4]);
  assertEquals([...two.features], [2, 1, 3, 0], "of equal values the lower column");
  assertEquals([...two.values], [5, 3, 7, 2]);
  assertEquals([...strongestEntries(two, 1).features], [2, 3]);
  const parts = [dense.slice(0, 4), dense.slice(4)].map((part) => strongestOfDense(part, part.length / 4, 4, 2));
  assertEquals(joinedRows(parts), two);
});

Deno.test("documents are resampled whole", () => {
  // Ten documents of ten rows each, all right or all wrong: the interval is that of ten answers, not of a hundred.
  const right = Array.from({ length: 10 }, (_, i) => i < 5 ? 10 : 0);
  const share = (drawn: Int32Array) => drawn.reduce((sum, i) => sum + right[i], 0) / (10 * drawn.length);
  const { mean, low, high } = bootstrapDocuments(10, share, { resamples: 4000 });
  assertEquals(mean, 0.5);
  // Binomial(10, 1/2): 2 or fewer with 5.5 %, 1 or fewer with 1.1 %.
  assertAlmostEquals(low, 0.2, 1e-9);
  assertAlmostEquals(high, 0.8, 1e-9);
  assertThrows(() => bootstrapDocuments(0, share), RangeError, "found none");
});
