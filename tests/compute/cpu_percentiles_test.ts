import { assert, assertEquals, assertRejects } from "@std/assert";
import { type Guess, type Multiply, percentilesOf } from "../../src/compute/cpu_percentiles.ts";
import { CpuMatrix } from "../../src/compute/cpu_matrix.ts";
import { ALL_STEPS, PairCounts, type Steps } from "../../src/compute/pair_counts.ts";
import { openKernel } from "../../src/compute/wasm.ts";
import { Random } from "../../src/compute/mod.ts";
import { range } from "./oracles.ts";

const PERCENTILES = [50, 10, 0, 100, 1, 99.9, 0.1, 10, 37.3, 2, 4, 8];
type Similarity = (i: number, j: number) => number;

/** Draws of a pair, uniform in [0, 1): the same for the same pair. */
function draw(i: number, j: number): number {
  let x = Math.imul(i + 1, 0x9e3779b9) ^ Math.imul(j + 7, 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
  x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
  return ((x ^ (x >>> 15)) >>> 0) / 2 ** 32;
}

const SIMILARITIES: Readonly<Record<string, Similarity>> = {
  "spread over everything": (i, j) => 2 * draw(i, j) - 1,
  "near 0, where float32 is finer than a step": (i, j) => (draw(i, j) - 0.5) ** 9,
  "near 1, with ties": (i, j) => 1 - Math.floor(draw(i, j) * 40) * 2 ** -24,
  "all equal": () => 0.3,
  "two values, far apart": (i, j) => draw(i, j) < 0.1 ? 1 : -0.9,
  "rounded out of [-1, 1]": (i, j) => (draw(i, j) < 0.5 ? 1 : -1) * (1 + Math.floor(draw(j, i) * 3) * 2 ** -22),
  "by row": (i) => 0.9 - draw(i, 0) / 3,
};

/** Rows that say their number, which is all that {@linkcode multiply} knows of them. */
function numbered(rows: number): CpuMatrix {
  return new CpuMatrix(Float32Array.from(range(rows)), rows, 1);
}

/** Similarities of pairs of numbers. `count` is told how many are written. */
function multiply(similarity: Similarity, count: (pairs: number) => void = () => {}): Multiply {
  return (a, b, target) => {
    count(a.data.length * b.data.length);
    // A tile that was never written is no distance.
    target.fill(NaN);
    let at = 0;
    // Symmetric, as products are: the lower number first.
    for (const i of a.data) for (const j of b.data) target[at++] = similarity(Math.min(i, j), Math.max(i, j));
    return Promise.resolve();
  };
}

/** By sorting all float32 distances. */
function bySorting(rows: number, similarity: Similarity, percentiles: readonly number[]): Float64Array {
  const distances = new Float32Array(rows * (rows - 1) / 2);
  let count = 0;
  for (let i = 0; i < rows; i++) {
    for (let j = i + 1; j < rows; j++) {
      distances[count++] = Math.min(2, Math.max(0, Math.fround(1 - Math.fround(similarity(i, j)))));
    }
  }
  distances.sort();
  return Float64Array.from(percentiles, (p) => {
    const rank = p / 100 * (count - 1);
    const [below, above] = [distances[Math.floor(rank)], distances[Math.ceil(rank)]];
    return below + (rank - Math.floor(rank)) * (above - below);
  });
}

for (const [kind, similarity] of Object.entries(SIMILARITIES)) {
  Deno.test(`percentiles are exact order statistics: similarities ${kind}`, async () => {
    for (const rows of [2, 3, 5, 18, 131, 511, 700]) {
      const found = await percentilesOf(numbered(rows), PERCENTILES, multiply(similarity));
      assertEquals(found, bySorting(rows, similarity, PERCENTILES), `${rows} rows`);
    }
  });
}

Deno.test("percentiles are exact where rows are cut into tiles both ways", async () => {
  const draws = Float64Array.from({ length: 4111 }, (_, i) => draw(i, 0));
  const similarity: Similarity = (i, j) => Math.abs(draws[i] - draws[j]) - draws[i] / 3;
  const found = await percentilesOf(numbered(4111), PERCENTILES, multiply(similarity));
  assertEquals(found, bySorting(4111, similarity, PERCENTILES));
});

Deno.test("a sample of the pairs spares a second pass, and the first is little more than half of the products", async () => {
  const rows = 2000;
  for (const kind of ["spread over everything", "two values, far apart", "by row"]) {
    let products = 0;
    const counted = multiply(SIMILARITIES[kind], (pairs) => products += pairs);
    await percentilesOf(numbered(rows), [1, 2, 4, 8, 10, 50], counted);
    assert(products < 1.35 * rows * rows / 2, `${kind}: ${products} products`);
  }
});

Deno.test("guesses that miss take longer, and give the same percentiles", async () => {
  const rows = 300;
  const similarity: Similarity = (i, j) => draw(i, j) ** 2;
  const expected = bySorting(rows, similarity, PERCENTILES);
  const guesses: Record<string, (rank: number) => Steps> = {
    "all below": () => ({ first: 0, end: 2 }),
    "all above": () => ({ first: 2 ** 25, end: 2 ** 25 + 2 }),
    "between": () => ({ first: 2 ** 23, end: 2 ** 23 + 1024 }),
    "apart, in no order": (rank) => ({
      first: 2 ** 20 + (rank % 7) * 2 ** 20,
      end: 2 ** 20 + (rank % 7) * 2 ** 20 + 64,
    }),
    "none at all": () => ({ first: 2 ** 23, end: 2 ** 23 }),
    "none for some": (rank) => ({ first: 2 ** 20, end: 2 ** 20 + (rank % 3 - 1) * 2 ** 10 }),
    "overlapping": (rank) => ({ first: rank * 2, end: rank * 2 + 2 ** 12 }),
  };
  for (const [kind, steps] of Object.entries(guesses)) {
    const guess: Guess = (_, ranks) => Promise.resolve(ranks.map(steps));
    let passes = 0;
    const counted = multiply(similarity, (pairs) => passes += pairs / (256 * rows + 44 * rows));
    const found = await percentilesOf(numbered(rows), PERCENTILES, counted, undefined, guess);
    assertEquals(found, expected, kind);
    assert(passes > 1 || kind === "none at all", `${kind}: ${passes} passes`);
  }
});

Deno.test("a sample that looks beyond all distances is no harm where some lie there by rounding", async () => {
  const rows = 300;
  const similarity: Similarity = (i, j) => draw(i, j) < 0.2 ? -1 - 2 ** -22 : draw(i, j);
  const guess: Guess = (_, ranks) =>
    Promise.resolve(
      ranks.map((_, i) => i === 0 ? { first: 0, end: 1024 } : { first: ALL_STEPS.end, end: ALL_STEPS.end }),
    );
  const found = await percentilesOf(numbered(rows), PERCENTILES, multiply(similarity), undefined, guess);
  assertEquals(found, bySorting(rows, similarity, PERCENTILES));
});

Deno.test("more distances than there is room to collect are counted by bins", async () => {
  const rows = 3300;
  const draws = Float64Array.from({ length: rows }, (_, i) => draw(i, 1));
  const similarity: Similarity = (i, j) => draws[i] * draws[j] - draws[(i + j) % rows] / 2;
  const anywhere: Guess = (_, ranks) => Promise.resolve(ranks.map(() => ALL_STEPS));
  const found = await percentilesOf(numbered(rows), PERCENTILES, multiply(similarity), undefined, anywhere);
  assertEquals(found, bySorting(rows, similarity, PERCENTILES));
});

Deno.test("hundreds of percentiles are taken at a time", async () => {
  const percentiles = Array.from({ length: 401 }, (_, i) => (i * 7 % 401) / 4);
  const similarity = SIMILARITIES["spread over everything"];
  const found = await percentilesOf(numbered(600), percentiles, multiply(similarity));
  assertEquals(found, bySorting(600, similarity, percentiles));
});

Deno.test("as many percentiles as pairs are taken", async () => {
  const [rows, similarity] = [260, SIMILARITIES["spread over everything"]];
  const count = rows * (rows - 1) / 2;
  const percentiles = Array.from({ length: count }, (_, i) => 100 * i / (count - 1));
  const found = await percentilesOf(numbered(rows), percentiles, multiply(similarity));
  assertEquals(found, bySorting(rows, similarity, percentiles));
});

Deno.test("a product that is not a number is refused", async () => {
  const similarity: Similarity = (i, j) => i === 3 && j === 7 ? NaN : draw(i, j);
  for (const rows of [20, 600]) {
    await assertRejects(() => percentilesOf(numbered(rows), [100], multiply(similarity)), RangeError, "not a number");
  }
});

Deno.test("the counting kernel agrees with a plain loop, on tiles of any shape and place", () => {
  const random = new Random(5);
  const brackets = [{ first: 2 ** 20, end: 2 ** 21 }, { first: 2 ** 23, end: 2 ** 23 + 2 ** 20 }];
  for (
    const [rows, columns, diagonal] of [[1, 1, -1], [1, 16, -1], [3, 17, 0], [40, 31, -3], [9, 100, 5], [20, 50, -99]]
  ) {
    const counts = new PairCounts(Math.max(brackets.length, rows * columns));
    counts.start(brackets, true);
    const distances: number[] = [];
    for (let i = 0; i < rows * columns; i++) {
      counts.tile[i] = random.next() * 1.2 - 0.1;
      if (i % columns > Math.floor(i / columns) + diagonal) distances.push(Math.fround(1 - counts.tile[i]));
    }
    counts.add(rows, columns, diagonal);
    distances.sort((a, b) => a - b);
    const ranks = range(distances.length);
    const located = counts.locate([...ranks], distances.map(() => ({ first: 0, end: 2 ** 25 + 2 })));
    located.forEach(({ first, end }, rank) => {
      const step = Math.max(0, distances[rank] * 2 ** 24);
      assert(first <= step && step < end, `rank ${rank}: ${step} is not in ${first}..${end}`);
      const inside = brackets.some((bracket) => step >= bracket.first && step < bracket.end);
      assertEquals(end - first === 1, inside);
    });
  }
});

Deno.test("counts go on beyond 32 bits", () => {
  const { run, arrays } = openKernel("countPairs", {
    tile: ["f32", 64],
    sifted: ["f32", 64],
    bracket: ["f32", 8],
    bins: ["f64", 2],
  });
  const { tile, sifted, bracket, bins } = arrays;
  // Distances of 0 lie below the bracket of the two steps 2^23 and 2^23 + 1, in which those of 1/2 lie.
  tile.fill(1).fill(0.5, 0, 24);
  bracket.set([0.5, 0.5 + 2 ** -23]);
  new Int32Array(bracket.buffer, bracket.byteOffset).set([2 ** 23, 0, bins.byteOffset], 2);
  const below = new Float64Array(bracket.buffer, bracket.byteOffset + 24, 1);
  below[0] = bins[0] = 2 ** 32 - 1;
  for (let i = 0; i < 3; i++) {
    run.count(tile.byteOffset, 1, 64, -1, bracket.byteOffset, 1, sifted.byteOffset, 0);
  }
  assertEquals([bins[0], bins[1], below[0]], [2 ** 32 - 1 + 3 * 24, 0, 2 ** 32 - 1 + 3 * 40]);
});
