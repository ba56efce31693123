import { assert, assertAlmostEquals, assertEquals, assertStringIncludes } from "@std/assert";
import type { ProbeData } from "../../experiments/lib/probe/data.ts";
import { denseAndToken, sparseEncodings } from "../../experiments/lib/probe/encodings.ts";
import { measureEncoding, tasksOf } from "../../experiments/lib/probe/measure.ts";
import { difference, ofKind, summarise } from "../../experiments/lib/probe/summary.ts";
import { strongestOfDense } from "../../src/analysis/mod.ts";
import { numbersOf, withExperiment } from "./child.ts";

/** Sixty documents of ten tokens: activations say the kind but for a tenth of the rows, token ids say nothing. */
function kindsAndTokens(): ProbeData {
  const kinds = Array.from({ length: 60 }, (_, i) => i % 2 === 0 ? "even" : "odd");
  const documents = Int32Array.from({ length: 600 }, (_, row) => Math.floor(row / 10));
  const values = documents.map((document) => document % 2);
  const data = new Float32Array(1200);
  for (let row = 0; row < 600; row++) data[2 * row + (row % 10 === 3 ? 1 - values[row] : values[row])] = 1;
  const label = { name: "kind", classes: ["even", "odd"], values, ofDocument: true };
  return { data, rows: 600, dim: 2, tokens: documents.map((_, row) => row % 5), documents, kinds, labels: [label] };
}

const DRAW = { share: 0.3, train: 400, test: 150, shuffles: 2 };

Deno.test("every token of a document is on one side of the split, labels of documents are shuffled whole", () => {
  const data = kindsAndTokens();
  for (const seed of [0, 1, 2]) {
    const [{ train, test, shuffled }] = tasksOf(data, seed, DRAW);
    const learned = new Set(Array.from(train, (row) => data.documents[row]));
    const told = new Set(Array.from(test, (row) => data.documents[row]));
    assertEquals([train.length, test.length], [400, 150]);
    assertEquals(learned.isDisjointFrom(told), true);
    for (const labels of shuffled) {
      for (const row of train) {
        assertEquals(
          labels[row],
          labels[train.find((r) => data.documents[r] === data.documents[row])!],
        );
      }
    }
    assert(shuffled[0].join() !== shuffled[1].join());
  }
});

Deno.test("one-hot features tell as much as the rows do, token ids and shuffled labels nothing", () => {
  const data = kindsAndTokens();
  const features = strongestOfDense(data.data, 600, 2, 1);
  const encodings = [
    ...denseAndToken(data, 5),
    ...sparseEncodings({ source: "EP, exemplars", percentile: 4 }, features, [1]),
  ];
  const options = { strengths: [1e-3, 1e-1], iterations: 30, isControl: true };
  const readings = [0, 1].flatMap((seed) => {
    const tasks = tasksOf(data, seed, DRAW);
    return encodings.flatMap((encoding) => measureEncoding(encoding, tasks, data, { ...options, seed }));
  });
  const summaries = summarise(readings);
  const [raw] = ofKind(summaries, { source: "raw activations" });
  const [oneHot] = ofKind(summaries, { source: "EP, exemplars" });
  const [token] = ofKind(summaries, { source: "token id" });
  assertAlmostEquals(raw.accuracy.mean, 0.9, 0.04);
  assertEquals(oneHot.accuracy, raw.accuracy);
  assertEquals([oneHot.ratio.mean, oneHot.kept.mean, oneHot.kept.low], [1, 1, 1]);
  assertEquals([raw.chance, raw.l0, oneHot.l0, token.size], [0.5, 2, 1, 5]);
  assertEquals(difference(raw, oneHot), { mean: 0, low: 0, high: 0 });
  assertAlmostEquals(token.accuracy.mean, 0.5, 0.1);
  assertAlmostEquals(token.kept.mean, (token.accuracy.mean - 0.5) / (raw.accuracy.mean - 0.5), 1e-12);
  const shuffled = ofKind(summaries, { source: "raw activations", isShuffled: true });
  assertEquals(shuffled[0].readings.length, 4, "two shufflings of two seeds");
  assert(shuffled[0].accuracy.mean < 0.75, `${shuffled[0].accuracy.mean}`);
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
