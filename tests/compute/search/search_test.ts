import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import type { Nearest } from "../../../src/compute/mod.ts";
import { Random } from "../../../src/compute/mod.ts";
import { CpuBackend } from "../../../src/compute/cpu.ts";
import { CpuMatrix, type CpuRows, ROWS_A_TILE } from "../../../src/compute/cpu_matrix.ts";
import { nativeRuntime } from "../../../src/compute/ort.ts";
import { searchFloats } from "../../../src/compute/search/float_search.ts";
import type { Packing } from "../../../src/compute/search/exemplar_codes.ts";
import { integerLevels } from "../../../src/compute/search/integer_levels.ts";
import { searchIntegers } from "../../../src/compute/search/integer_search.ts";
import { integerProducts } from "../../../src/compute/search/products.ts";
import { normals, unitRows } from "../oracles.ts";

type Rows = Float32Array<ArrayBuffer>;

/** What `nearest` means: float64 products rounded to float32, the lowest of equals. */
function bruteForce(queries: Rows, exemplars: Rows, dim: number): Nearest {
  const rows = queries.length / dim;
  const [regions, similarities] = [new Int32Array(rows), new Float32Array(rows).fill(-Infinity)];
  for (let row = 0; row < rows; row++) {
    for (let region = 0; region < exemplars.length / dim; region++) {
      // In the order in which exactDot adds: four sums.
      const sums = [0, 0, 0, 0];
      const whole = dim - dim % 4;
      for (let j = 0; j < dim; j++) {
        sums[j < whole ? j % 4 : 0] += queries[row * dim + j] * exemplars[region * dim + j];
      }
      const similarity = Math.fround(sums[0] + sums[1] + (sums[2] + sums[3]));
      if (similarity > similarities[row]) [similarities[row], regions[row]] = [similarity, region];
    }
  }
  return { regions, similarities };
}

/** Directions in families, with a few coordinates that are much larger than the others. */
function clustered(rows: number, dim: number, seed: number, families = 30): Rows {
  const random = new Random(seed);
  const scale = Float64Array.from({ length: dim }, (_, j) => j % 61 === 7 ? 15 : 1);
  const own = new Random(7);
  const centers = Array.from({ length: families }, () => scale.map((of) => of * own.normal()));
  const data = new Float32Array(rows * dim);
  for (let row = 0; row < rows; row++) {
    const center = centers[random.integer(families)];
    for (let j = 0; j < dim; j++) data[row * dim + j] = center[j] + 0.5 * scale[j] * random.normal();
  }
  return toUnit(data, dim);
}

function toUnit(data: Rows, dim: number): Rows {
  for (let at = 0; at < data.length; at += dim) {
    const row = data.subarray(at, at + dim);
    const length = Math.hypot(...row);
    row.forEach((value, j) => row[j] = value / length);
  }
  return data;
}

function joined(...parts: readonly Rows[]): Rows {
  return Float32Array.from(parts.flatMap((part) => [...part]));
}

/** `count` rows that differ from one by a little. */
function near(row: Rows, count: number, by: number, seed: number): Rows {
  const noise = normals(count, row.length, seed);
  return toUnit(noise.map((value, i) => row[i % row.length] + by * value), row.length);
}

const one = (dim: number, seed: number) => unitRows(1, dim, seed);
const repeated = (row: Rows, times: number) => joined(...Array<Rows>(times).fill(row));

