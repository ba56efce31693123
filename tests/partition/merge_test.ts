/** Merging and re-anchoring of dictionaries made by hand, in the plane. */
import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import { type Backend, openBackend } from "../../src/compute/mod.ts";
import { Dictionary } from "../../src/partition/mod.ts";
import { backendTest } from "../lib/backends.ts";
import { inFolder } from "../lib/folder.ts";
import { at, bytes, clustered, degrees, membersOf, namedRows, publicValues } from "./streams.ts";

async function grown(backend: Backend, angle: number, seed: number, ...angles: number[]): Promise<Dictionary> {
  const dictionary = await Dictionary.create({ center: new Float32Array(2), threshold: degrees(angle) }, {
    backend,
    seed,
    members: 30,
  });
  await dictionary.add(namedRows(...angles.map(at)));
  return dictionary;
}

/** Angles of directions, rounded to a thousandth of a degree. */
function anglesOf(directions: Float32Array | Float16Array): number[] {
  return Array.from(
    { length: directions.length / 2 },
    (_, i) => Math.round(Math.atan2(directions[2 * i + 1], directions[2 * i]) * 180 / Math.PI * 1000) / 1000,
  );
}

const prompts = (contexts: readonly { prompt: string }[]) => contexts.map(({ prompt }) => prompt).join(" ");

backendTest(
  "merging unites chains, the largest keeps its exemplar, and all else is joined",
  (backend) =>
    inFolder(async (folder) => {
      using dictionary = await grown(backend, 5, 0, ...[0, 10, 20, 90, 21, 50, 19, 58, 2]);
      assertEquals(anglesOf(dictionary.exemplars), [0, 10, 20, 90, 50, 58]);
      assertEquals([...dictionary.memberCounts], [2, 1, 3, 1, 1, 1]);
      const { sums, distanceSums, distanceSquareSums } = structuredClone(publicValues(dictionary)) as Record<
        string,
        number[]
      >;

      assertEquals([...await dictionary.merge(degrees(12))], [0, 0, 0, 1, 2, 2]);
      assertEquals(anglesOf(dictionary.exemplars), [20, 90, 50], "0 and 20 lie 20 degrees apart, but 10 joins them");
      assertEquals([...dictionary.memberCounts], [6, 1, 2]);
      assertEquals([...dictionary.founders], [2, 3, 5], "the keepers'");
      for (const [region, members] of [[0, 1, 2], [3], [4, 5]].entries()) {
        const total = (values: number[]) => members.reduce((sum, member) => sum + values[member], 0);
        for (const axis of [0, 1]) {
          const sum = members.reduce((sum, member) => sum + sums[2 * member + axis], 0);
          assertLess(Math.abs(dictionary.sums[2 * region + axis] - sum), 1e-6);
        }
        assertEquals(dictionary.distanceSums[region], total(distanceSums));
        assertEquals(dictionary.distanceSquareSums[region], total(distanceSquareSums));
        assertEquals((membersOf(dictionary, region)).length, 2 * dictionary.memberCounts[region]);
      }
      // Samples are in 16-bit floats, good to a thirtieth of a degree.
      const sampled = anglesOf(membersOf(dictionary, 0)).map(Math.round).sort((a, b) => a - b);
      assertEquals(sampled, [0, 2, 10, 19, 20, 21]);
      const [nearest, farthest] = [dictionary.nearestContexts(0), dictionary.farthestContexts(0)];
      assertEquals(prompts(nearest), "p0 p1 p2 p4 p6 p8", "founders first, then those a degree away, then two");
      assertEquals(prompts(farthest).slice(0, 2), "p8");

      const { regions } = await dictionary.add(namedRows(at(18), at(55), at(0)));
      assertEquals([...regions], [0, 2, 3], "what lies at the exemplar that is gone founds a region");
      await dictionary.save(`${folder}/merged.arrow`);
      using loaded = await Dictionary.load(`${folder}/merged.arrow`, { backend });
      assertEquals(publicValues(loaded), publicValues(dictionary));
    }),
);

backendTest("of equally large regions the older keeps its exemplar", async (backend) => {
  using dictionary = await grown(backend, 5, 0, 10, 0, 11, 1);
  await dictionary.merge(degrees(12));
  assertEquals([anglesOf(dictionary.exemplars), [...dictionary.memberCounts]], [[10], [4]]);
});

