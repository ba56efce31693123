/**
 * The published p8 dictionary with seeded damage, 300 times: each file ends in a sentence or in a dictionary that is valid,
 * and right in everything that the format says twice.
 */
import { assert, assertEquals } from "@std/assert";
import { openBackend, Random } from "../../src/compute/mod.ts";
import { OPCODES } from "../../src/files/pickle/opcodes.ts";
import { PickleSource } from "../../src/files/pickle/source.ts";
import type { DictionaryParts } from "../../src/partition/parts.ts";
import { publishedParts } from "../../src/partition/published.ts";
import { bytes, global, text } from "../lib/pickle_bytes.ts";
import { assertSentence } from "../lib/sentence.ts";

const original = await Deno.readFile(new URL("../golden/reference-a/dictionary_p8.pkl", import.meta.url));
const backend = await openBackend("cpu");

/** Where opcodes start. */
const starts: number[] = [];
const source = new PickleSource(original, "p8", { admits: "nothing", hasOutside: false });
for (let at = 0; at < original.length; at = source.next) {
  source.step(at);
  starts.push(at);
}

type Bytes = Uint8Array<ArrayBuffer>;
const known = [...OPCODES.keys()];
const pick = <T>(random: Random, from: readonly T[]) => from[random.integer(from.length)];
const changed = (change: (copy: Bytes) => void): Bytes => {
  const copy = original.slice();
  change(copy);
  return copy;
};
const inserted = (at: number, part: Uint8Array) => bytes(original.subarray(0, at), part, original.subarray(at));

/** Each kind of damage, and how often it is done. */
const MUTATIONS: readonly [string, number, (random: Random) => Bytes][] = [
  ["a flipped bit", 70, (random) => changed((copy) => copy[random.integer(copy.length)] ^= 1 << random.integer(8))],
  [
    "a flipped bit of an opcode",
    40,
    (random) => changed((copy) => copy[pick(random, starts)] ^= 1 << random.integer(8)),
  ],
  ["another opcode", 50, (random) => changed((copy) => copy[pick(random, starts)] = pick(random, known))],
  ["a foreign opcode", 30, (random) => inserted(pick(random, starts), bytes(random.integer(256)))],
  ["an inserted byte", 20, (random) => inserted(random.integer(original.length), bytes(random.integer(256)))],
  [
    "an inserted call",
    20,
    (random) => inserted(pick(random, starts), bytes(global("os", "system"), text("false"), 0x85, 0x52, 0x30)),
  ],
  ["a truncation", 30, (random) => original.slice(0, random.integer(original.length))],
  [
    "swapped chunks",
    40,
    (random) =>
      changed((copy) => {
        const length = 1 + random.integer(2000);
        const [a, b] = [random.integer(copy.length - length), random.integer(copy.length - length)];
        copy.set(original.subarray(a, a + length), b);
        copy.set(original.subarray(b, b + length), a);
      }),
  ],
];

/** Everything that a dictionary says, exactly. */
async function contents(parts: DictionaryParts) {
  const { calibration, regions, contexts, activations, batches } = parts;
  const { size } = regions;
  const { values: members, sizes } = parts.members!.between(0, size);
  const matrices = [parts.exemplars, parts.sums];
  const [exemplars, sums] = await Promise.all(matrices.map((matrix) => backend.download(matrix)));
  matrices.forEach((matrix) => matrix.dispose());
  return {
    /** What no flipped bit may change unseen. */
    told: {
      exemplars,
      activations,
      batches,
      counts: regions.counts.slice(),
      founders: regions.founders.slice(),
      firstBatches: regions.firstBatches.slice(),
      contexts: Array.from({ length: size }, (_, r) => [contexts.nearest(r), contexts.farthest(r)]),
      sizes,
    },
    /** What is said once, or to a rounding. */
    sums,
    members,
    distanceSums: regions.distanceSums.slice(),
    distanceSquareSums: regions.distanceSquareSums.slice(),
    center: calibration.center,
    threshold: calibration.threshold,
  };
}

Deno.test("a damaged published dictionary is refused with a sentence, or right in all that the format says twice", async () => {
  const right = await contents(publishedParts(original, "p8", backend, { members: true }));
  const random = new Random(8);
  const outcomes = { refused: 0, right: 0, payload: 0 };
  let damaged = 0;
  for (const [kind, times, mutate] of MUTATIONS) {
    for (let i = 0; i < times; i++) {
      const file = mutate(random);
      damaged++;
      const started = performance.now();
      let parts: DictionaryParts | undefined;
      try {
        parts = publishedParts(file, "damaged.pkl", backend, { members: true });
      } catch (error) {
        assertEquals((error as Error).constructor, Error, `${kind}: ${(error as Error).stack}`);
        assertSentence(error as Error, "damaged.pkl", "run");
        outcomes.refused++;
      }
      // Milliseconds, but for what does not end.
      assert(performance.now() - started < 60_000, `${kind} took ${performance.now() - started} ms`);
      if (parts) outcomes[await verdict(await contents(parts), right, kind)]++;
    }
  }
  assertEquals(damaged, 300);
  assertEquals(outcomes.refused + outcomes.right + outcomes.payload, damaged);
  // Four fifths of the file are sampled member directions, where a flipped low bit is within rounding.
  assert(outcomes.refused >= 200, JSON.stringify(outcomes));
  assert(outcomes.payload <= 60, JSON.stringify(outcomes));
});

type Contents = Awaited<ReturnType<typeof contents>>;

/** Whether a dictionary is the right one; throws if it is neither that nor different only where nothing else tells. */
function verdict(found: Contents, right: Contents, kind: string): "right" | "payload" {
  assertEquals(found.told, right.told, kind);
  const largest = (a: ArrayLike<number>, b: ArrayLike<number>) =>
    Array.from(a).reduce(
      (most, value, i) => Math.max(most, Math.abs(value - b[i])),
      a.length === b.length ? 0 : Infinity,
    );
  const counts = right.told.counts;
  const dim = right.center.length;
  const changes = {
    sums: largest(
      found.sums.map((v, i) => v / counts[Math.floor(i / dim)]),
      right.sums.map((v, i) => v / counts[Math.floor(i / dim)]),
    ),
    distances: largest(
      found.distanceSums.map((v, i) => v / counts[i]),
      right.distanceSums.map((v, i) => v / counts[i]),
    ),
    squares: largest(
      found.distanceSquareSums.map((v, i) => v / counts[i]),
      right.distanceSquareSums.map((v, i) => v / counts[i]),
    ),
    threshold: Math.abs(found.threshold - right.threshold),
    members: largest(found.members, right.members),
    center: largest(found.center, right.center),
  };
  if (Object.values(changes).every((change) => change === 0)) return "right";
  const context = `${kind}: ${JSON.stringify(changes)}`;
  assert(changes.sums < 0.05 && changes.distances < 0.01 && changes.squares < 0.5 && changes.threshold < 2e-3, context);
  for (let at = 0; at < found.members.length; at += dim) {
    const norm = Math.hypot(...found.members.subarray(at, at + dim));
    assert(Math.abs(norm - 1) < 1e-3, context);
  }
  assert(found.center.every(Number.isFinite), context);
  return "payload";
}
