import { assert, assertAlmostEquals, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import type { DetectionRow } from "../../experiments/lib/axbench/rows.ts";
import { AxBenchReader, type AxBenchRow, extract, readAxBench, readCorpus } from "../../src/activations/mod.ts";
import { openBackend } from "../../src/compute/mod.ts";
import { loadModel } from "../../src/model/mod.ts";
import { calibrateLayers, Dictionary } from "../../src/partition/mod.ts";
import { RunManifest } from "../../src/report/mod.ts";
import { type Flags, growToBudgets, Progress, RowStore, type Run } from "../../src/run/mod.ts";
import { inFolder } from "../lib/folder.ts";
import { ORT_TEST, TOY_IT } from "../model/toy.ts";
import { experimentCommand, numbersOf, stoppingCommand, withExperiment } from "./child.ts";

Deno.test({
  name: "a growth that goes on gives the same dictionaries, and small budgets' exemplars are the first of large ones",
  ...ORT_TEST,
  fn: () =>
    inFolder(async (folder) => {
      const [backend, model] = [await openBackend("cpu"), await loadModel(TOY_IT, { device: "cpu" })];
      const texts = (await Array.fromAsync(readCorpus("fixtures/corpora/pile.jsonl"))).slice(0, 48);
      const reading = { context: 32, batchPrompts: 8 };
      const calibrations = await calibrateLayers(extract(model, texts, { ...reading, layers: [3], backend }), [3], {
        percentiles: [10],
        activations: 500,
        backend,
      });
      const plan = {
        backend,
        model,
        layers: [3],
        texts,
        corpus: "some",
        files: [],
        reading,
        calibrations,
      };
      const seeds = [0, 1];
      const run = {
        flags: { maxTokens: 2e6 },
        progress: new Progress({ quiet: true }),
        manifest: new RunManifest({ name: "test" }),
        signal: new AbortController().signal,
      } as unknown as Run<Flags>;
      const inOne = await growToBudgets(run, plan, { seeds, budgets: [400, 1200], folder: join(folder, "a") });
      const stopped = { seeds, folder: join(folder, "b") };
      await growToBudgets(run, plan, { ...stopped, budgets: [400] });
      const inTwo = await growToBudgets(run, plan, { ...stopped, budgets: [400, 1200] });
      assertEquals(inOne.map(({ seed, budget }) => [seed, budget]), [[0, 400], [0, 1200], [1, 400], [1, 1200]]);
      for (const [i, one] of inOne.entries()) {
        assertEquals({ ...inTwo[i], file: "" }, { ...one, file: "" });
        assert(one.tokens >= one.budget && one.tokens < one.budget + 8 * 32);
        assertEquals(await Deno.readFile(inTwo[i].file), await Deno.readFile(one.file));
      }
      const exemplars = async (i: number) => {
        using dictionary = await Dictionary.load(inOne[i].file, { backend });
        return dictionary.exemplars.slice();
      };
      const [small, large] = [await exemplars(0), await exemplars(1)];
      assert(small.length < large.length);
      assertEquals(large.slice(0, small.length), small);
      await model.dispose();
    }),
});

const DETECTING = "--device cpu --calibration 1000 --batch 16 --text-context 40 --sets 1 --resamples 200".split(" ");
const GROWING = "--percentiles 4,10 --max-tokens 2000 --budgets 1000 --seeds 1".split(" ");
const SMALL = [...DETECTING, ...GROWING, "--concepts", "0,1"];
const TABLES = ["concepts", "methods", "paired", "examples"];

Deno.test("axbench leaves tables, charts and report; killed and gone on with, the same tables to the byte", () =>
  withExperiment("axbench", SMALL, async ({ code, stdout, stderr, out, record }) => {
    assertEquals([code, stderr], [0, ""]);
    assertStringIncludes(stdout, "difference in means");
    for (const file of record.outputs) assert((await Deno.stat(`${out}/${file}`)).size > 0, file);
    for (const name of ["methods", "differences", "percentiles", "tokens"]) {
      assert(record.outputs.includes(`${name}.png`), name);
    }
    const { findings } = record;
    assert(numbersOf(findings).every(Number.isFinite));
    assertEquals([findings.concepts, findings.layer, findings.percentiles], [2, 6, [4, 10]]);
    const areas = findings.mean_auroc as Record<string, Record<string, number[]>>;
    for (const rule of ["contrast", "auroc"]) {
      for (const basis of ["exemplar", "mean"]) assertEquals(areas[rule][basis].length, 2, `${rule} ${basis}`);
    }
    for (const value of [areas, findings.mean_auroc_diffmean, findings.mean_auroc_probe, findings.mean_auroc_random]) {
      assert(numbersOf(value).length > 0 && numbersOf(value).every((area) => area >= 0 && area <= 1));
    }
    assert((findings.mean_auroc_diffmean as number) > 0.6, "labels and rows belong together");
    const [low, high] = findings.difference_random_interval as number[];
    assert(low <= (findings.difference_random as number) && high >= (findings.difference_random as number));
    assertStringIncludes(
      await Deno.readTextFile(`${out}/report.html`),
      '<p class="answer">A region chosen by the AUROC rule among',
    );

    await assertSameByLoops(out);
    await assertSameOfGiven(out);

    await inFolder(async (folder) => {
      const args = [...SMALL, "--out", folder, "--quiet"];
      const silent = { stdout: "null", stderr: "null" } as const;
      const first = stoppingCommand("state/concepts/0.json", "axbench", args, silent).spawn();
      const finished = (concept: number) =>
        Deno.stat(`${folder}/state/concepts/${concept}.json`).then(() => true, () => false);
      while (!await finished(0)) await new Promise((resolve) => setTimeout(resolve, 5));
      first.kill("SIGKILL");
      await first.status;
      await assertRejects(() => Deno.stat(`${folder}/run.json`), Deno.errors.NotFound);
      assertEquals((await experimentCommand("axbench", [...args, "--resume"], silent).output()).code, 0);
      for (const name of TABLES) {
        assertEquals(await Deno.readFile(`${folder}/${name}.arrow`), await Deno.readFile(`${out}/${name}.arrow`), name);
      }
    });
  }));

/** Runs again with the kept dictionaries instead of growing them: regions detect as before. */
async function assertSameOfGiven(out: string): Promise<void> {
  const files = [4, 10].map((p) => join(out, `state/grown/seed-0-tokens-2000/L6-p${p}.arrow`));
  const given = [...DETECTING, "--concepts", "1", "--dictionaries", files.join(",")];
  const regionsOf = async (folder: string) => {
    const regions = (await keptRows(folder, 1)).filter(({ method }) => method === "regions");
    const largest = Math.max(...regions.map(({ budget }) => budget!));
    return regions.filter(({ budget }) => budget === largest);
  };
  await withExperiment("axbench", given, async ({ code, stderr, out: again }) => {
    assertEquals([code, stderr], [0, ""]);
    const found = await regionsOf(again);
    assertEquals(found.length, 8);
    // Neither tokens nor the budget are kept in the file: activations count.
    const plain = (rows: readonly DetectionRow[]) => rows.map(({ tokens: _, budget: __, ...row }) => row);
    assertEquals(plain(found), plain(await regionsOf(out)));
  });
}

/** Chooses and scores concept 1 again from the kept dictionary, with plain loops over all numbers. */
async function assertSameByLoops(out: string): Promise<void> {
  const model = await loadModel(TOY_IT, { device: "cpu" });
  const reader = new AxBenchReader(model, "chat", 40);
  const { concepts: [concept], negatives } = await readAxBench("fixtures/corpora/axbench", [1]);
  const dictionary = await Dictionary.load(join(out, "state/grown/seed-0-tokens-2000/L6-p10.arrow"), {
    backend: "cpu",
  });
  const { center, dim, size } = dictionary;
  const read = async (rows: readonly AxBenchRow[]) => {
    const prompts = rows.map((row) => reader.tokens(row));
    const { residuals, width } = await model.capture(prompts, [6]);
    const data = residuals.get(6)!.data!;
    return prompts.map((tokens, i) =>
      Array.from({ length: tokens.length - reader.prefix }, (_, position) => {
        const row = i * width + reader.prefix + position;
        return data.slice(row * dim, (row + 1) * dim);
      })
    );
  };
  const high = await read(concept.positives);
  const low = await read(negatives.get(concept.genre)!);
  const held = await read(concept.evaluation);
  await model.dispose();

  const dot = (a: ArrayLike<number>, b: ArrayLike<number>) => {
    let sum = 0;
    for (let j = 0; j < dim; j++) sum += a[j] * b[j];
    return sum;
  };
  const unit = (x: Float32Array) => {
    const away = Float64Array.from(x, (value, j) => value - center[j]);
    const norm = Math.sqrt(dot(away, away));
    return away.map((value) => value / norm);
  };
  const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
  const ofPairs = (a: readonly number[], b: readonly number[]) =>
    mean(a.flatMap((x) => b.map((y) => x > y ? 1 : x === y ? 0.5 : 0)));
  const [highUnits, lowUnits] = [high, low].map((texts) => texts.map((rows) => rows.map(unit)));

  const found = await keptRows(out, 1);
  for (const [rule, basis] of [["auroc", "mean"], ["contrast", "exemplar"]] as const) {
    const one = found.find((row) =>
      row.method === "regions" && row.rule === rule && row.basis === basis && row.percentile === 10 &&
      row.budget === 2000
    )!;
    assertEquals(one.regions, size);
    const directions = dictionary.directions(basis);
    const direction = (region: number) => directions.subarray(region * dim, (region + 1) * dim);
    const statistic = (region: number) => {
      const cosines = (texts: Float64Array[][]) => texts.map((rows) => rows.map((row) => dot(row, direction(region))));
      const [a, b] = [cosines(highUnits), cosines(lowUnits)];
      if (rule === "contrast") return mean(a.flat()) - mean(b.flat());
      return ofPairs(a.map((row) => Math.max(...row)), b.map((row) => Math.max(...row)));
    };
    const statistics = Array.from({ length: size }, (_, region) => statistic(region));
    // Rounding may exchange two regions that are equally good.
    assertAlmostEquals(statistics[one.region], Math.max(...statistics), 1e-3, rule);
    const scores = held.map((rows) => Math.max(...rows.map((row) => dot(row, direction(one.region)))));
    const of = (positive: boolean) => scores.filter((_, i) => concept.evaluation[i].positive === positive);
    assertAlmostEquals(one.auroc, ofPairs(of(true), of(false)), 1e-3, rule);
    const hard = scores.filter((_, i) => concept.evaluation[i].category === "hard negative");
    assertAlmostEquals(one.hardAuroc!, ofPairs(of(true), hard), 2e-3, rule);
  }
}

/** What a run has kept of a concept. */
async function keptRows(out: string, concept: number): Promise<readonly DetectionRow[]> {
  const { crc32: _, format: __, ...flags } = JSON.parse(await Deno.readTextFile(join(out, "state/settings.json")));
  const store = await RowStore.open<DetectionRow>(out, { flags, resume: true });
  return (await store.read(`concepts/${concept}`))!;
}
