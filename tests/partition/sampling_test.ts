/** What a region keeps of its members: a uniform sample, and the nearest and farthest contexts. */
import { assert, assertEquals, assertLess } from "@std/assert";
import { type Backend, openBackend } from "../../src/compute/mod.ts";
import { Dictionary } from "../../src/partition/mod.ts";
import { CONTEXTS, Contexts } from "../../src/partition/contexts.ts";
import { Members } from "../../src/partition/members.ts";
import { backendTest } from "../lib/backends.ts";
import { at, degrees, membersOf, namedRows, prompt } from "./streams.ts";

const KEPT = 30;

/** Offers members 0, 1, 2, ... of one region, in batches, and gives those that are kept. */
async function sample(backend: Backend, seed: number, batches: readonly number[]): Promise<number[]> {
  const members = new Members(1, seed, KEPT);
  let seen = 0;
  for (const rows of batches) {
    using directions = backend.upload(Float32Array.from({ length: rows }, (_, i) => seen + i), rows, 1);
    const batch = members.batch(seen);
    for (let row = 0; row < rows; row++) batch.offer(row, 0, ++seen);
    await batch.commit(backend, directions);
  }
  assertEquals(members.count(0), members.directions(0).length);
  return [...members.directions(0)];
}

Deno.test("every member is as likely to be sampled", async () => {
  const backend = await openBackend("cpu");
  const [members, seeds] = [150, 1000];
  const taken = new Float64Array(members);
  for (let seed = 0; seed < seeds; seed++) {
    const kept = await sample(backend, seed, [40, 110]);
    assertEquals([kept.length, new Set(kept).size], [KEPT, KEPT]);
    for (const member of kept) taken[member]++;
  }
  const share = KEPT / members;
  const statistic = taken.reduce((sum, n) => sum + (n - seeds * share) ** 2 / (seeds * share * (1 - share)), 0);
  const spread = 5 * Math.sqrt(2 * members);
  assertLess(Math.abs(statistic - members), spread, `chi-square ${statistic} of ${members} members`);
  // Nor do neighbouring seeds or members go together: halves of the stream share the sample evenly.
  const late = taken.subarray(members / 2).reduce((sum, n) => sum + n, 0) / seeds;
  assertLess(Math.abs(late - KEPT / 2), 0.4);
});

backendTest("a sample depends on seed and stream alone, not on how the stream is cut", async (backend) => {
  const whole = await sample(backend, 7, [200]);
  assertEquals(await sample(backend, 7, [3, 40, 0, 57, 100]), whole);
  assertEquals(await sample(backend, 7, [29, 1, 1, 169]), whole);
  assert((await sample(backend, 8, [200])).join() !== whole.join());
  assertEquals(await sample(backend, 7, [10, 20]), Array.from({ length: 30 }, (_, i) => i), "thirty are kept all");
});

backendTest("regions that are united keep the same members after a sample was saved and read", async (backend) => {
  const [regions, kept] = [[1, 0, 2, 0, 1, 2, 0, 1, 1, 0], 2];
  const live = new Members(1, 0, kept);
  const counts = [0, 0, 0];
  const batch = live.batch(0);
  regions.forEach((region, row) => batch.offer(row, region, ++counts[region]));
  using directions = backend.upload(Float32Array.from(regions, (_, i) => i), regions.length, 1);
  await batch.commit(backend, directions);
  const { values, sizes } = live.between(0, 3);
  const read = Members.of(values, sizes, live);
  const united = [[0, 1].map((region) => ({ region, count: counts[region] })), [{ region: 2, count: counts[2] }]];
  assertEquals(read.united(united).between(0, 2), live.united(united).between(0, 2));
});

backendTest("each region samples its own members, thirty at most", async (backend) => {
  const options = { backend, members: KEPT };
  using dictionary = await Dictionary.create({ center: new Float32Array(2), threshold: degrees(20) }, options);
  const near = (angle: number, count: number) => Array.from({ length: count }, (_, i) => at(angle + i / 10));
  await dictionary.add(namedRows(...near(0, 12), ...near(90, 70)));
  await dictionary.add(namedRows(...near(0, 12), ...near(90, 50)));
  assertEquals([...dictionary.memberCounts], [24, 120]);
  for (const [region, count] of [24, KEPT].entries()) {
    const members = membersOf(dictionary, region);
    assertEquals(members.length, 2 * count);
    for (let i = 0; i < count; i++) assert(members[2 * i + region] > 0.9, `a member of region ${region}`);
  }
});

const names = (contexts: readonly { prompt: string }[]) => contexts.map(({ prompt }) => prompt);

Deno.test("contexts are the ten nearest and ten farthest; of equals the earlier stays, and stays ahead", () => {
  const contexts = new Contexts();
  const distances = [5, 1, 3, 3, 0, 5, 2, 5, 4, 1, 3, 0, 5, 4, 2, 1, 0.5, 5, 9, 3];
  distances.forEach((distance, i) => contexts.offer(1, distance, prompt(`p${i}`, 5), i % 4 + 1));
  const order = (sign: number) =>
    distances.map((distance, i) => ({ distance, i })).sort((a, b) => sign * (a.distance - b.distance) || a.i - b.i)
      .slice(0, CONTEXTS).map(({ i }) => `p${i}`);
  assertEquals(CONTEXTS, 10);
  assertEquals(names(contexts.nearest(1)), order(1));
  assertEquals(names(contexts.farthest(1)), order(-1));
  assertEquals(order(1).slice(0, 3), ["p4", "p11", "p16"]);
  assertEquals([contexts.nearest(0), contexts.farthest(2)], [[], []]);
  const [first] = contexts.nearest(1);
  assertEquals([first.distance, first.position, first.excerpt.token], [0, 1, " t1"]);
});

Deno.test("an excerpt is decoded once, and only when somebody looks", () => {
  const contexts = new Contexts();
  let decoded = 0;
  const source = { ...prompt("p", 5), excerpt: () => ({ before: "", token: String(++decoded), after: "" }) };
  for (let i = 0; i < 50; i++) contexts.offer(0, i, source, 1);
  assertEquals(decoded, 0);
  const [nearest] = contexts.nearest(0);
  assertEquals([nearest.excerpt.token, nearest.excerpt.token, decoded], ["1", "1", 1]);
});

backendTest("a region's contexts are those of its members, by their distance", async (backend) => {
  using dictionary = await Dictionary.create({ center: new Float32Array(2), threshold: degrees(30) }, { backend });
  await dictionary.add(namedRows(at(0), at(3), at(90), at(-2), at(95)));
  await dictionary.add({ ...namedRows(at(1)), provenance: undefined });
  await dictionary.add(namedRows(at(4)));
  assertEquals(
    names(dictionary.nearestContexts(0)),
    ["p0", "p3", "p1", "p0"],
    "those of the last batch are named anew",
  );
  assertEquals(names(dictionary.farthestContexts(0)), ["p0", "p1", "p3", "p0"]);
  assertEquals(names(dictionary.nearestContexts(1)), ["p2", "p4"]);
  const [{ distance, position }] = dictionary.farthestContexts(1);
  assertLess(Math.abs(distance - degrees(5)), 1e-6);
  assertEquals(position, 5);
  assertEquals([...dictionary.memberCounts], [5, 2], "rows without provenance are members all the same");
});