/** Queries and exemplars of one length, and what is hard about them. */
const CASES: Record<string, readonly [dim: number, queries: Rows, exemplars: Rows]> = {
  "heavy outlier coordinates": [768, clustered(300, 768, 1), clustered(700, 768, 2)],
  "rows that are exemplars": [256, joined(unitRows(90, 256, 1), unitRows(40, 256, 2)), unitRows(90, 256, 1)],
  "near-duplicates": [192, near(one(192, 3), 60, 1e-4, 1), near(one(192, 3), 500, 1e-4, 2)],
  "nearer than float32 tells": [192, near(one(192, 3), 60, 1e-8, 1), near(one(192, 3), 300, 1e-8, 2)],
  "ties": [320, joined(one(320, 3), unitRows(30, 320, 4)), joined(unitRows(9, 320, 5), repeated(one(320, 3), 40))],
  "a length that is no multiple of 256": [1000, clustered(60, 1000, 1), clustered(300, 1000, 2)],
  "a length that is no multiple of 4": [131, clustered(60, 131, 1), clustered(300, 131, 2)],
  "short rows": [3, unitRows(200, 3, 1), unitRows(500, 3, 2)],
  "one coordinate": [1, Float32Array.of(1, -1, 1), Float32Array.of(-1, -1, 1)],
  "one exemplar": [256, unitRows(40, 256, 1), unitRows(1, 256, 2)],
  "more candidates than a tile tells": [64, unitRows(50, 64, 1), near(one(64, 9), 900, 0.003, 3)],
  "a few more than a tile tells": [
    64,
    joined(near(one(64, 9), 30, 0.003, 1), unitRows(300, 64, 1)),
    joined(unitRows(200, 64, 2), near(one(64, 9), 30, 0.003, 3)),
  ],
  "opposite rows only": [128, one(128, 1), near(one(128, 1).map((value) => -value), 20, 0.1, 2)],
  "several tiles": [64, clustered(80, 64, 1), clustered(2 * ROWS_A_TILE + 100, 64, 2)],
  "several strips": [64, clustered(1300, 64, 1), clustered(300, 64, 2)],
  "rows of other lengths": [128, normals(60, 128, 1), normals(200, 128, 2).map((value, i) => value * (1 + i % 7))],
  "zeros among them": [128, joined(new Float32Array(128), unitRows(20, 128, 1)), unitRows(60, 128, 2)],
  "zeros only": [128, new Float32Array(4 * 128), new Float32Array(30 * 128)],
};

/** Full tiles are packed for the first search, or for none. */
const [AT_ONCE, NEVER]: Packing[] = [{ rows: 0, bytes: Infinity }, { rows: Infinity, bytes: Infinity }];

for (const [what, [dim, queries, exemplars]] of Object.entries(CASES)) {
  Deno.test(`integers and float32 find what float64 finds: ${what}`, async () => {
    const expected = bruteForce(queries, exemplars, dim);
    using x = new CpuMatrix(queries, queries.length / dim, dim);
    using e = new CpuMatrix(exemplars, exemplars.length / dim, dim);
    assertEquals(await searchFloats(x, e, 0), expected);
    for (const levels of [127, 64]) assertEquals(await searchIntegers(x, e, { levels }), expected);
    assertEquals(await searchIntegers(x, e, { levels: 127, packing: AT_ONCE }), expected);
  });
}

Deno.test("packed tiles follow exemplars that are appended or overwritten, also while others search", async () => {
  const dim = 64;
  const data = clustered(2 * ROWS_A_TILE + 500, dim, 2);
  using x = new CpuMatrix(clustered(100, dim, 1), 100, dim);
  using e = new CpuMatrix(new Float32Array(), 0, dim);
  const search = (packing: Packing) => searchIntegers(x, e, { levels: 127, packing });
  const check = async () => {
    const expected = await searchFloats(x, e, 0);
    // Before it is packed, together with what packs it, and after it was.
    assertEquals(await search(NEVER), expected);
    assertEquals(await Promise.all([search(AT_ONCE), search(AT_ONCE), search(NEVER)]), Array(3).fill(expected));
    assertEquals(await search(AT_ONCE), expected);
  };
  for (const rows of [4000, ROWS_A_TILE, ROWS_A_TILE + 100, 2 * ROWS_A_TILE, data.length / dim]) {
    const from = e.rows;
    e.grow(rows);
    e.view(from).set(data.subarray(from * dim, rows * dim));
    await check();
  }
  e.overwrite(10, 20).set(unitRows(10, dim, 5));
  await check();
  // Larger numbers than the second tile's scale holds.
  e.overwrite(5000, 5001).set(unitRows(1, dim, 6).map((value) => 9 * value));
  await check();
});

