/** The invariants of leader clustering, on random and on awkward data. */
import { assert, assertEquals, assertGreater, assertRejects } from "@std/assert";
import { describeStream } from "../../src/activations/mod.ts";
import { type Backend, Random } from "../../src/compute/mod.ts";
import { Dictionary } from "../../src/partition/mod.ts";
import { backendTest } from "../lib/backends.ts";

/** Random rows around a few directions, so that regions have members. */
function clustered(rows: number, dim: number, seed: number): Float32Array<ArrayBuffer> {
  const random = new Random(seed);
  const heads = Array.from({ length: 12 }, () => Array.from({ length: dim }, () => random.normal()));
  const data = new Float32Array(rows * dim);
  for (let row = 0; row < rows; row++) {
    const head = heads[random.integer(heads.length)];
    for (let j = 0; j < dim; j++) data[row * dim + j] = head[j] + 0.6 * random.normal();
  }
  return data;
}

function split(data: Float32Array<ArrayBuffer>, dim: number, sizes: readonly number[]) {
  let from = 0;
  return sizes.map((rows) => ({ data: data.slice(from * dim, (from += rows) * dim), rows, dim }));
}

async function grow(
  backend: Backend,
  data: Float32Array<ArrayBuffer>,
  dim: number,
  sizes: readonly number[],
  threshold: number,
) {
  const dictionary = await Dictionary.create({ center: new Float32Array(dim).fill(0.1), threshold }, { backend });
  const regions: number[] = [];
  const distances: number[] = [];
  for (const batch of split(data, dim, sizes)) {
    const assignment = await dictionary.add(batch);
    regions.push(...assignment.regions);
    distances.push(...assignment.distances);
  }
  return { dictionary, regions, distances };
}

/** Cosine similarity in float64. */
function cosine(a: Float32Array, i: number, b: Float32Array, j: number, dim: number): number {
  let dot = 0;
  for (let k = 0; k < dim; k++) dot += a[i * dim + k] * b[j * dim + k];
  return dot;
}

/** What float32 rounds most in sums: halves that rows share, and numbers that are all of one size. */
const ROUNDED: Record<string, (random: Random, dim: number) => Float32Array<ArrayBuffer>> = {
  "that share a half": (random, dim) => {
    const common = Float32Array.from({ length: dim }, () => random.normal());
    return Float32Array.from({ length: 2 * dim }, (_, i) => common[i % dim] + 0.6 * random.normal());
  },
  "of ones and their negatives": (random, dim) =>
    Float32Array.from({ length: 2 * dim }, () => random.next() < 0.01 ? -1 : 1),
};

for (const [kind, make] of Object.entries(ROUNDED)) {
  backendTest(
    `two rows ${kind} are decided at the threshold by their numbers, however wide they are`,
    async (backend) => {
      const random = new Random(8);
      for (const dim of [1000, 16_384]) {
        for (let pair = 0; pair < 3; pair++) {
          // A stream's first row is an exemplar before its own batch: the two come after another one, far away.
          const two = make(random, dim);
          const data = new Float32Array(3 * dim).fill(-1);
          data.set(two, dim);
          using x = backend.upload(data.slice(), 3, dim);
          using directions = await backend.directions(x, new Float32Array(dim));
          const unit = await backend.download(directions);
          const distance = 1 - cosine(unit, 1, unit, 2, dim);
          for (const [beyond, regions] of [[2e-7, 2], [-2e-7, 3]]) {
            const calibration = { center: new Float32Array(dim), threshold: distance + beyond };
            for (const sizes of [[3], [1, 1, 1]]) {
              using dictionary = await Dictionary.create(calibration, { backend });
              for (const batch of split(data, dim, sizes)) await dictionary.add(batch);
              assertEquals(dictionary.size, regions, `${dim} wide, pair ${pair}, ${beyond}, batches of ${sizes[0]}`);
            }
          }
        }
      }
    },
  );
}