backendTest("merging at a dictionary's own threshold changes nothing, however near exemplars lie", async (backend) => {
  const [dim, rows] = [64, 6];
  for (let seed = 0; seed < 8; seed++) {
    using probe = await Dictionary.create({ center: new Float32Array(dim), threshold: 1e-3 }, { backend });
    const batch = { data: clustered(rows, dim, seed, 3), rows, dim };
    await probe.add(batch);
    assertEquals(probe.size, rows);
    let nearest = -1;
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < i; j++) nearest = Math.max(nearest, Math.fround(dot(probe.exemplars, i, j, dim)));
    }
    // All lie more than this apart, but a float32 product may say that the nearest two do not.
    const threshold = Math.fround(1 - nearest) - 1e-12;
    using dictionary = await Dictionary.create({ center: new Float32Array(dim), threshold }, { backend });
    await dictionary.add(batch);
    assertEquals([...await dictionary.merge()], [0, 1, 2, 3, 4, 5], `seed ${seed}`);
    assertEquals(publicValues(dictionary).exemplars, publicValues(probe).exemplars);
    assertEquals(Math.max(...await dictionary.merge(threshold + 1e-9)), 4, "a hair farther, the nearest two are one");
  }
});

function dot(values: Float32Array, i: number, j: number, dim: number): number {
  let sum = 0;
  for (let k = 0; k < dim; k++) sum += values[i * dim + k] * values[j * dim + k];
  return sum;
}

backendTest("an empty dictionary and one of one region can be merged", async (backend) => {
  using empty = await Dictionary.create({ center: new Float32Array(2), threshold: 0.5 }, { backend });
  assertEquals((await empty.merge()).length, 0);
  using one = await grown(backend, 10, 0, 0, 1);
  assertEquals([...await one.merge(1.9)], [0]);
});

Deno.test("joined reservoirs are a uniform sample of the members", async () => {
  const backend = await openBackend("cpu");
  // 60 members around 0 degrees, 30 around 90: of 30 sampled, 20 and 10 are expected.
  const angles = Array.from({ length: 90 }, (_, i) => i % 3 === 2 ? 90 + i / 90 : i / 90);
  const seeds = 300;
  const taken = new Float64Array(90);
  for (let seed = 0; seed < seeds; seed++) {
    using dictionary = await grown(backend, 5, seed, ...angles);
    assertEquals([...dictionary.memberCounts], [60, 30]);
    await dictionary.merge(1.5);
    const sample = anglesOf(membersOf(dictionary, 0));
    assertEquals([sample.length, new Set(sample).size], [30, 30], "nobody twice");
    for (const angle of sample) taken[Math.round((angle % 90) * 90)]++;
  }
  const few = taken.reduce((sum, count, i) => sum + (i % 3 === 2 ? count : 0), 0) / seeds;
  // A hypergeometric draw has a standard deviation of 2.1; its mean over 300 seeds one of 0.12.
  assert(Math.abs(few - 10) < 0.5, `${few} of 30 are of the smaller region`);
  assertChiSquare(taken, seeds / 3);
});

/** The statistic of uniform counts is about their number, give or take the root of twice that. */
function assertChiSquare(counts: Float64Array, expected: number): void {
  const statistic = counts.reduce((sum, count) => sum + (count - expected) ** 2 / (expected * 2 / 3), 0);
  assertLess(statistic, counts.length + 5 * Math.sqrt(2 * counts.length));
  assertGreater(statistic, counts.length - 5 * Math.sqrt(2 * counts.length));
}

backendTest("re-anchoring takes the member nearest to the mean, and leaves the original alone", async (backend) => {
  const angles = [0, 40, 180, 20, 38, 181, 179, 5];
  using original = await grown(backend, 45, 0, ...angles);
  assertEquals(anglesOf(original.exemplars), [0, 180]);
  const before = publicValues(original);
  using dictionary = await original.reanchor([namedRows(...angles.map(at))]);
  const sampled = await original.reanchor();
  assertEquals(anglesOf(sampled.exemplars).map((angle) => Math.abs(Math.round(angle))), [20, 180]);
  sampled.dispose();
  // Means at about 20.6 and 180 degrees; the second's nearest is its founder.
  assertEquals(anglesOf(dictionary.exemplars).map(Math.abs), [20, 180]);
  const { exemplars: _old, ...rest } = before;
  const { exemplars: _new, ...others } = publicValues(dictionary);
  assertEquals(others, rest, "all but the exemplars is the same");

  await dictionary.add(namedRows(at(60), at(300)));
  assertEquals([...dictionary.memberCounts], [6, 3, 1]);
  assertEquals(publicValues(original), before);
  assertEquals((membersOf(original, 0)).length, 2 * 5);
});

backendTest("of members equally near to the mean the first is taken", async (backend) => {
  using original = await grown(backend, 45, 0, -10, 10);
  using dictionary = await original.reanchor([namedRows(at(-10), at(10))]);
  assertEquals(bytes(dictionary.exemplars), bytes(original.exemplars));
});