Deno.test("a search is of its matrices as they were when it began, whatever becomes of them meanwhile", async () => {
  const [dim, rows] = [64, ROWS_A_TILE + 50];
  const [queries, exemplars] = [clustered(200, dim, 1), clustered(rows, dim, 2)];
  const expected = bruteForce(queries, exemplars, dim);
  const becomes: ((matrix: CpuMatrix) => void)[] = [
    (matrix) => matrix.grow(3 * matrix.rows),
    (matrix) => void matrix.overwrite(0, matrix.rows).set(unitRows(matrix.rows, dim, 3)),
    (matrix) => void matrix.overwrite(5, 500).fill(NaN),
    (matrix) => matrix.dispose(),
  ];
  const wait = async (turns: number) => {
    for (let turn = 0; turn < turns; turn++) await Promise.resolve();
    // Between two products of onnxruntime's.
    if (turns > 2) await new Promise((resolve) => setTimeout(resolve));
  };
  const searches: Record<string, (x: CpuRows, e: CpuRows) => Promise<unknown>> = {
    float: (x, e) => searchFloats(x, e, 0),
    integers: async (x, e) =>
      await searchIntegers(x, e, { levels: 127, packing: NEVER }) ?? await searchFloats(x, e, 0),
    packed: async (x, e) =>
      await searchIntegers(x, e, { levels: 127, packing: AT_ONCE }) ?? await searchFloats(x, e, 0),
  };
  for (const [way, search] of Object.entries(searches)) {
    for (const [i, become] of becomes.entries()) {
      for (const turns of [0, 1, 3]) {
        for (const isOfQueries of [true, false]) {
          const x = new CpuMatrix(queries.slice(), 200, dim);
          const e = new CpuMatrix(exemplars.slice(), rows, dim);
          using readX = x.read();
          using readE = e.read();
          // The second finds what the first made of the exemplars.
          for (let run = 0; run < 2; run++) {
            const found = search(readX, readE);
            await wait(turns);
            if (run === 1) become(isOfQueries ? x : e);
            assertEquals(await found, expected, `${way} ${i} ${turns} ${isOfQueries} ${run}`);
          }
          // And one that begins when they are others already.
          assertEquals(await search(readX, readE), expected);
        }
      }
    }
  }
});

Deno.test("a bound that is too small loses exemplars", async () => {
  const [dim, queries, exemplars] = CASES["heavy outlier coordinates"];
  const expected = bruteForce(queries, exemplars, dim);
  using x = new CpuMatrix(queries, queries.length / dim, dim);
  using e = new CpuMatrix(exemplars, exemplars.length / dim, dim);
  const { regions } = (await searchIntegers(x, e, { levels: 127, share: 0 }))!;
  assert(regions.some((region, row) => region !== expected.regions[row]));
});

for (const way of ["integers", "float"] as const) {
  Deno.test(`what a search keeps follows exemplars that are appended or overwritten, ${way}`, () => assertFollows(way));
}

async function assertFollows(way: "integers" | "float"): Promise<void> {
  const [dim, rows] = [96, 700];
  const backend = new CpuBackend({ way });
  using x = backend.upload(clustered(50, dim, 1), 50, dim);
  using source = backend.upload(clustered(rows, dim, 2), rows, dim);
  using exemplars = backend.create(dim);
  const numbers = (from: number, to: number) => Int32Array.from({ length: to - from }, (_, i) => from + i);
  const check = async () => {
    const [queries, values] = [await backend.download(x), await backend.download(exemplars)];
    assertEquals(await backend.nearest(x, exemplars), bruteForce(queries, values, dim));
  };
  for (const [from, to] of [[0, 1], [1, 40], [40, 65], [65, 300], [300, 700]]) {
    backend.copyRows(source, numbers(from, to), exemplars, numbers(from, to));
    await check();
  }
  backend.copyRows(source, numbers(600, 700), exemplars, numbers(0, 100));
  await check();
  // Larger numbers than a tile's scale holds.
  using larger = backend.upload((await backend.download(source)).map((value) => 3 * value), rows, dim);
  backend.copyRows(larger, numbers(0, 10), exemplars, numbers(700, 710));
  await check();
  backend.accumulate(exemplars, source, {
    regions: Int32Array.of(5),
    offsets: Int32Array.of(0, 2),
    rows: Int32Array.of(1, 2),
  });
  await check();
  // Queries that were overwritten.
  backend.copyRows(source, numbers(0, 50), x, numbers(0, 50));
  await check();
}

