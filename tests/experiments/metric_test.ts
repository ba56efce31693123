import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { numbersOf, withExperiment } from "./child.ts";

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
    assertStringIncludes(await Deno.readTextFile(`${out}/report.html`), '<p class="answer">With 20 regions at layer 5');
  }));
