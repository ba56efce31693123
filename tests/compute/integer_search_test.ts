import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Random } from "../../src/compute/mod.ts";
import { gpuDevice } from "../../src/compute/device.ts";
import { bitsOf, Commands, GpuContext } from "../../src/compute/webgpu_commands.ts";
import { isCrowded, nearestByIntegers } from "../../src/compute/webgpu_integer_search.ts";
import { WebGpuMatrix } from "../../src/compute/webgpu_matrix.ts";
import { nearest } from "../../src/compute/webgpu_products.ts";
import { QuantisedRows, roundingOf } from "../../src/compute/webgpu_quantised.ts";
import { accumulate, copyRows, upload } from "../../src/compute/webgpu_rows.ts";
import { TINY_CHUNK_BYTES, webgpuTest } from "../lib/backends.ts";
import { normals, range, similaritiesOf, unitRows } from "./oracles.ts";

type Rows = Float32Array<ArrayBuffer>;

/** Queries and exemplars of one length. */
interface Search {
  readonly dim: number;
  readonly x: Rows;
  readonly e: Rows;
  readonly from?: number;
}

/** Groups of eight exemplars that are compared with a query at most, and one more. */
const TOO_MANY = 8 * (128 + 2);

const context = async (chunkBytes = 2 ** 27) => new GpuContext(await gpuDevice(), chunkBytes);
const shared = new Map<number | undefined, Promise<GpuContext>>();

/** A context that tests share: its kernels are compiled once. */
function sharedContext(chunkBytes?: number): Promise<GpuContext> {
  const known = shared.get(chunkBytes) ?? context(chunkBytes);
  shared.set(chunkBytes, known);
  return known;
}

/** Families of unit rows with a few coordinates far larger than the others, as activations of trained models have them. */
function families(rows: number, dim: number, seed: number): Rows {
  const random = new Random(seed);
  const centers = normals(20, dim, 7);
  const data = new Float32Array(rows * dim);
  for (let row = 0; row < rows; row++) {
    const family = random.integer(20);
    for (let d = 0; d < dim; d++) {
      const outlier = d % 29 === 3 ? 30 : 1;
      data[row * dim + d] = outlier * (centers[family * dim + d] + 0.5 * random.normal());
    }
  }
  return normalised(data, dim);
}

function normalised(data: Rows, dim: number): Rows {
  for (let start = 0; start < data.length; start += dim) {
    const row = data.subarray(start, start + dim);
    const length = Math.hypot(...row);
    row.forEach((value, d) => row[d] = value / length);
  }
  return data;
}

/** Copies of rows that differ from them by a little, different for each. */
function nearCopies(of: Rows, dim: number, copies: number, least: number, seed: number): Rows {
  const noise = normals(copies, dim, seed);
  const rows = of.length / dim;
  const data = Float32Array.from(noise, (value, i) => {
    const row = Math.floor(i / dim);
    return of[row % rows * dim + i % dim] + value * least * 10 ** (row % 4) / Math.sqrt(dim);
  });
  return normalised(data, dim);
}

/** Both ways' answers. */
async function bothWays({ dim, x, e, from = 0 }: Search, chunkBytes?: number, allowance?: number) {
  const gpu = await sharedContext(chunkBytes);
  using queries = upload(gpu, x, x.length / dim, dim);
  using exemplars = upload(gpu, e, e.length / dim, dim);
  return {
    integers: await nearestByIntegers(gpu, queries, exemplars, from, allowance),
    float: await nearest(gpu, queries, exemplars, from),
  };
}

const allBits = (values: Float32Array) => new Uint32Array(values.slice().buffer);

/** In how many queries the two answers differ, by region or by any bit of the similarity. */
function differences({ integers, float }: Awaited<ReturnType<typeof bothWays>>): number {
  const [a, b] = [allBits(integers.similarities), allBits(float.similarities)];
  return a.filter((bits, row) => bits !== b[row] || integers.regions[row] !== float.regions[row]).length;
}

async function assertSame(search: Search, chunkBytes?: number): Promise<void> {
  const found = await bothWays(search, chunkBytes);
  assertEquals(found.integers.regions, found.float.regions);
  assertEquals(allBits(found.integers.similarities), allBits(found.float.similarities));
}

