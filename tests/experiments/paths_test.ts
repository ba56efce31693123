import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { lensText } from "../../experiments/lib/paths/charts.ts";
import { readArrow } from "../../src/files/mod.ts";
import { tokenText } from "../../src/report/mod.ts";
import { numbersOf, withExperiment } from "./child.ts";

const SMALL =
  "--layers 0,2,3 --percentiles 5,20 --seeds 2 --prompts 6 --shown 8 --calibration 1000 --max-tokens 2000 " +
  "--batch 16";

Deno.test("paths leaves its tables, charts and report, and findings by layer", () =>
  withExperiment("paths", SMALL.split(" "), async ({ code, stdout, stderr, out, record }) => {
    assertEquals([code, stderr], [0, ""]);
    assertStringIncludes(stdout, "same region when shuffled");
    for (const file of record.outputs) assert((await Deno.stat(`${out}/${file}`)).size > 0, file);
    for (const name of ["path", "context", "together"]) assert(record.outputs.includes(`${name}.png`), name);

    const { findings } = record;
    const shares: [string, number][] = [["agreement_shuffled", 3], ["agreement_chance", 3], ["stay", 2], [
      "stay_chance",
      2,
    ]];
    for (const [key, length] of shares) {
      const values = numbersOf(findings[key]);
      assertEquals(values.length, length, key);
      assert(values.every((value) => value >= 0 && value <= 1), `${key}: ${values}`);
      assertEquals(
        (findings[`${key}_by_percentile`] as number[][])[1],
        findings[key],
        "the plain ones are the middle p's",
      );
    }
    // The first block hardly sees the context: a token falls where it falls in any order.
    const [first] = findings.agreement_shuffled as number[];
    assert(first > 0.6 && first > (findings.agreement_chance as number[])[0], `${first}`);
    assertEquals((findings.path_regions as number[][]).map((regions) => regions.length), [7, 7, 7]);
    assertEquals((await readArrow(`${out}/path.arrow`)).numRows, 2 * 7 * 3);
    const html = await Deno.readTextFile(`${out}/report.html`);
    assertStringIncludes(html, '<p class="answer">At p 20, ');
  }));

Deno.test("labels show tokens of spaces and pass over tokens that cannot be read", () => {
  assertEquals([" the", "   ", "\n", "\n  ", "\n       "].map(tokenText), ["the", "␣␣␣", "⏎", "⏎␣␣", "⏎␣×7"]);
  assertEquals(lensText(["\ufffd", "\u0007", " if", "x"]), "if");
  assertEquals(lensText(["\ufffd", "\u0007"]), "·");
});
