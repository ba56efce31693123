import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { metricMaps } from "../../experiments/lib/metric/spaces.ts";
import { numbersOf, withExperiment } from "./child.ts";

Deno.test("the metrics differ in what they forget", () => {
  const rows = Float32Array.of(2, 0, 4, 0, 0, 3, 0, -3, 1, 1);
  const maps = metricMaps(rows, Float32Array.of(1, 0), 0);
  const at = (name: keyof typeof maps, row: number) => [...maps[name](rows).slice(2 * row, 2 * row + 2)];
  // Rows 0 and 1 point the same way at different lengths.
  assertEquals(at("raw cosine", 0), at("raw cosine", 1));
  assertEquals([at("centred cosine", 0), at("centred cosine", 4)], [[1, 0], [0, 1]]);
  assertEquals(at("Euclidean", 1), [4, 0]);
  const white = maps["whitened Euclidean"](rows);
  let square = 0;
  for (const value of white) square += value ** 2 / 5;
  assert(Math.abs(square - 2) < 1e-5, `two coordinates of unit variance: ${square}`);
});

const SMALL = "--layers 5 --regions 8,20 --windows 3 --heldout 3 --context 32 --seeds 2 --ridge 0.1";

Deno.test("metric leaves table, chart and report, and every metric at the same number of regions", () =>
  withExperiment("metric", SMALL.split(" "), async ({ code, stdout, stderr, out, record }) => {
    assertEquals([code, stderr], [0, ""]);
    assertStringIncludes(stdout, "whitened Euclidean");
    for (const file of record.outputs) assert((await Deno.stat(`${out}/${file}`)).size > 0, file);
    const { findings } = record;
    assert(numbersOf(findings).every(Number.isFinite));
    assertEquals([findings.layer, findings.regions], [5, 20]);
    for (const key of ["agreement", "accuracy", "accuracy_shuffled", "gini"]) {
      const values = findings[key] as number[];
      assert(values.length === 5 && values.every((value) => value > -0.5 && value <= 1), `${key}: ${values}`);
    }
    assertStringIncludes(await Deno.readTextFile(`${out}/report.html`), '<p class="answer">With 20 regions at block 5');
  }));