/** Asserts that the integers' answer is float64's, but for float32's rounding of sums. */
async function assertNearest(search: Search): Promise<void> {
  const { dim, x, e, from = 0 } = search;
  const { regions, similarities } = (await bothWays(search)).integers;
  const all = similaritiesOf(x, e, dim);
  const [longest, count] = [(rows: Rows) => Math.max(...lengths(rows, dim)), e.length / dim];
  const rounding = (dim + 1) * 2 ** -24 * longest(x) * longest(e);
  regions.forEach((region, row) => {
    const own = all.subarray(row * count, (row + 1) * count);
    const best = Math.max(...own.subarray(from));
    assert(
      region >= from && own[region] >= best - 2 * rounding,
      `row ${row}: ${region} has ${own[region]}, not ${best}`,
    );
    assert(
      Math.abs(similarities[row] - own[region]) <= rounding,
      `row ${row}: ${similarities[row]} for ${own[region]}`,
    );
  });
}

function lengths(rows: Rows, dim: number): number[] {
  return Array.from(
    { length: rows.length / dim },
    (_, row) => Math.hypot(...rows.subarray(row * dim, (row + 1) * dim)),
  );
}

/** What a filter could get wrong. */
const SEARCHES: Record<string, () => Search[]> = {
  "odd shapes": () =>
    [[1, 1, 1], [2, 1, 192], [70, 1, 300], [63, 65, 3], [64, 64, 17], [65, 300, 100], [40, 300, 257], [5, 130, 1100]]
      .map(([rows, exemplars, dim]) => ({ dim, x: unitRows(rows, dim), e: unitRows(exemplars, dim, 2) })),
  "heavy outliers": () => [192, 257, 512].map((dim) => ({ dim, x: families(150, dim, 1), e: families(500, dim, 2) })),
  "near-duplicates": () => {
    const [dim, own] = [192, families(12, 192, 3)];
    return [1e-7, 1e-5, 1e-3].map((least) => ({
      dim,
      x: nearCopies(own, dim, 90, least, 4),
      e: nearCopies(own, dim, 600, least, 5),
    }));
  },
  "exact ties": () => {
    const [dim, e] = [192, families(350, 192, 1)];
    const ten = e.slice(0, 10 * dim);
    for (let copy = 1; copy < 5; copy++) e.set(ten, copy * 70 * dim);
    return [0, 5, 150].map((from) => ({ dim, x: ten, e, from }));
  },
  "rows that are exemplars": () => [{ dim: 100, x: families(300, 100, 1), e: families(300, 100, 1) }],
  "exemplars from a number on": () =>
    [1, 63, 64, 77, 299].map((from) => ({ dim: 192, x: families(70, 192, 1), e: families(300, 192, 2), from })),
  "rows of one coordinate, and of whole numbers": () => [{
    dim: 128,
    x: Float32Array.from({ length: 128 * 128 }, (_, i) => i % 129 === 0 ? 1 : 0),
    e: Float32Array.from({ length: 200 * 128 }, (_, i) => i * 7919 % 255 - 127),
  }],
  "rows of any length": () => {
    const [dim, scales] = [64, [1e-6, 1e-3, 1, 1e3, 1e6]];
    const scaled = (rows: Rows) => rows.map((value, i) => value * scales[Math.floor(i / dim) % scales.length]);
    return [{ dim, x: scaled(families(100, dim, 1)), e: families(300, dim, 2) }];
  },
  "more candidates than the list has room for": () => {
    const [dim, same] = [64, unitRows(1, 64)];
    const e = Float32Array.from({ length: (TOO_MANY + 300) * dim }, (_, i) => same[i % dim]);
    // Others before and behind; queries of both kinds in turns.
    const others = families(300, dim, 3);
    e.set(others.subarray(0, 150 * dim));
    e.set(others.subarray(150 * dim), (TOO_MANY + 150) * dim);
    const x = families(200, dim, 3);
    for (let row = 0; row < 200; row += 3) x.set(same, row * dim);
    return [0, 200].map((from) => ({ dim, x, e, from }));
  },
};

for (const [name, searches] of Object.entries(SEARCHES)) {
  webgpuTest(`integers find what float32 finds, to the byte: ${name}`, async () => {
    for (const search of searches()) {
      for (const chunkBytes of [undefined, TINY_CHUNK_BYTES]) await assertSame(search, chunkBytes);
    }
  });
  webgpuTest(`integers find what float64 finds, but for rounding: ${name}`, async () => {
    for (const search of searches()) await assertNearest(search);
  });
}