Deno.test("searches that take turns score their own exemplars, also when there is no room for those of all", async () => {
  const backend = new CpuBackend({ way: "float" });
  // Of the last there are too many to be kept, and of the one before a row is longer than all that is kept.
  const shapes = [...Array.from({ length: 20 }, (_, i) => [2000 + i, 255]), [2, 2 ** 17 + 1], [5000, 256]];
  const cases = shapes.map(([rows, dim], i) => {
    const [queries, exemplars] = [unitRows(rows > 2 ? 600 : 3, dim, i + 1), unitRows(rows, dim, i + 50)];
    const few = queries.subarray(0, 5 * dim);
    return {
      x: backend.upload(queries, queries.length / dim, dim),
      few: backend.upload(few.slice(), few.length / dim, dim),
      exemplars: backend.upload(exemplars, rows, dim),
      expected: bruteForce(few, exemplars, dim),
    };
  });
  const first = (found: Nearest, { regions: { length } }: Nearest) => ({
    regions: found.regions.slice(0, length),
    similarities: found.similarities.slice(0, length),
  });
  for (let turn = 0; turn < 2; turn++) {
    const all = await Promise.all(cases.map(({ x, exemplars }) => backend.nearest(x, exemplars)));
    const fews = await Promise.all(cases.map(({ few, exemplars }) => backend.nearest(few, exemplars)));
    for (const [i, { expected }] of cases.entries()) {
      assertEquals(first(all[i], expected), expected, `${shapes[i]}`);
      assertEquals(fews[i], expected, `${shapes[i]}, few`);
    }
  }
});

Deno.test("rows that are not of ordinary size are searched in float32", async () => {
  const dim = 128;
  const integers = new CpuBackend({ way: "integers" });
  const floats = new CpuBackend({ way: "float" });
  for (const value of [NaN, Infinity, 1e25, 1e-25]) {
    const queries = unitRows(20, dim, 1).map((x, i) => i === 130 ? value : x);
    const tiny = unitRows(20, dim, 1).map((x) => x * value);
    for (const rows of [queries, tiny]) {
      const [a, b] = [rows, unitRows(40, dim, 2)].map((rows) => integers.upload(rows, rows.length / dim, dim));
      assertEquals(await integers.nearest(a, b), await floats.nearest(a, b));
      assertEquals(await integers.nearest(b, a), await floats.nearest(b, a));
    }
  }
});

Deno.test("a row of NaN has no nearest: region 0 at -Infinity", async () => {
  const backend = new CpuBackend();
  using x = backend.upload(new Float32Array(8).fill(NaN), 2, 4);
  using exemplars = backend.upload(unitRows(3, 4), 3, 4);
  assertEquals(await backend.nearest(x, exemplars), {
    regions: Int32Array.of(0, 0),
    similarities: Float32Array.of(-Infinity, -Infinity),
  });
});

Deno.test("integers that saturate are found out, and fewer bits are taken", async () => {
  const { Tensor } = await nativeRuntime();
  const exact = await integerLevels((a, b) => integerProducts.all(a, b), Tensor);
  assert(exact === 127 || exact === 64, `${exact}`);
  // What x86 without VNNI does: pairs of products are added up in 16 bits.
  const pairwise = (most: number) => (a: Tensor, b: Tensor) => {
    const [[rows, dim], [, columns]] = [a.dims, b.dims];
    const products = new Int32Array(rows * columns);
    const at = (i: number, j: number, k: number) =>
      (a.data as Uint8Array)[i * dim + j] * (b.data as Int8Array)[j * columns + k];
    for (let i = 0; i < rows; i++) {
      for (let k = 0; k < columns; k++) {
        let sum = 0;
        for (let j = 0; j < dim; j += 2) {
          sum += Math.max(-most - 1, Math.min(most, at(i, j, k) + at(i, j + 1, k)));
          sum -= 128 * ((b.data as Int8Array)[j * columns + k] + (b.data as Int8Array)[(j + 1) * columns + k]);
        }
        products[i * columns + k] = sum;
      }
    }
    return Promise.resolve(products);
  };
  assertEquals(await integerLevels(pairwise(2 ** 31 - 1), Tensor), 127);
  assertEquals(await integerLevels(pairwise(2 ** 15 - 1), Tensor), 64);
  assertEquals(await integerLevels(pairwise(2 ** 14 - 1), Tensor), undefined);
});

Deno.test("a backend says which way it searches, and why", async () => {
  const backend = new CpuBackend({ way: "integers" });
  assertEquals(backend.search, undefined);
  using x = backend.upload(unitRows(20, 128), 20, 128);
  await backend.nearest(x, x);
  assertEquals(backend.search, { way: "integers", because: "asked for" });
  const float = new CpuBackend({ way: "float" });
  await float.nearest(x, x);
  assertEquals(float.search, { way: "float", because: "asked for" });
  await assertRejects(() => Promise.try(() => new CpuBackend({ way: "double" as "float" })), RangeError, '"double"');
});

