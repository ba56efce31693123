import { assert, assertAlmostEquals, assertEquals, assertStringIncludes } from "@std/assert";
import { difference, ofKind, type Reading, summarise } from "../../experiments/lib/probe/rows.ts";
import { numbersOf, withExperiment } from "./child.ts";

/** A reading of two documents with ten questions each. */
function reading(seed: number, rest: Pick<Reading, "source" | "percentile" | "k">, right: number[]): Reading {
  return {
    ...{ seed, label: "kind", labels: "true", shuffle: null, features: 100 + seed, l0: 1, chance: 0.5, l2: 0.1 },
    ...rest,
    accuracy: (right[0] + right[1]) / 20,
    questions: 20,
    recalls: [0.5, 0.5],
    right: Float64Array.from(right),
    asked: Float64Array.of(10, 10),
  };
}

Deno.test("seeds are pooled by document, and what is kept is told of raw activations above chance", () => {
  const raw = { source: "raw activations", percentile: null, k: null } as const;
  const regions = { source: "EP, exemplars", percentile: 4, k: 1 } as const;
  const summaries = summarise([
    ...[reading(0, raw, [10, 9]), reading(0, regions, [8, 7])],
    { ...reading(0, raw, [5, 5]), labels: "shuffled", shuffle: 1 },
    ...[reading(1, raw, [9, 8]), reading(1, regions, [7, 6])],
  ]);
  assertEquals(summaries.map(({ source, labels }) => `${source}, ${labels}`), [
    ...["raw activations, true", "EP, exemplars, true", "raw activations, shuffled"],
  ]);
  const [whole, own] = [ofKind(summaries, raw)[0], ofKind(summaries, regions)[0]];
  assertEquals([whole.accuracy, own.accuracy, own.features], [0.9, 0.7, 100.5]);
  assertAlmostEquals(own.ratio, 7 / 9, 1e-12);
  assertAlmostEquals(own.kept, 0.5, 1e-12);
  assertEquals([whole.kept, whole.keptLow, whole.keptHigh], [1, 1, 1]);
  assertEquals([own.accuracyLow, own.accuracyHigh], [0.65, 0.75], "one document twice");
  // Documents are drawn for both: their difference is that of either document.
  const { mean, low, high } = difference(whole, own);
  for (const value of [mean, low, high]) assertAlmostEquals(value, 0.2, 1e-12);
  assertEquals(ofKind(summaries, { ...raw, labels: "shuffled" })[0].accuracy, 0.5);
});

const SMALL = "--percentiles 8,16 --documents 4 --instructions 6 --train 100 --test 60 --k 1,2 --strengths 1e-2 " +
  "--iterations 5 --seeds 1 --shuffles 1 --calibration 2000 --max-tokens 4000 --context 32 --batch 32";

Deno.test("probe leaves tables, charts, report, and accuracies of every label", () =>
  withExperiment("probe", SMALL.split(" "), async ({ code, stdout, stderr, out, record }) => {
    assertEquals([code, stderr], [0, ""]);
    assertStringIncludes(stdout, "SAE, all features");
    for (const file of record.outputs) assert((await Deno.stat(`${out}/${file}`)).size > 0, file);
    const { findings } = record;
    assert(numbersOf(findings).every(Number.isFinite));
    assertEquals(findings.labels, ["domain", "token class", "next token's class", "position", "harmful"]);
    for (const key of ["accuracy_raw", "accuracy_onehot", "accuracy_sae", "accuracy_shuffled"]) {
      const values = findings[key] as number[];
      assert(values.length === 5 && values.every((value) => value >= 0 && value <= 1), `${key}: ${values}`);
    }
    assertEquals(findings.percentiles, [8, 16]);
    const report = await Deno.readTextFile(`${out}/report.html`);
    assertStringIncludes(report, '<p class="answer">The nearest region alone, of ');
    assertStringIncludes(report, "Published for another model");
  }));