webgpuTest("rows that cannot be bounded are answered as float32 answers them", async () => {
  const [dim, extremes] = [96, [0, NaN, Infinity, -Infinity, 1e-38, 1e-32, 3e9, 1e30, 3e38]];
  const withExtremes = (rows: Rows) => {
    extremes.forEach((value, i) => {
      const row = rows.subarray((3 * i + 2) * dim, (3 * i + 3) * dim);
      // Half of them have one such coordinate, the others consist of them.
      if (i % 2 === 0) row.fill(value);
      else row[i] = value;
    });
    return rows;
  };
  const plain = [families(100, dim, 1), families(TOO_MANY + 100, dim, 2)] as const;
  const [x, e] = [withExtremes(plain[0].slice()), withExtremes(plain[1].slice())];
  for (const search of [{ x, e: plain[1] }, { x: plain[0], e }, { x, e }, { x, e: e.slice(0, 40 * dim) }]) {
    for (const chunkBytes of [undefined, TINY_CHUNK_BYTES]) await assertSame({ dim, ...search }, chunkBytes);
  }
});

webgpuTest("there may be more exemplars than a GPU runs workgroups in one dimension", async () => {
  const e = Float32Array.from({ length: 66_000 }, (_, row) => row === 65_900 ? 2 : row % 3 - 1.5);
  await assertSame({ dim: 1, x: Float32Array.of(-1, 1, 0.3), e });
});

webgpuTest("bounds are above all products of their groups, and not far", async () => {
  const gpu = await sharedContext();
  for (
    const search of [...SEARCHES["heavy outliers"](), ...SEARCHES["rows of one coordinate, and of whole numbers"]()]
  ) {
    const { dim, x, e } = search;
    const [rows, count] = [x.length / dim, e.length / dim];
    using queries = upload(gpu, x, rows, dim);
    using exemplars = upload(gpu, e, count, dim);
    const groups = Math.ceil(count / 64) * 8;
    const boundsWith = async (allowance: number) => {
      const commands = new Commands(gpu);
      const bounds = commands.temporary(rows * groups * 4);
      const [left, right] = [queries, exemplars].map((matrix) => QuantisedRows.of(gpu, commands, matrix));
      const parts = [...left.part(queries.chunks()[0]), ...right.part(exemplars.chunks()[0])];
      const factors = [roundingOf(left.width), allowance].map(bitsOf);
      const sizes = [rows, 0, count, left.width / 16, 0, groups, ...factors];
      commands.dispatch("similarityBounds", [...parts, bounds], sizes, [Math.ceil(rows / 64), groups / 8]);
      return new Float32Array(await commands.read([{ buffer: bounds, offset: 0, size: rows * groups * 4 }]));
    };
    const [products, longest] = [similaritiesOf(x, e, dim), Math.max(...lengths(e, dim))];
    const highest = new Float64Array(rows * groups).fill(-Infinity);
    products.forEach((product, i) => {
      const [row, column] = [Math.floor(i / count), i % count];
      const group = row * groups + Math.floor(column / 64) * 8 + Math.floor(column % 32 / 4);
      highest[group] = Math.max(highest[group], product);
    });
    const below = (bounds: Float32Array) => bounds.filter((bound, i) => bound < highest[i]).length;
    const [bounds, without] = [await boundsWith(1), await boundsWith(0)];
    assertEquals(below(bounds), 0);
    assert(
      below(without) > bounds.length / 20,
      `${below(without)} of ${bounds.length} would be below without the errors`,
    );
    bounds.forEach((bound, i) => assert(bound <= highest[i] + 0.05 * longest || highest[i] === -Infinity, `${bound}`));
  }
});

webgpuTest("a bound that is too small finds others", async () => {
  const near = SEARCHES["near-duplicates"]();
  const searches = [...near, ...SEARCHES["heavy outliers"]()];
  for (const [allowance, least] of [[0.02, 20], [0, 50], [-1, 100]]) {
    let wrong = 0;
    for (const search of searches) wrong += differences(await bothWays(search, undefined, allowance));
    assert(wrong >= least, `${wrong} rows differ at ${allowance} of the bound's errors`);
  }
});

/** Counts the rows that are quantised by a context's commands. */
function countQuantised(gpu: GpuContext): { calls: number } {
  const [counted, get] = [{ calls: 0 }, gpu.kernels.get.bind(gpu.kernels)];
  gpu.kernels.get = (name) => {
    if (name === "quantise") counted.calls++;
    return get(name);
  };
  return counted;
}

