/** What a build says that its numbers are numbers of: texts that were read, activations that members are counts of. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { readArrow } from "../../src/files/mod.ts";
import { inFolder } from "../lib/folder.ts";
import { ORT_TEST } from "../model/toy.ts";
import { withExperiment } from "./child.ts";
import { runScript } from "./in_process.ts";

const FLAGS = "--layers 3 --percentiles 8,40 --calibration 600 --batch 8 --device cpu".split(" ");

/** Short texts of a few kinds, every fifth held out. */
async function writeTexts(path: string, count: number): Promise<void> {
  const people = ["Anna", "Boris", "Chen", "Dara", "Emil"];
  const [cities, foods] = [["Sofia", "Paris", "Oslo", "Kyoto"], ["soup", "bread", "apples"]];
  const rows = Array.from({ length: count }, (_, i) => {
    const who = people[i * 7 % 5];
    const text = [
      `${who} paid $${i % 90 + 2} for the ${foods[i % 3]} and got ${i % 19} dollars back.`,
      `The weather in ${cities[i % 4]} was cold on Monday, and ${who} stayed at home.`,
      `Question: What is ${i} plus ${i % 13}?\nAnswer: ${i + i % 13}.`,
    ][i % 3];
    return JSON.stringify({ text, split: i % 5 === 0 ? "heldout" : "train" });
  });
  await Deno.writeTextFile(path, rows.join("\n"));
}

async function readRows(path: string): Promise<Record<string, unknown>[]> {
  return [...await readArrow(path)].map((row) => row.toJSON());
}

Deno.test("a build whose dictionaries are saturated early says so beside its counts, and reads on when told to", () =>
  inFolder(async (folder) => {
    const corpus = `${folder}/texts.jsonl`;
    await writeTexts(corpus, 300);
    const build = (more: readonly string[], body: Parameters<typeof withExperiment>[2]) =>
      withExperiment("build", [...FLAGS, "--corpus", corpus, ...more], async (ended) => {
        assertEquals(ended.code, 0, ended.stderr);
        const dictionaries = await readRows(`${ended.out}/dictionaries.arrow`);
        const regions = await readRows(`${ended.out}/regions.arrow`);
        for (const { percentile, activations, beyond, regions: size } of dictionaries) {
          const own = regions.filter((region) => region.percentile === percentile);
          const members = own.reduce((sum, region) => sum + Number(region.members), 0);
          assertEquals([own.length, members + Number(beyond)], [size, activations]);
          assertEquals(activations, ended.record.findings.activations);
        }
        await body(ended);
      });

    const told: Record<string, Record<string, unknown>[]> = {};
    await build([], async ({ stdout, out, record }) => {
      const { texts, ended, coverage_of: on } = record.findings;
      assert(Number(texts) < 300, `${texts}`);
      assertEquals([ended, on], ["saturated", "texts that were not read"]);
      const said = `Reading stopped after ${texts} of 300 texts, because both dictionaries were saturated.`;
      assertStringIncludes(stdout, said);
      const page = await Deno.readTextFile(`${out}/report.html`);
      for (const text of [said, "founded until", "beyond θ", "Streams that dictionaries grew on"]) {
        assertStringIncludes(page, text);
      }
      const [stream] = record.streams;
      assertEquals([stream.texts, stream.of, stream.ended, stream.dictionaries], [texts, 300, "saturated", 2]);
      told.stopped = await readRows(`${out}/dictionaries.arrow`);
      const until = told.stopped.map(({ founded_until }) => Number(founded_until));
      assert(Math.min(...until) < Math.max(...until), `one is saturated before the other: ${until}`);
    });
    await build(["--read-all"], async ({ stdout, out, record }) => {
      assertEquals([record.findings.texts, record.findings.ended], [300, "stream"]);
      assertStringIncludes(stdout, "All 300 texts were read.");
      assertEquals(record.findings.coverage_of, "what was read");
      assertStringIncludes(stdout, "of text that no dictionary grew on nothing is known");
      assertStringIncludes(await Deno.readTextFile(`${out}/report.html`), "it is 1 by construction");
      told.whole = await readRows(`${out}/dictionaries.arrow`);
    });
    for (const name of ["regions", "founded_until", "threshold"]) {
      assertEquals(told.whole.map((row) => row[name]), told.stopped.map((row) => row[name]), name);
    }
    await build(["--split", "train"], ({ stdout, record }) => {
      assertEquals([record.streams[0].of, record.findings.coverage_of], [240, "held-out texts"]);
      const coverage = record.findings.coverage as number[];
      assert(coverage.every((share) => share > 0.5 && share <= 1) && coverage[0] < coverage[1], `${coverage}`);
      assertStringIncludes(stdout, "Of 50 held-out texts, ");
    });
  }));

Deno.test({
  name: "a budget that ends when all texts are begun leaves none to measure coverage on, and says so",
  ...ORT_TEST,
  fn: () =>
    inFolder(async (folder) => {
      const texts = [1, 2, 3].map((i) =>
        JSON.stringify({ text: `The ${i} kings said that the war was over. `.repeat(40) })
      );
      await Deno.writeTextFile(`${folder}/long.jsonl`, texts.join("\n"));
      const reading = ["--layers", "3", "--percentiles", "20", "--context", "16", "--calibration", "100"];
      const place = ["--device", "cpu", "--quiet", "--corpus", `${folder}/long.jsonl`, "--out", `${folder}/out`];
      const { code, err } = await runScript("build", [...reading, ...place, "--max-tokens", "200"]);
      assertEquals([code, err], [0, ""]);
      const { findings } = JSON.parse(await Deno.readTextFile(`${folder}/out/run.json`));
      assertEquals([findings.texts, findings.ended, findings.coverage_of], [3, "budget", "what was read"]);
    }),
});
