import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { numbersOf, withExperiment } from "./child.ts";

const SMALL = "--layers 1,3 --percentiles 8,20 --seeds 2 --prompts 6 --calibration 1000 --max-tokens 2000 --batch 16";

Deno.test("ood leaves its table, charts and report, and findings by layer and percentile", () =>
  withExperiment("ood", SMALL.split(" "), async ({ code, stdout, stderr, out, record }) => {
    assertEquals([code, stderr], [0, ""]);
    assertStringIncludes(stdout, "random tokens");
    for (const file of record.outputs) assert((await Deno.stat(`${out}/${file}`)).size > 0, file);
    for (const name of ["distances", "auroc", "distribution"]) assert(record.outputs.includes(`${name}.png`), name);

    const { findings } = record;
    const keys = ["mean_distance_heldout", "mean_distance_bulgarian", "mean_distance_random", "auroc_bulgarian"];
    for (const key of [...keys, "auroc_random", "auroc_random_coreset"]) {
      assertEquals(typeof findings[key], "number", key);
      const byLayer = findings[`${key}_by_layer`] as number[][];
      assertEquals(byLayer.map((row) => row.length), [2, 2], key);
      assertEquals(byLayer[1][1], findings[key], "the plain number is the middle setting's");
      assert(numbersOf(byLayer).every((value) => value > 0 && value < 2), `${key}: ${byLayer}`);
    }
    assertEquals([findings.layer, findings.percentile], [3, 20]);
    // Shallow layers hardly see the context: tokens in another order lie as far as in theirs.
    const [held, shuffled, random] = ["heldout", "shuffled", "random"].map((set) =>
      (findings[`mean_distance_${set}_by_layer`] as number[][])[0][0]
    );
    assert(Math.abs(shuffled - held) < 0.05 && random > held + 0.05, `${held} ${shuffled} ${random}`);
    const html = await Deno.readTextFile(`${out}/report.html`);
    assertStringIncludes(html, '<p class="answer">Held-out text lies nearer to the exemplars than Bulgarian in');
  }));