webgpuTest(
  "quantised rows follow a matrix that grows, is overwritten and added to, and only what changed is done",
  async () => {
    for (const chunkBytes of [undefined, TINY_CHUNK_BYTES]) {
      using gpu = await context(chunkBytes);
      const counted = countQuantised(gpu);
      const dim = 192;
      using queries = upload(gpu, families(80, dim, 1), 80, dim);
      using more = upload(gpu, families(400, dim, 2), 400, dim);
      using exemplars = new WebGpuMatrix(gpu, dim);
      const assertFollows = async (dispatches: number) => {
        counted.calls = 0;
        const found = await nearestByIntegers(gpu, queries, exemplars, 0);
        // Tiny chunks are several, each with a dispatch of its own.
        if (chunkBytes === undefined) assertEquals(counted.calls, dispatches);
        assertEquals(found, await nearest(gpu, queries, exemplars, 0));
      };
      copyRows(gpu, more, range(30), exemplars, range(30));
      await assertFollows(2);
      await assertFollows(0);
      for (let rows = 30; rows < 400; rows += 74) {
        copyRows(gpu, more, range(74, rows).map((row) => row % 400), exemplars, range(74, rows));
        await assertFollows(1);
      }
      // The nearest of all queries are replaced.
      const { regions } = await nearest(gpu, queries, exemplars, 0);
      copyRows(gpu, queries, Int32Array.of(3), exemplars, regions.slice(0, 1));
      await assertFollows(1);
      copyRows(gpu, more, range(80), queries, range(80));
      await assertFollows(1);
      const groups = { regions: Int32Array.of(0, 150), offsets: Int32Array.of(0, 3, 5), rows: range(5, 70) };
      accumulate(gpu, exemplars, more, groups);
      await assertFollows(1);
      copyRows(gpu, more, new Int32Array(), exemplars, new Int32Array());
      await assertFollows(0);
    }
  },
);

webgpuTest("exemplars are known for crowded where integers leave most queries to float32", async () => {
  const gpu = await sharedContext();
  const [dim, size] = [64, TOO_MANY];
  const [same, others] = [unitRows(1, dim), families(size, dim, 1)];
  using queries = upload(gpu, others.slice(0, 70 * dim), 70, dim);
  using apart = upload(gpu, others, size, dim);
  using together = upload(gpu, others.map((_, i) => same[i % dim]), size, dim);
  assert(!isCrowded(apart) && !isCrowded(together));
  for (const exemplars of [apart, together]) await nearestByIntegers(gpu, queries, exemplars, 0);
  assert(!isCrowded(apart) && isCrowded(together));
});

webgpuTest("a wrapped buffer, which others may write to, is quantised for every search", async () => {
  using gpu = await context();
  const [rows, dim] = [70, 64];
  const { STORAGE, COPY_SRC, COPY_DST } = GPUBufferUsage;
  const buffer = gpu.device.createBuffer({ size: rows * dim * 4, usage: STORAGE | COPY_SRC | COPY_DST });
  using queries = WebGpuMatrix.wrap(gpu, buffer, rows, dim);
  using exemplars = upload(gpu, families(300, dim, 9), 300, dim);
  for (const seed of [1, 2]) {
    gpu.device.queue.writeBuffer(buffer, 0, families(rows, dim, seed));
    assertEquals(await nearestByIntegers(gpu, queries, exemplars, 0), await nearest(gpu, queries, exemplars, 0));
  }
  buffer.destroy();
});

webgpuTest("after a failure of the GPU rows are quantised again: it may have been theirs", async () => {
  using gpu = await context();
  const counted = countQuantised(gpu);
  const dim = 64;
  using queries = upload(gpu, families(70, dim, 1), 70, dim);
  const first = await nearestByIntegers(gpu, queries, queries, 0);
  assertEquals([first.regions, counted.calls], [range(70), 1]);
  // Refused: a copy within a buffer.
  const buffer = gpu.device.createBuffer({ size: 16, usage: GPUBufferUsage.COPY_SRC });
  const encoder = gpu.device.createCommandEncoder();
  encoder.copyBufferToBuffer(buffer, 0, buffer, 0, 16);
  gpu.device.queue.submit([encoder.finish()]);
  await assertRejects(() => nearestByIntegers(gpu, queries, queries, 0), Error, "The GPU refused a command");
  assertEquals(await nearestByIntegers(gpu, queries, queries, 0), first);
  assertEquals(counted.calls, 2);
  buffer.destroy();
});

webgpuTest("quantised rows are given back with their matrix", async () => {
  using gpu = await context();
  const matrix = upload(gpu, families(70, 64, 1), 70, 64);
  await nearestByIntegers(gpu, matrix, matrix, 0);
  const quantised = matrix.companion;
  assert(quantised instanceof QuantisedRows);
  const [chunk] = matrix.chunks();
  const [words, sizes] = quantised.part(chunk);
  assertEquals([words.size, sizes.size], [70 * 64, 70 * 16]);
  matrix.dispose();
  assertThrows(() => quantised.part(chunk), TypeError, "disposed");
});