backendTest("a row within the threshold of any exemplar founds none, whichever seems nearest", async (backend) => {
  const [dim, count] = [2304, 400];
  const random = new Random(7);
  const signs = () => Float32Array.from({ length: dim }, () => random.next() < 0.05 ? -1 : 1);
  const unitOf = async (data: Float32Array<ArrayBuffer>) => {
    using x = backend.upload(data.slice(), data.length / dim, dim);
    using directions = await backend.directions(x, new Float32Array(dim));
    return await backend.download(directions);
  };
  for (let pair = 0; pair < 2; pair++) {
    // Rows in the middle of two exemplars, as far from either as float32 can tell.
    const [a, b] = [signs(), signs()];
    const founders = Float32Array.from([...new Float32Array(dim).fill(-1), ...a, ...b]);
    const apart = [...a.keys()].filter((j) => a[j] !== b[j]);
    const rows = new Float32Array(count * dim);
    for (let row = 0; row < count; row++) {
      const own = rows.subarray(row * dim, (row + 1) * dim);
      own.set(a);
      for (const j of random.shuffle([...apart]).slice(0, apart.length >> 1)) own[j] = b[j];
      own[random.integer(dim)] *= 1 + 7e-3 * random.normal();
      if (apart.length % 2) own[apart[0]] *= 1e-6;
      own[apart[0]] += 5e-4 * random.normal();
    }
    const [unit, exemplars] = [await unitOf(rows), await unitOf(founders)];
    using queries = backend.upload(unit.slice(), count, dim);
    using three = backend.upload(exemplars.slice(), 3, dim);
    const { regions } = await backend.nearest(queries, three);
    let tried = 0;
    for (let row = 0; row < count && tried < 4; row++) {
      const [toA, toB] = [1, 2].map((at) => {
        let dot = 0;
        for (let j = 0; j < dim; j++) dot += unit[row * dim + j] * exemplars[at * dim + j];
        return Math.fround(1 - Math.fround(dot));
      });
      // Those of which float32 names the farther one, and one of which it does not.
      const isMistaken = regions[row] !== (toA < toB ? 1 : 2);
      if (toA === toB || (tried > 0 && !isMistaken)) continue;
      tried++;
      const four = Float32Array.from([...founders, ...rows.subarray(row * dim, (row + 1) * dim)]);
      for (const sizes of [[4], [3, 1]]) {
        const calibration = { center: new Float32Array(dim), threshold: (toA + toB) / 2 };
        using dictionary = await Dictionary.create(calibration, { backend });
        for (const batch of split(four, dim, sizes)) await dictionary.add(batch);
        assertEquals(dictionary.size, 3, `row ${row} of pair ${pair}, batches of ${sizes}`);
      }
    }
  }
});

for (const [seed, dim, threshold] of [[1, 24, 0.25], [2, 7, 0.05], [3, 33, 0.6]]) {
  backendTest(`exemplars lie apart and members near, seed ${seed}`, async (backend) => {
    const rows = 700;
    const data = clustered(rows, dim, seed);
    const { dictionary, regions, distances } = await grow(backend, data, dim, [1, 300, 250, 149], threshold);
    const { exemplars, size } = dictionary;
    for (let i = 0; i < size; i++) {
      for (let j = 0; j < i; j++) assertGreater(1 - cosine(exemplars, i, exemplars, j, dim), threshold - 1e-6);
    }
    const center = dictionary.center;
    for (let row = 0; row < rows; row++) {
      const x = Float32Array.from({ length: dim }, (_, j) => data[row * dim + j] - center[j]);
      const norm = Math.hypot(...x);
      const distance = 1 - cosine(x, 0, exemplars, regions[row], dim) / norm;
      assert(distance <= threshold + 1e-6, `row ${row} lies ${distance} from its exemplar`);
      assert(Math.abs(distance - distances[row]) < 2e-6, `row ${row}: ${distances[row]} is not ${distance}`);
    }
    assertEquals(dictionary.memberCounts.reduce((sum, count) => sum + count, 0), rows);
    dictionary.dispose();
  });

  backendTest(`exemplars are those of one-at-a-time clustering on any cut, seed ${seed}`, async (backend) => {
    const data = clustered(600, dim, seed);
    const founders = leaders(data, dim, 0.1, threshold);
    let exemplars: Uint8Array | undefined;
    for (const sizes of [[600], [200, 200, 200], [1, 599], [513, 87], [...Array(20).fill(1), 417, 163]]) {
      const { dictionary } = await grow(backend, data, dim, sizes, threshold);
      assertEquals([...dictionary.founders], founders);
      exemplars ??= bytes(dictionary.exemplars);
      assertEquals(bytes(dictionary.exemplars), exemplars, "byte for byte");
      dictionary.dispose();
    }
  });
}

