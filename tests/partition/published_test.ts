import { assert, assertEquals, assertRejects } from "@std/assert";
import { Dictionary } from "../../src/partition/mod.ts";
import { backendTest } from "../lib/backends.ts";
import { inFolder } from "../lib/folder.ts";
import { assertSentence } from "../lib/sentence.ts";
import { array, batches, floats, golden, type GoldenDictionary, largestDifference, queries } from "./golden.ts";
import { fileURLToPath } from "node:url";

const file = (name: string) => fileURLToPath(new URL(`../golden/${name}`, import.meta.url));
const p8 = golden.dictionaries.find((of: GoldenDictionary) => of.percentile === 8) as GoldenDictionary;

backendTest("the published pickle equals the arrays beside it, and assigns as they do", async (backend) => {
  using dictionary = await Dictionary.load(file("reference-a/dictionary_p8.pkl"), { backend });
  assertEquals(dictionary.size, p8.n_regions);
  assertEquals(dictionary.threshold, p8.threshold);
  assertEquals(dictionary.center, await floats(p8.center));
  assertEquals(dictionary.exemplars, await floats(p8.exemplar_direction));
  assert(largestDifference(dictionary.means, await floats(p8.mean_member_direction)) < 1e-6);
  assert(largestDifference(dictionary.coherences, await array(p8.member_coherence)) < 1e-6);
  assertEquals(dictionary.memberCounts, await array(p8.member_count));
  assertEquals(dictionary.distanceSums, await array(p8.sum_dist));
  assertEquals(dictionary.distanceSquareSums, await array(p8.sum_sq_dist));
  assertEquals(dictionary.founders, await array(p8.exemplar_index));
  assertEquals(dictionary.activations, batches.length * batches[0].rows);

  const { regions, distances } = await dictionary.assign(queries);
  assert(largestDifference(distances, await floats(p8.query_distance)) < 2e-6);
  assertEquals(regions, await array(p8.query_assignment));
});

backendTest("a published dictionary can be saved as Arrow and goes on adding", (backend) =>
  inFolder(async (folder) => {
    using published = await Dictionary.load(file("reference-a/dictionary_p8.pkl"), { backend });
    await published.save(`${folder}/p8.arrow`);
    using loaded = await Dictionary.load(`${folder}/p8.arrow`, { backend });
    const before = published.memberCounts.slice();
    for (const dictionary of [published, loaded]) await dictionary.add(queries);
    assertEquals(loaded.exemplars, published.exemplars);
    assertEquals(loaded.sums, published.sums);
    assertEquals(loaded.memberCounts, published.memberCounts);
    assertEquals(published.activations, 3072 + queries.rows);
    assert(published.memberCounts.length >= before.length && before.every((n, r) => published.memberCounts[r] >= n));
    assertSentence(await assertRejects(() => published.reanchor()), "sampled members");
    using sampled = await Dictionary.load(file("reference-a/dictionary_p8.pkl"), { backend, members: true });
    assertEquals((await sampled.reanchor()).size, sampled.size);
  }));

backendTest(
  "bookkeeping that a dictionary of before the first release lacks is not needed",
  (backend) =>
    inFolder(async (folder) => {
      const bytes = await Deno.readFile(file("reference-a/dictionary_p8.pkl"));
      const text = new TextDecoder("latin1").decode(bytes);
      for (const key of ["merge_close", "_last_batch_new_partition_rate", "_exemplars"]) {
        // An attribute of another name is an unknown one.
        bytes[text.indexOf(`${key}\x94`)] = "x".charCodeAt(0);
      }
      await Deno.writeFile(`${folder}/early.pkl`, bytes);
      using dictionary = await Dictionary.load(`${folder}/early.pkl`, { backend });
      assertEquals(dictionary.exemplars, await floats(p8.exemplar_direction));
    }),
);

const small = JSON.parse(await Deno.readTextFile(file("pickles/small.json")));

for (const name of ["small_protocol5.pkl", "small_cas_protocol2.pkl"]) {
  backendTest(`a dictionary of NumPy 2 with contexts: ${name}`, async (backend) => {
    using dictionary = await Dictionary.load(file(`pickles/${name}`), { backend });
    assertEquals(dictionary.size, small.regions);
    assertEquals([...dictionary.memberCounts], small.counts);
    const data = Float32Array.from(small.queries as number[]);
    const { regions } = await dictionary.assign({ data, rows: data.length / dictionary.dim, dim: dictionary.dim });
    assertEquals([...regions], small.assignment);
    for (
      const [contexts, expected] of [
        [dictionary.nearestContexts(0), small.nearest],
        [dictionary.farthestContexts(0), small.farthest],
      ]
    ) {
      const distances = expected.map(([distance]: [number]) => Math.max(0, distance));
      assertEquals(contexts.map(({ distance }: { distance: number }) => distance), distances);
      const placed = ({ prompt, position }: { prompt: string; position: number }) => `${prompt}@${position}`;
      assertEquals(
        contexts.map(placed).sort(),
        expected.map(([, prompt, position]: [number, string, number]) => `${prompt}@${position}`).sort(),
      );
    }
    assertEquals(
      dictionary.nearestContexts(0)[0].excerpt.token,
      "",
      "which characters the token is, nobody wrote down",
    );
  });
}

backendTest("what is no published dictionary is refused with a sentence", async (backend) => {
  const load = (name: string) => assertRejects(() => Dictionary.load(file(`pickles/${name}`), { backend }));
  assertSentence(await load("values_protocol4.pkl"), "values_protocol4.pkl", "no object of the class Dictionary");
  assertSentence(await load("small.json"), "small.json", "an Arrow IPC file (ARROW1), a published pickle");
  assertSentence(await load("missing.pkl"), "missing.pkl", "there is no such file");
});
