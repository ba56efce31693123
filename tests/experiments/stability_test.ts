import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { STABILITY_VARIANTS } from "../../src/analysis/mod.ts";
import { numbersOf, withExperiment } from "./child.ts";

const SMALL = "--layers 6 --percentiles 4,8 --seeds 3 --texts 24 --calibration 1000 --batch 8";

Deno.test("stability leaves its tables, charts and report, and each remedy beside its control", () =>
  withExperiment("stability", SMALL.split(" "), async ({ code, stdout, stderr, out, record }) => {
    assertEquals([code, stderr], [0, ""]);
    for (const file of record.outputs) assert((await Deno.stat(`${out}/${file}`)).size > 0, file);
    const { findings } = record;
    assert(numbersOf(findings).every(Number.isFinite), stdout);
    const quintiles = findings.matched_cosine_by_quintile as number[];
    assertEquals([quintiles.length, findings.orders], [5, 3]);
    const number = (key: string) => findings[key] as number;
    assert(Math.abs(number("spearman_density")) <= 1);
    // The same texts come back better than rotated ones, whatever D is.
    const chance = findings.matched_cosine_by_quintile_chance as number[];
    assert(quintiles.every((cosine, i) => cosine > chance[i]), `${quintiles} ${chance}`);
    const variants = findings.variants as Record<string, { regions: number }>;
    assertEquals(Object.keys(variants), [...STABILITY_VARIANTS]);
    const all = variants.means.regions;
    const absorbed = variants["means, unstable fifth absorbed"].regions;
    assert(absorbed < all && absorbed >= 0.8 * all, `${absorbed} of ${all}`);
    assertEquals(variants["means, random fifth absorbed"].regions, absorbed);
    assertStringIncludes(await Deno.readTextFile(`${out}/report.html`), '<p class="answer">At layer 6, p 8 a region');
  }));
