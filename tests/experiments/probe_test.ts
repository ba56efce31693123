import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { numbersOf, withExperiment } from "./child.ts";

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