/** Leader clustering of one row after the other, in float64: the rows that found a region. */
function leaders(data: Float32Array, dim: number, center: number, threshold: number): number[] {
  const unit = (row: number) => {
    const x = Array.from({ length: dim }, (_, j) => data[row * dim + j] - Math.fround(center));
    const norm = Math.hypot(...x);
    return x.map((value) => value / norm);
  };
  const founders: number[] = [];
  const exemplars: number[][] = [];
  for (let row = 0; row < data.length / dim; row++) {
    const x = unit(row);
    if (exemplars.some((e) => 1 - e.reduce((dot, value, j) => dot + value * x[j], 0) <= threshold)) continue;
    exemplars.push(x);
    founders.push(row);
  }
  return founders;
}

function bytes(values: Float32Array<ArrayBuffer>): Uint8Array {
  return new Uint8Array(values.slice().buffer);
}

backendTest(
  "rows that all lie at the threshold of each other are decided exactly, together and one by one",
  async (backend) => {
    const [dim, rows] = [64, 40];
    for (let seed = 0; seed < 4; seed++) {
      const random = new Random(seed);
      // Any two share half of their length, but for what float32 cannot tell apart: who founds a region hangs on who did before.
      const data = new Float32Array(rows * dim);
      for (let row = 0; row < rows; row++) {
        for (let j = 0; j < dim; j++) {
          const own = j === dim - 1 || j === row ? 1 : 0;
          data[row * dim + j] = 0.1 + own + 3e-7 * random.normal();
        }
      }
      const together = await grow(backend, data, dim, [rows], 0.5);
      const apart = await grow(backend, data, dim, Array(rows).fill(1), 0.5);
      assertGreater(together.dictionary.size, 1);
      assertGreater(rows, together.dictionary.size);
      assertEquals([...together.dictionary.founders], [...apart.dictionary.founders], `seed ${seed}`);
      together.dictionary.dispose();
      apart.dictionary.dispose();
    }
  },
);

backendTest("the first activation of a stream exists before its own batch", async (backend) => {
  const data = Float32Array.of(1, 0, 0.9, 0.1, 0, 1);
  using dictionary = await Dictionary.create({ center: new Float32Array(2), threshold: 0.1 }, { backend });
  const { regions, distances } = await dictionary.add({ data, rows: 3, dim: 2 });
  assertEquals([...regions], [0, 0, 1]);
  assertEquals([distances[0], distances[2]], [0, 0]);
  assertEquals([...dictionary.founders], [0, 2]);
});

backendTest("a row joins the lowest of equally near regions", async (backend) => {
  using dictionary = await Dictionary.create({ center: new Float32Array(2), threshold: 0.5 }, { backend });
  await dictionary.add({ data: Float32Array.of(1, 0, 0, 1), rows: 2, dim: 2 });
  const { regions } = await dictionary.assign({ data: Float32Array.of(1, 1, 3, 3), rows: 2, dim: 2 });
  assertEquals([...regions], [0, 0]);
});

backendTest("rows at the threshold itself are decided exactly, alike within a batch and across", async (backend) => {
  const dim = 200;
  for (let seed = 0; seed < 8; seed++) {
    const data = clustered(3, dim, seed);
    for (let j = 0; j < dim; j++) {
      // Near rows have similarities that float32 products get wrong, far ones distances that float32 cannot hold.
      if (seed % 2 === 0) data[2 * dim + j] = (data[dim + j] + data[2 * dim + j]) / 2;
      // The first row is out of the way of the other two.
      data[j] = -data[dim + j] - data[2 * dim + j];
    }
    const { dictionary: probe } = await grow(backend, data, dim, [3], 1e-3);
    const distance = Math.fround(1 - Math.fround(cosine(probe.exemplars, 1, probe.exemplars, 2, dim)));
    probe.dispose();
    for (const [threshold, expected] of [[distance, [0, 1, 1]], [distance - 1e-12, [0, 1, 2]]] as const) {
      for (const sizes of [[3], [2, 1]]) {
        const { dictionary, regions } = await grow(backend, data, dim, sizes, threshold);
        assertEquals(regions, [...expected], `seed ${seed}, batches of ${sizes}`);
        dictionary.dispose();
      }
    }
  }
});