Deno.test("a backend that has searched in float only says so, whatever was measured", async () => {
  const [rows, dim] = [2000, 256];
  const backend = new CpuBackend();
  // Too long for codes.
  using x = backend.upload(clustered(rows, dim, 1).map((value) => value * 1e14), rows, dim);
  while (backend.search === undefined) await backend.nearest(x, x);
  assertEquals(backend.search.way, "float");
  assertMatch(backend.search.because, /^(no search gained by integers: )?products of .* at 1024 columns$|adds up/);
});

Deno.test("a backend chooses how it searches also where searches never pause", async () => {
  const [rows, dim] = [3000, 256];
  const backend = new CpuBackend();
  const data = clustered(rows, dim, 1);
  using x = backend.upload(data, rows, dim);
  const expected = await new CpuBackend({ way: "float" }).nearest(x, x);
  const actor = async () => {
    for (let search = 0; search < 4; search++) assertEquals(await backend.nearest(x, x), expected);
  };
  await Promise.all([actor(), actor(), actor()]);
  assertMatch(backend.search!.because, /at 256 and .* at 1024 columns|adds up/);
});

Deno.test("a large search is answered beside small ones without end", async () => {
  const [rows, dim] = [2500, 256];
  const data = clustered(rows, dim, 1);
  const expected = await new CpuBackend({ way: "float" }).nearest(...both(new CpuBackend()));
  for (const way of [undefined, "integers"] as const) {
    const backend = new CpuBackend({ way });
    const [x, e] = both(backend);
    let isOver = false;
    const actor = async () => {
      while (!isOver) await backend.nearest(x, e, rows - 200);
    };
    const actors = [actor(), actor()];
    // The work of several makes it worth a measurement.
    for (let search = 0; search < 8; search++) assertEquals(await backend.nearest(x, e), expected);
    assert(backend.search !== undefined);
    isOver = true;
    await Promise.all(actors);
  }
  function both(backend: CpuBackend) {
    return [backend.upload(data.slice(), rows, dim), backend.upload(data.slice(), rows, dim)] as const;
  }
});

type Tensor = Parameters<typeof integerProducts.all>[0];

Deno.test("a search is of the exemplars there were when it began, whatever is appended meanwhile", async () => {
  const dim = 96;
  for (const [before, after] of [[ROWS_A_TILE, ROWS_A_TILE + 100], [1000, 1010], [3900, 4200]]) {
    const all = clustered(after, dim, 2).map((value, i) => i < before * dim ? value : 20 * value);
    const queries = clustered(600, dim, 1);
    const backend = new CpuBackend({ way: "integers" });
    using x = backend.upload(queries, 600, dim);
    using source = backend.upload(all, after, dim);
    using exemplars = backend.create(dim);
    const numbers = (from: number, to: number) => Int32Array.from({ length: to - from }, (_, i) => from + i);
    backend.copyRows(source, numbers(0, before), exemplars, numbers(0, before));
    const expected = await backend.nearest(x, exemplars);
    const running = backend.nearest(x, exemplars);
    await new Promise((resolve) => setTimeout(resolve, 1));
    backend.copyRows(source, numbers(before, after), exemplars, numbers(before, after));
    const next = backend.nearest(x, exemplars);
    assertEquals(await running, expected);
    assertEquals(await next, await new CpuBackend({ way: "float" }).nearest(x, exemplars));
  }
});

Deno.test("a search begins at a whole number", async () => {
  const backend = new CpuBackend();
  using x = backend.upload(unitRows(4, 8), 4, 8);
  for (const from of [-1, 1.5, NaN]) {
    await assertRejects(() => backend.nearest(x, x, from), RangeError, "Expected the first exemplar to search");
  }
});

Deno.test("rows so long that 32 bits do not hold the products of their codes are searched in float32", async () => {
  // A number in each block that is rotated: all codes are the largest.
  const [dim, count] = [2 ** 18, 12];
  const data = new Float32Array(count * dim);
  for (let row = 0; row < count; row++) {
    for (let j = row; j < dim; j += 256) data[row * dim + j] = 1;
  }
  const backend = new CpuBackend({ way: "integers" });
  using rows = backend.upload(data, count, dim);
  const regions = Int32Array.from({ length: count }, (_, row) => row);
  assertEquals(await backend.nearest(rows, rows), { regions, similarities: new Float32Array(count).fill(dim / 256) });
});
