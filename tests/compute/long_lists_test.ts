/** Lists that are too long for the arguments of a call. */
import { assertEquals } from "@std/assert";
import { Random } from "../../src/compute/mod.ts";
import { append, hypot, largest, smallest } from "../../src/compute/long_lists.ts";

Deno.test("extremes of lists of any length, of none, and with NaN, are those of Math", () => {
  const random = new Random(1);
  for (const count of [0, 1, 2, 1000]) {
    const values = Float64Array.from({ length: count }, () => random.normal());
    assertEquals([largest(values), smallest(values)], [Math.max(...values), Math.min(...values)]);
  }
  assertEquals([largest([1, NaN, 2]), smallest([1, NaN, 2])], [NaN, NaN]);
  const many = new Float32Array(3_000_000).fill(1).fill(2, 7, 8).fill(-2, 9, 10);
  assertEquals([largest(many), smallest(many)], [2, -2]);
});

Deno.test("the length of a vector is to the bit what Math.hypot gives", () => {
  const random = new Random(2);
  for (const scale of [1e-300, 1, 1e300]) {
    for (const dim of [1, 2, 3, 64, 5000]) {
      const vector = Float64Array.from({ length: dim }, () => scale * random.normal());
      assertEquals(hypot(vector), Math.hypot(...vector), `${dim} times ${scale}`);
    }
  }
  for (const vector of [[], [0, -0], [3, Infinity], [-Infinity], [1, NaN]]) {
    assertEquals(hypot(vector), Math.hypot(...vector), vector.join());
  }
  assertEquals(hypot(new Float32Array(1_000_000).fill(1)), 1000);
});

Deno.test("a list takes as many values as there are", () => {
  const list = [1];
  append(list, new Float32Array(3_000_000));
  assertEquals([list.length, list[0], list.at(-1)], [3_000_001, 1, 0]);
});

/** Lists that are short whatever is read: what stands in the spread, by file. */
const SHORT: Readonly<Record<string, readonly string[]>> = {
  "src/activations/corpus_text.ts": ["bytes"], // the head of a file
  "src/analysis/geometry/leader_rows.ts": ["place < 0"], // one leader
  "src/files/frames.ts": ["head.subarray"], // the head of a file
  "src/analysis/concepts/concept_scorer.ts": ["ruled"], // numbers of regions
  "src/hub/remote.ts": ["await nearFiles"],
  "src/model/embeddings.ts": ["embeddings.opsetImport"],
  "src/model/intervene.ts": ["fused.attribute", "nodes", "sums"], // what one edit adds
  "src/partition/persistence.ts": ["CONTEXTS"], // two
  "src/run/command/help.ts": ["rows"], // flags
  "src/run/steps/given.ts": ["dictionaries"],
  "experiments/axbench.ts": ["dictionaries"],
  "experiments/probe.ts": ["own"], // numbers of features
  "experiments/metric.ts": ["regions"], // of a flag
  "experiments/refusal.ts": ["flags.topK", "await lab.references"],
  "experiments/lib/axbench/charts.ts": ["byBudget"],
  "experiments/lib/axbench/choices.ts": ["dictionaries"],
  "experiments/lib/probe/outcome.ts": ["shuffled", "strengths"], // probes
  "experiments/lib/probe/rows.ts": ["ofKind"],
  "experiments/lib/refusal/findings.ts": ["ablations"],
  "experiments/lib/saturation/outcome.ts": ["sizes", "DOMAINS", "STREAMS"],
  "experiments/saturation.ts": ["all"], // domains
  "experiments/lib/steer/outcome.ts": ["rows"],
};

const SPREAD =
  /(?:Math\.(?:max|min|hypot)|\.(?:push|unshift|splice|of)|fromCharCode|fromCodePoint)\((?:[^;[{]*?, )?\.\.\.([^;]+)/g;

/** TypeScript files below a folder, relative to the repository. */
async function* filesOf(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory) yield* filesOf(`${folder}/${name}`);
    else if (name.endsWith(".ts")) yield `${folder}/${name}`;
  }
}

Deno.test("no list that may be long is spread into a call", async () => {
  const spread: string[] = [];
  for (const folder of ["src", "experiments"]) {
    for await (const file of filesOf(folder)) {
      const code = (await Deno.readTextFile(file)).replaceAll(/^ *(?:\/\*\*|\*|\/\/).*$/gm, "");
      for (const [, list] of code.matchAll(SPREAD)) {
        const isShort = SHORT[file]?.some((start) => list.replace(/^\(/, "").startsWith(start));
        if (!isShort) spread.push(`${file}: ...${list.slice(0, 60)}`);
      }
    }
  }
  assertEquals(spread, []);
});
