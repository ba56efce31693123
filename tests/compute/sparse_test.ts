import { assertAlmostEquals, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { type ActivationRule, type Backend, Random, type SparseFeatures } from "../../src/compute/mod.ts";
import { NonFiniteRowError } from "../../src/compute/backend.ts";
import { backendTest } from "../lib/backends.ts";

/** Small whole numbers: their products are exact in float32, so that results are compared bit for bit, and ties are many. */
function integers(length: number, seed: number): Float32Array<ArrayBuffer> {
  const random = new Random(seed);
  return Float32Array.from({ length }, () => Math.floor(random.next() * 7) - 3);
}

interface Case {
  readonly x: Float32Array<ArrayBuffer>;
  readonly encoder: Float32Array<ArrayBuffer>;
  readonly bias: Float32Array<ArrayBuffer>;
  readonly dim: number;
}

function randomCase(rows: number, size: number, dim: number): Case {
  return { x: integers(rows * dim, 1), encoder: integers(size * dim, 2), bias: integers(size, 3), dim };
}

/** What the rule means, by plain loops and a full sort. */
function activeOf({ x, encoder, bias, dim }: Case, { thresholds, most = Infinity }: ActivationRule): SparseFeatures {
  const [rows, size] = [x.length / dim, bias.length];
  const kept = Array.from({ length: rows }, (_, row) =>
    Array.from({ length: size }, (_, feature) => {
      let value = bias[feature];
      for (let d = 0; d < dim; d++) value += x[row * dim + d] * encoder[feature * dim + d];
      return { feature, value };
    })
      .filter(({ feature, value }) => value > thresholds[feature])
      .toSorted((a, b) => b.value - a.value || a.feature - b.feature)
      .slice(0, most)
      .toSorted((a, b) => a.feature - b.feature));
  const offsets = new Int32Array(rows + 1);
  kept.forEach((row, i) => offsets[i + 1] = offsets[i] + row.length);
  return {
    rows,
    size,
    offsets,
    features: Int32Array.from(kept.flat(), ({ feature }) => feature),
    values: Float32Array.from(kept.flat(), ({ value }) => value),
  };
}

async function activate(backend: Backend, { x, encoder, bias, dim }: Case, rule: ActivationRule) {
  const [rows, weights] = [backend.upload(x, x.length / dim, dim), backend.upload(encoder, bias.length, dim)];
  try {
    return await backend.activate(rows, weights, bias, rule);
  } finally {
    rows.dispose();
    weights.dispose();
  }
}

backendTest("activate agrees with plain loops for every odd shape and rule, ties included", async (backend) => {
  for (
    const [rows, size, dim] of [[0, 5, 3], [1, 1, 1], [1, 300, 2], [300, 1, 2], [3, 64, 4], [65, 257, 17], [
      130,
      600,
      192,
    ]]
  ) {
    const given = randomCase(rows, size, dim);
    const spread = Float32Array.from({ length: size }, (_, feature) => feature % 5 === 4 ? Infinity : feature % 3);
    for (const thresholds of [new Float32Array(size), spread]) {
      for (const most of [undefined, 1, 2, 7, 1000]) {
        assertEquals(await activate(backend, given, { thresholds, most }), activeOf(given, { thresholds, most }));
      }
    }
  }
}, { chunked: true });

backendTest("a value at its threshold is not active, and equal values go to the lowest features", async (backend) => {
  // One coordinate: the products are the encoder's numbers.
  const encoder = Float32Array.of(2, 1, 2, 3, -5, 2, 3, 2);
  const given = { x: Float32Array.of(1, 0, -1), encoder, bias: new Float32Array(8), dim: 1 };
  const thresholds = Float32Array.of(0, 1, 0, 0, 0, 2, 0, 0);
  assertEquals(await activate(backend, given, { thresholds, most: 4 }), {
    rows: 3,
    size: 8,
    offsets: Int32Array.of(0, 4, 4, 5),
    features: Int32Array.of(0, 2, 3, 6, 4),
    values: Float32Array.of(2, 2, 3, 3, 5),
  });
});

backendTest("top-k among hundreds of equal values keeps the first", async (backend) => {
  const [size, dim] = [700, 192];
  const given = {
    x: new Float32Array(3 * dim).fill(1),
    encoder: new Float32Array(size * dim).fill(1),
    bias: new Float32Array(size),
    dim,
  };
  given.bias[650] = 1;
  const { offsets, features, values } = await activate(backend, given, { thresholds: new Float32Array(size), most: 4 });
  assertEquals(offsets, Int32Array.of(0, 4, 8, 12));
  assertEquals(features.slice(0, 4), Int32Array.of(0, 1, 2, 650));
  assertEquals(values.slice(0, 4), Float32Array.of(dim, dim, dim, dim + 1));
}, { chunked: true });

backendTest("rows of which every feature is active come whole, the first time and again", async (backend) => {
  const [rows, size, dim] = [90, 500, 3];
  const given = randomCase(rows, size, dim);
  given.bias.fill(100);
  const rule = { thresholds: new Float32Array(size) };
  const [x, encoder] = [backend.upload(given.x, rows, dim), backend.upload(given.encoder, size, dim)];
  const first = await backend.activate(x, encoder, given.bias, rule);
  assertEquals(first.features.length, rows * size);
  assertEquals(first, activeOf(given, rule));
  assertEquals(await backend.activate(x, encoder, given.bias, rule), first);
  x.dispose();
  encoder.dispose();
}, { chunked: true });

backendTest("more rows than a dispatch is wide", async (backend) => {
  const given = randomCase(66_000, 3, 4);
  const rule = { thresholds: Float32Array.of(0, 4, 9) };
  assertEquals(await activate(backend, given, rule), activeOf(given, rule));
});

backendTest("a row that is not finite is named, the first of several", async (backend) => {
  const given = randomCase(300, 70, 192);
  const rule = { thresholds: new Float32Array(70) };
  for (const bad of [NaN, Infinity, -Infinity]) {
    given.x[299 * 192] = bad;
    given.x[201 * 192 + 5] = bad;
    const error = await assertRejects(() => activate(backend, given, rule), NonFiniteRowError);
    assertEquals(error.row, 201);
  }
}, { chunked: true });

backendTest("combine adds each row's vectors to the bias", async (backend) => {
  const [size, dim] = [400, 190];
  const [vectors, bias] = [integers(size * dim, 4), integers(dim, 5)];
  const features = activeOf(randomCase(150, size, 3), { thresholds: new Float32Array(size), most: 9 });
  using matrix = backend.upload(vectors, size, dim);
  using sums = backend.combine(features, matrix, bias);
  assertEquals([sums.rows, sums.dim], [150, dim]);
  const result = await backend.download(sums);
  for (let row = 0; row < features.rows; row++) {
    for (let d = 0; d < dim; d++) {
      let expected = bias[d];
      for (let i = features.offsets[row]; i < features.offsets[row + 1]; i++) {
        expected += features.values[i] * vectors[features.features[i] * dim + d];
      }
      assertEquals(result[row * dim + d], expected);
    }
  }
}, { chunked: true });

backendTest("combine gives the bias to a row without features, and no rows to none", async (backend) => {
  using matrix = backend.upload(Float32Array.of(1, 2, 3, 4), 2, 2);
  const empty = { size: 2, features: new Int32Array(), values: new Float32Array() };
  const bias = Float32Array.of(7, 8);
  using two = backend.combine({ rows: 2, offsets: new Int32Array(3), ...empty }, matrix, bias);
  assertEquals(await backend.download(two), Float32Array.of(7, 8, 7, 8));
  using none = backend.combine({ rows: 0, offsets: new Int32Array(1), ...empty }, matrix, bias);
  assertEquals(await backend.download(none), new Float32Array());
});

backendTest("encoding and decoding an identity gives the positive part back", async (backend) => {
  const dim = 5;
  const identity = Float32Array.from({ length: dim * dim }, (_, i) => Number(i % (dim + 1) === 0));
  const given = { x: Float32Array.of(0.1, -2, 3e-9, 7e8, -0), encoder: identity, bias: new Float32Array(dim), dim };
  const features = await activate(backend, given, { thresholds: new Float32Array(dim) });
  using matrix = backend.upload(identity, dim, dim);
  using decoded = backend.combine(features, matrix, new Float32Array(dim));
  (await backend.download(decoded)).forEach((value, d) => assertAlmostEquals(value, Math.max(0, given.x[d]), 1e-12));
});

backendTest("what does not fit is refused", async (backend) => {
  const [x, encoder] = [backend.upload(new Float32Array(6), 2, 3), backend.upload(new Float32Array(12), 4, 3)];
  const other = backend.upload(new Float32Array(8), 4, 2);
  const [bias, thresholds] = [new Float32Array(4), new Float32Array(4)];
  await assertRejects(() => backend.activate(x, other, bias, { thresholds }), RangeError, "length 2");
  await assertRejects(() => backend.activate(x, encoder, new Float32Array(3), { thresholds }), RangeError, "found 3");
  for (const bad of [-1, NaN]) {
    const rule = { thresholds: Float32Array.of(0, 0, bad, 0) };
    await assertRejects(() => backend.activate(x, encoder, bias, rule), RangeError, `feature 2 has ${bad}`);
  }
  for (const most of [0, 1.5, -1]) {
    await assertRejects(() => backend.activate(x, encoder, bias, { thresholds, most }), RangeError, `found ${most}`);
  }
  const features = activeOf(randomCase(2, 4, 3), { thresholds });
  assertThrows(() => backend.combine({ ...features, size: 5 }, encoder, new Float32Array(3)), RangeError, "found 5");
  assertThrows(() => backend.combine(features, encoder, bias), RangeError, "found 4");
  const outside = {
    rows: 1,
    size: 4,
    offsets: Int32Array.of(0, 1),
    features: Int32Array.of(4),
    values: Float32Array.of(1),
  };
  assertThrows(() => backend.combine(outside, encoder, new Float32Array(3)), RangeError, "features 0 to 3");
  const none = backend.create(3);
  await assertRejects(() => backend.activate(x, none, bias, { thresholds }), RangeError, "at least one feature");
  assertThrows(() => backend.combine({ ...features, size: 0 }, none, bias), RangeError, "at least one feature");
  for (const matrix of [x, encoder, other, none]) matrix.dispose();
});
