import { assertEquals } from "@std/assert";
import { rowProducts, weightedRowSums } from "../../src/analysis/probes/feature_rows.ts";
import { fitRows } from "../../src/analysis/probes/fit_rows.ts";
import { Random } from "../../src/compute/mod.ts";

Deno.test("products and sums of a fit are those of plain loops to the last bit, also after a larger fit", () => {
  const random = new Random(4);
  const shapes = [[40, 192, 3], [1, 1, 1], [2, 3, 1], [3, 4, 2], [4, 5, 7], [5, 6, 2], [6, 7, 12], [9, 16, 2], [
    7,
    0,
    2,
  ]];
  for (const [rows, dim, classes] of shapes) {
    const data = Float32Array.from({ length: rows * dim }, () => random.normal());
    // In another order, one twice.
    const selected = Int32Array.from({ length: rows + 1 }, (_, i) => (rows + 1 - i) % rows);
    const features = { data, rows, dim };
    const fit = fitRows(features, selected, classes);
    for (let step = 0; step < 2; step++) {
      const weights = Float64Array.from({ length: classes * dim }, () => random.normal());
      const where = `${rows} x ${dim}, ${classes} classes, step ${step}`;
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