backendTest("empty and one-row batches", async (backend) => {
  using dictionary = await Dictionary.create({ center: new Float32Array(3), threshold: 0.5 }, { backend });
  const empty = { data: new Float32Array(0), rows: 0, dim: 3 };
  const row = { data: Float32Array.of(1, 2, 3), rows: 1, dim: 3 };
  assertEquals((await dictionary.add(empty)).regions.length, 0);
  assertEquals(dictionary.size, 0);
  assertEquals([...(await dictionary.assign(row)).regions], [-1]);
  assertEquals([...(await dictionary.assign(row)).distances], [Infinity]);
  assertEquals([...(await dictionary.add(row)).regions], [0]);
  assertEquals((await dictionary.add(empty)).regions.length, 0);
  assertEquals([dictionary.size, dictionary.activations], [1, 1]);
});

backendTest("a row that is not finite is named and changes nothing", async (backend) => {
  using dictionary = await Dictionary.create({ center: new Float32Array(2), threshold: 0.5 }, { backend });
  await dictionary.add({ data: Float32Array.of(1, 0), rows: 1, dim: 2 });
  for (const bad of [NaN, Infinity, -Infinity]) {
    const data = Float32Array.of(0, 1, 1, bad);
    await assertRejects(() => dictionary.add({ data, rows: 2, dim: 2 }), Error, "row 1 of a batch");
  }
  assertEquals([dictionary.size, dictionary.activations, dictionary.memberCounts[0]], [1, 1, 1]);
});

backendTest("the name of a row that is not finite is its prompt, position and layer", async (backend) => {
  using dictionary = await Dictionary.create({ center: new Float32Array(1), threshold: 0.5 }, { backend });
  const prompt = {
    id: "corpus:7",
    text: 7,
    tokens: Int32Array.of(2, 9),
    excerpt: () => ({ before: "", token: " word", after: "" }),
  };
  const provenance = {
    prompts: [prompt],
    prompt: Int32Array.of(0),
    position: Int32Array.of(1),
    token: Int32Array.of(9),
    source: describeStream({ model: "", layer: 5 }),
  };
  const batch = { data: Float32Array.of(NaN), rows: 1, dim: 1, provenance };
  const error = await assertRejects(() => dictionary.add(batch), Error);
  for (const part of ["corpus:7", "position 1", " word", "layer 5"]) {
    assert(error.message.includes(part), error.message);
  }
});

backendTest("activations of another width, and thresholds that mean nothing, are errors", async (backend) => {
  const center = new Float32Array(3);
  using dictionary = await Dictionary.create({ center, threshold: 0.5 }, { backend });
  const data = new Float32Array(4);
  await assertRejects(() => dictionary.add({ data, rows: 1, dim: 4 }), RangeError, "length 3");
  await assertRejects(() => dictionary.assign({ data, rows: 3, dim: 3 }), RangeError, "3 x 3");
  for (const threshold of [0, -1, NaN, 1e-7, 2]) {
    await assertRejects(() => Dictionary.create({ center, threshold }, { backend }), RangeError, "threshold");
  }
  await assertRejects(
    () => Dictionary.create({ center: Float32Array.of(NaN), threshold: 0.5 }, { backend }),
    RangeError,
  );
});

backendTest("a run repeats to the byte, un-awaited adds too", async (backend) => {
  const data = clustered(400, 16, 5);
  const sizes = [150, 250];
  const first = await grow(backend, data, 16, sizes, 0.3);
  const second = await Dictionary.create({ center: new Float32Array(16).fill(0.1), threshold: 0.3 }, { backend });
  await Promise.all(split(data, 16, sizes).map((batch) => second.add(batch)));
  for (const values of ["exemplars", "sums", "means"] as const) {
    assertEquals(bytes(second[values]), bytes(first.dictionary[values]), values);
  }
  assertEquals(second.distanceSums, first.dictionary.distanceSums);
  for (const dictionary of [first.dictionary, second]) dictionary.dispose();
});
