import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { readArrow } from "../../src/files/mod.ts";
import { withExperiment } from "./child.ts";

const SMALL =
  "--layers 1,3 --percentiles 5,10,20 --seeds 2 --pairs 6 --controls 4 --calibration 1000 --max-tokens 4000 " +
  "--batch 16";

Deno.test("neighbourhood leaves its tables, charts and report, and only regions nearer to both anchors", () =>
  withExperiment("neighbourhood", SMALL.split(" "), async ({ code, stdout, stderr, out, record }) => {
    assertEquals([code, stderr], [0, ""]);
    assertStringIncludes(stdout, "from A or B");
    for (const file of record.outputs) assert((await Deno.stat(`${out}/${file}`)).size > 0, file);

    const { findings } = record;
    assertEquals(findings.percentiles, [20, 10, 5]);
    const counts = findings.between_count as number[];
    assertEquals(counts.length, 3);
    assert(counts.every((count) => count >= 0) && counts[2] > counts[0], `${counts}`);
    assert((findings.smallest_excess as number) > 0);
    const table = await readArrow(`${out}/between.arrow`);
    assert(table.numRows > 0);
    for (const { cosine, cosine_a, cosine_b } of table.toArray()) assert(cosine_a > cosine && cosine_b > cosine);
    const html = await Deno.readTextFile(`${out}/report.html`);
    assertStringIncludes(html, '<p class="answer">Between the closest pairs of regions at p 20');
  }));
