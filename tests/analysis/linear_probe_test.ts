import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { type DenseRows, oneHotRows, trainProbe } from "../../src/analysis/mod.ts";
import { Random, type SparseFeatures } from "../../src/compute/mod.ts";
import { minimise } from "../../src/analysis/probes/conjugate_gradient.ts";
import { columnMoments } from "../../src/analysis/probes/feature_rows.ts";

const EXACT = { iterations: 300, tolerance: 1e-8 };

/** Rows with correlated columns of unequal sizes, a third of the entries zero, and three noisy classes. */
function noisyRows(rows: number, dim: number): { dense: DenseRows; sparse: SparseFeatures; labels: Int32Array } {
  const random = new Random(5);
  const data = new Float32Array(rows * dim);
  const labels = new Int32Array(rows);
  for (let i = 0; i < rows; i++) {
    const common = random.normal();
    for (let j = 0; j < dim; j++) {
      if (random.integer(3) > 0) data[i * dim + j] = (1 + j) * (common + random.normal()) + 1;
    }
    labels[i] = Math.min(2, Math.max(0, Math.round(1 + common + 0.5 * random.normal())));
  }
  const offsets = new Int32Array(rows + 1);
  const [features, values]: [number[], number[]] = [[], []];
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < dim; j++) {
      if (data[i * dim + j] !== 0) (features.push(j), values.push(data[i * dim + j]));
    }
    offsets[i + 1] = features.length;
  }
  const sparse = { rows, size: dim, offsets, features: Int32Array.from(features), values: Float32Array.from(values) };
  return { dense: { data, rows, dim }, sparse, labels };
}

const close = (a: ArrayLike<number>, b: ArrayLike<number>, tolerance: number) => {
  assertEquals(a.length, b.length);
  for (let i = 0; i < a.length; i++) assertAlmostEquals(a[i], b[i], tolerance);
};

Deno.test("conjugate gradients find Rosenbrock's minimum, and stop at the tolerance", () => {
  const rosenbrock = (x: Float64Array, gradient: Float64Array) => {
    const [a, b] = [1 - x[0], x[1] - x[0] ** 2];
    gradient[0] = -2 * a - 400 * x[0] * b;
    gradient[1] = 200 * b;
    return a ** 2 + 100 * b ** 2;
  };
  const exact = minimise(rosenbrock, Float64Array.of(-1.2, 1), EXACT);
  close(exact.x, [1, 1], 1e-7);
  const rough = minimise(rosenbrock, Float64Array.of(-1.2, 1), { iterations: 1000, tolerance: 1 });
  assert(rough.gradientNorm <= 1 && rough.evaluations < exact.evaluations);
});

Deno.test("two points: the optimum under a penalty is the hand-worked one", () => {
  // With x = -1 and 1 the weights are -w/2 and w/2, and the slope of log(1 + e^-w) + l2 w^2 / 4 is 0 at w = 2
  // if l2 = 1 / (1 + e^2).
  const probe = trainProbe({ data: Float32Array.of(-1, 1), rows: 2, dim: 1 }, Int32Array.of(0, 1), {
    l2: 1 / (1 + Math.exp(2)),
    ...EXACT,
  });
  close(probe.weights, [-1, 1], 1e-7);
  close(probe.bias, [0, 0], 1e-7);
  close(probe.scores({ data: Float32Array.of(3), rows: 1, dim: 1 }), [-3, 3], 1e-6);
});

Deno.test("separable classes are told apart, also rows that were not seen", () => {
  const data = Float32Array.of(0, 5, 1, 6, 5, 0, 6, 1, -5, -5, -6, -5);
  const probe = trainProbe({ data, rows: 6, dim: 2 }, Int32Array.of(0, 0, 1, 1, 2, 2));
  const others = { data: Float32Array.of(-1, 4, 7, -1, -4, -6), rows: 3, dim: 2 };
  assertEquals([...probe.predict(others)], [0, 1, 2]);
  assertEquals([...probe.predict(others, Int32Array.of(2, 0))], [2, 0]);
});

Deno.test("one-hot features without a penalty give each cell's log odds", () => {
  // Cell 0 holds labels 0 0 0 1, cell 1 holds 0 1 1, cell 2 holds 0 1; column 3 is never used.
  const cells = Int32Array.of(0, 0, 0, 0, 1, 1, 1, 2, 2);
  const labels = Int32Array.of(0, 0, 0, 1, 0, 1, 1, 0, 1);
  const probe = trainProbe(oneHotRows(cells, 4), labels, { l2: 0, ...EXACT });
  const logits = probe.scores(oneHotRows(Int32Array.of(0, 1, 2), 4));
  close([0, 1, 2].map((c) => logits[2 * c + 1] - logits[2 * c]), [Math.log(1 / 3), Math.log(2), 0], 1e-6);
  assertEquals([probe.weights[3], probe.weights[7]], [0, 0], "a column without entries has no weight");
});

