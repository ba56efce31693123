import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { numbersOf, withExperiment } from "./child.ts";

const SMALL = "--layers 1,6 --percentiles 8,20 --seeds 2 --max-tokens 600 --calibration 400 --context 32 --batch 6";

Deno.test("saturation leaves its tables, charts and report, and regions by domain at equal budgets", () =>
  withExperiment("saturation", SMALL.split(" "), async ({ code, stdout, stderr, out, record }) => {
    assertEquals([code, stderr], [0, ""]);
    assertStringIncludes(stdout, "At p 20 and equal budgets");
    for (const file of record.outputs) assert((await Deno.stat(`${out}/${file}`)).size > 0, file);
    const { findings } = record;
    for (const domain of ["math", "code", "chat"]) {
      const regions = findings[`regions_${domain}`] as number[];
      assertEquals(regions.length, 2);
      // 18 windows of 31 activations.
      assert(regions.every((count) => count >= 1 && count <= 558), `${domain}: ${regions}`);
      assertEquals((findings[`regions_${domain}_by_percentile`] as number[][])[1], regions);
    }
    assertEquals([findings.tokens, findings.dictionaries], [576, [16, 16]]);
    assert(numbersOf(findings).every(Number.isFinite));
    assertStringIncludes(await Deno.readTextFile(`${out}/report.html`), '<p class="answer">At p 20 and equal budgets');
  }));
