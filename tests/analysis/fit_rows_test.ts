import { assertEquals, assertThrows } from "@std/assert";
import { type FeatureRows, rowProducts, weightedRowSums } from "../../src/analysis/probes/feature_rows.ts";
import { trainProbe } from "../../src/analysis/mod.ts";
import { fitRows } from "../../src/analysis/probes/fit_rows.ts";
import { Random, type SparseFeatures } from "../../src/compute/mod.ts";

/** Rows without their zeros. */
function sparse({ data, rows, dim }: { data: Float32Array; rows: number; dim: number }): SparseFeatures {
  const [offsets, features, values]: number[][] = [[0], [], []];
  for (let row = 0; row < rows; row++) {
    for (let j = 0; j < dim; j++) {
      if (data[row * dim + j] === 0) continue;
      features.push(j);
      values.push(data[row * dim + j]);
    }
    offsets.push(features.length);
  }
  const [a, b] = [offsets, features].map((numbers) => Int32Array.from(numbers));
  return { rows, size: dim, offsets: a, features: b, values: Float32Array.from(values) };
}

Deno.test("products and sums of a fit are those of plain loops to the last bit, also after a larger fit", () => {
  const random = new Random(4);
  const shapes = [[40, 192, 3], [1, 1, 1], [2, 3, 1], [3, 4, 2], [4, 5, 7], [5, 6, 2], [6, 7, 12], [9, 16, 2], [
    7,
    0,
    2,
  ]];
  for (const [rows, dim, classes] of shapes) {
    // Most are zeros, and so are all numbers of some rows.
    const values = Float32Array.from({ length: rows * dim }, () => random.next() < 0.3 ? random.normal() : 0);
    const dense = { data: Float32Array.from(values, () => random.normal()), rows, dim };
    // In another order, one twice.
    const selected = Int32Array.from({ length: rows + 1 }, (_, i) => (rows + 1 - i) % rows);
    for (const [i, features] of [dense, sparse({ data: values, rows, dim }), dense].entries()) {
      const fit = fitRows(features, selected, classes);
      const weights = Float64Array.from({ length: classes * dim }, () => random.normal());
      const where = `${rows} x ${dim}, ${classes} classes, fit ${i}`;
      const products = fit.products(weights);
      assertEquals(products.slice(), rowProducts(features, selected, weights, classes), where);
      // They become factors in place.
      for (let i = 0; i < products.length; i++) products[i] = Math.exp(products[i]) / 7;
      const sums = new Float64Array(classes * dim).fill(NaN);
      fit.sums(sums);
      const right = new Float64Array(classes * dim);
      weightedRowSums(features, selected, products.slice(), classes, right);
      assertEquals(sums, right, where);
    }
  }
});

Deno.test("infinite weights leave the sums of what they do not touch as they are", () => {
  const features = { data: Float32Array.of(0, 1, 0, 2, 0, 3), rows: 3, dim: 2 };
  const fit = fitRows(features, Int32Array.of(0, 1, 2), 1);
  const products = fit.products(Float64Array.of(0, Infinity));
  assertEquals(products.slice(), Float64Array.of(Infinity, Infinity, Infinity));
  products.fill(1);
  const sums = new Float64Array(2);
  fit.sums(sums);
  assertEquals(sums, Float64Array.of(0, 6));
});

Deno.test("rows that are not whole are refused by row, in training and afterwards", () => {
  const labels = Int32Array.of(0, 1);
  const refused = (wrong: FeatureRows, row: Int32Array, sentence: string) => {
    assertThrows(() => trainProbe(wrong, labels, { rows: row, classes: 2 }), RangeError, sentence);
    assertThrows(() => probe.scores(wrong, row), RangeError, sentence);
    assertThrows(() => probe.predict(wrong, row), RangeError, sentence);
  };
  const rows = sparse({ data: Float32Array.of(0, 1, 0, 2), rows: 2, dim: 2 });
  const probe = trainProbe(rows, labels);
  const [first, second] = [Int32Array.of(0), Int32Array.of(1)];
  for (const feature of [2, -1]) {
    refused({ ...rows, features: Int32Array.of(0, feature) }, second, `row 1 has feature ${feature}`);
  }
  for (const offsets of [[0, -1, 1], [0, 2, 1], [0, 1, 3], [0, 1, 5e8]]) {
    refused({ ...rows, offsets: Int32Array.from(offsets) }, second, "but row 1 has those from");
  }
  refused({ ...rows, values: rows.values.subarray(0, 1) }, second, "Expected entries of 0 to 1 but row 1");
  refused({ ...rows, values: Float32Array.of(1, Infinity) }, second, "but row 1 has Infinity");
  for (const length of [3, 5]) {
    refused(
      { data: new Float32Array(length), rows: 2, dim: 2 },
      first,
      `Expected 2 x 2 = 4 numbers but found ${length}`,
    );
  }
  const dense = { data: Float32Array.of(1, 2, 3, NaN), rows: 2, dim: 2 };
  refused(dense, second, "but row 1 has NaN");
  // A row that nobody asks for may be what it likes.
  assertEquals(probe.predict(dense, first).length, 1);
  for (const row of [2, -1]) {
    assertThrows(
      () => probe.scores(dense, Int32Array.of(row)),
      RangeError,
      `Expected rows of 0 to 1 but found row ${row}`,
    );
  }
});