Deno.test("the gradient of the penalised loss is zero at the solution, sparse and dense rows give one answer", () => {
  const { dense, sparse, labels } = noisyRows(200, 7);
  const { variance } = columnMoments(dense, Int32Array.from(labels, (_, i) => i));
  close(columnMoments(sparse, Int32Array.from(labels, (_, i) => i)).variance, variance, 1e-9);
  for (const standardize of [false, true]) {
    const options = { l2: 0.01, standardize, ...EXACT };
    const probe = trainProbe(dense, labels, options);
    const gradient = Array.from(probe.weights, (w, at) => 0.01 * w * (standardize ? variance[at % 7] : 1));
    const biasGradient = [0, 0, 0];
    const logits = probe.scores(dense);
    for (let i = 0; i < 200; i++) {
      const raised = [0, 1, 2].map((k) => Math.exp(logits[3 * i + k]));
      const total = raised[0] + raised[1] + raised[2];
      for (let k = 0; k < 3; k++) {
        const error = (raised[k] / total - Number(labels[i] === k)) / 200;
        biasGradient[k] += error;
        for (let j = 0; j < 7; j++) gradient[7 * k + j] += error * dense.data[7 * i + j];
      }
    }
    close(gradient, new Array(21).fill(0), 1e-7);
    close(biasGradient, [0, 0, 0], 1e-8);
    close(trainProbe(sparse, labels, options).weights, probe.weights, 1e-6);
    assertEquals(trainProbe(dense, labels, options).weights, probe.weights, "a second time, to the bit");
  }
});

Deno.test("a standardised probe does not see the size of a column", () => {
  const { dense, labels } = noisyRows(200, 7);
  const larger = { ...dense, data: dense.data.map((value, i) => i % 7 === 2 ? 64 * value - 10 : value) };
  const told = (rows: DenseRows, standardize: boolean) => trainProbe(rows, labels, { standardize, l2: 0.1, ...EXACT });
  close(told(larger, true).scores(larger), told(dense, true).scores(dense), 1e-4);
  assert(Math.abs(told(larger, false).scores(larger)[0] - told(dense, false).scores(dense)[0]) > 1e-3);
});

Deno.test("of several strengths the one of best validation accuracy is taken, on whole documents", () => {
  const { dense, labels } = noisyRows(200, 7);
  const documents = Array.from(labels, (_, i) => i % 20);
  const probe = trainProbe(dense, labels, { l2: [1e-3, 100, 1], documents, seed: 2 });
  assertEquals(probe.tried.map(({ l2 }) => l2), [100, 1, 1e-3], "the strongest first");
  const best = Math.max(...probe.tried.map(({ accuracy }) => accuracy));
  assertEquals(probe.l2, probe.tried.find(({ accuracy }) => accuracy === best)!.l2);
  assert(best > probe.tried[0].accuracy, "so strong a penalty tells the most frequent class only");
  assertEquals(probe.weights, trainProbe(dense, labels, { l2: probe.l2 }).weights, "trained again on all rows");

  // A column that names the document and nothing else: by rows it validates perfectly, by documents it cannot.
  const named = oneHotRows(Int32Array.from(documents), 20);
  const byDocument = Int32Array.from(documents, (d) => d % 2);
  const rows = trainProbe(named, byDocument, { l2: [1e-3, 1e-2] });
  assertEquals(rows.tried.map(({ accuracy }) => accuracy), [1, 1]);
  assert(trainProbe(named, byDocument, { l2: [1e-3, 1e-2], documents }).tried.every(({ accuracy }) => accuracy < 1));
});

Deno.test("a probe refuses labels that are no class, no rows, other widths", () => {
  const rows = oneHotRows(Int32Array.of(0, 1), 2);
  assertThrows(() => trainProbe(rows, Int32Array.of(0)), RangeError, "2 labels");
  assertThrows(() => trainProbe(rows, Int32Array.of(0, 3), { classes: 2 }), RangeError, "row 1 has 3");
  assertThrows(() => trainProbe(rows, Int32Array.of(0, 1), { rows: new Int32Array() }), RangeError, "found none");
  assertThrows(() => trainProbe(rows, Int32Array.of(0, 1), { l2: -1 }), RangeError, "found -1");
  assertThrows(() => trainProbe(rows, Int32Array.of(0, 1), { l2: [1, 2], validation: 0 }), RangeError, "found 0");
  const probe = trainProbe(rows, Int32Array.of(0, 1));
  assertThrows(() => probe.predict(oneHotRows(Int32Array.of(0), 3)), RangeError, "rows of 2 features");
});
