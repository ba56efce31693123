import { assert, assertEquals, assertMatch } from "@std/assert";
import { describeStream, extract, writeActivations } from "../../src/activations/mod.ts";
import { openBackend } from "../../src/compute/mod.ts";
import { describeFile, type Description, descriptionText } from "../../src/inspect/mod.ts";
import { Dictionary, saveCalibration } from "../../src/partition/mod.ts";
import { number, resultTable, row, RunManifest, saveTable, whole, words } from "../../src/report/mod.ts";
import { writeJsonAtomic, writeTextAtomic } from "../../src/files/atomic.ts";
import { DIM, FakeModel } from "../activations/fake_model.ts";
import { deno, type Output } from "../lib/deno.ts";
import { inFolder } from "../lib/folder.ts";

const root = new URL("../../", import.meta.url);
const pickle = "tests/golden/reference-a/dictionary_p8.pkl";
const sae = "fixtures/sae/params.npz";
const source = describeStream({ model: "fixtures/gemma-2-toy", layer: 3, corpus: "pile.jsonl" });

/** Activations of the two texts: the fake model has a token a character. */
const ROWS = "some text".length + "another".length;

/** Runs the script as people do: it may read files, and nothing else. */
function inspect(...args: string[]): Promise<Output> {
  return deno("run", ["--allow-read", "--allow-env", "experiments/inspect.ts", ...args]);
}

/** One of each kind of file, in a folder. */
async function files(folder: string): Promise<Record<string, string>> {
  const backend = await openBackend("cpu");
  const center = new Float32Array(DIM);
  const dictionary = await Dictionary.create({ center, threshold: 0.003, percentile: 8, source }, { backend, seed: 4 });
  const batches = await Array.fromAsync(extract(new FakeModel(), ["some text", "another"], { layers: [3] }));
  for (const { batches: layers } of batches) await dictionary.add(layers.get(3)!);
  await dictionary.save(`${folder}/d.arrow`);
  await dictionary.export(`${folder}/sae`);
  await dictionary.export(`${folder}/d.npz`);
  const levels = [{ percentile: 4, threshold: 0.2 }, { percentile: 8, threshold: 0.3, spread: 0.01 }];
  const pairs = { within: "sample", because: "asked for", parts: 2 } as const;
  const calibration = { center, levels, activations: ROWS, pairs, source };
  await saveCalibration(`${folder}/calibration.arrow`, calibration);
  await writeActivations(`${folder}/cache`, batches, source);
  const fields = row({
    layer: whole("block whose output is read"),
    name: words("a name"),
    score: number("share, 0..1", { missing: "none was asked for" }),
  });
  const rows = [
    { layer: 1, name: "a\u001b[31m", score: 0.5 },
    { layer: 2, name: "b", score: null },
    { layer: 3, name: "c", score: 1 },
  ];
  await saveTable(folder, "results", resultTable(fields, rows));
  const manifest = new RunManifest({ name: "test", seed: 2, flags: { percentiles: [8] } });
  manifest.findings.answer = 42;
  await manifest.finish(`${folder}/run`);
  return {
    dictionary: `${folder}/d.arrow`,
    saelens: `${folder}/sae`,
    npz: `${folder}/d.npz`,
    regions: `${folder}/sae/regions.safetensors`,
    weights: `${folder}/sae/sae_weights.safetensors`,
    calibration: `${folder}/calibration.arrow`,
    cache: `${folder}/cache`,
    shard: `${folder}/cache/00000.activations.arrow`,
    table: `${folder}/results.arrow`,
    run: `${folder}/run/run.json`,
    folder: `${folder}/run`,
  };
}

Deno.test("every kind of file is told, with what it holds", () =>
  inFolder(async (folder) => {
    const paths = await files(folder);
    const told: Record<string, Description> = {};
    for (const [name, path] of Object.entries(paths)) told[name] = await describeFile(path, 2);
    const { dictionary, saelens, npz, regions, weights, calibration, cache, shard, table, run } = told;

    assertEquals(dictionary.kind, "dictionary");
    const { regions: size, ...facts } = dictionary.facts;
    assertEquals([facts.dim, facts.p, facts.threshold, facts.seed, facts.activations], [DIM, 8, 0.003, 4, ROWS]);
    assertEquals([facts.model, facts.layer, facts.hook], ["fixtures/gemma-2-toy", 3, "resid_post"]);
    const largest = dictionary.tables["largest regions"];
    assertEquals(largest.length, Math.min(2, Number(size)));
    assert(Number(largest[0].count) >= Number(largest[1].count));
    assert(JSON.stringify(largest[0]["nearest contexts"]).includes("[["), "contexts mark their token");

    for (const exported of [saelens, npz, regions]) {
      const { facts, tables } = exported;
      assertEquals([facts.regions, facts.p, facts.threshold, facts.basis], [size, 8, 0.003, "exemplar"]);
      assertEquals(tables["largest regions"].map(({ count }) => count), largest.map(({ count }) => count));
    }
    assertEquals([saelens.facts.architecture, saelens.facts.k], ["topk", 1]);
    assertEquals(weights.tables.tensors[0], { tensor: "W_enc", dtype: "float32", shape: `${DIM} x ${size}` });

    assertEquals(calibration.tables.thresholds, [
      { percentile: 4, threshold: 0.2, spread: null },
      { percentile: 8, threshold: 0.3, spread: 0.01 },
    ]);
    assertEquals([calibration.facts["pairs within"], calibration.facts.because], ["sample", "asked for"]);
    assertEquals([cache.kind, cache.facts.activations, cache.facts.dim], ["activation cache", ROWS, DIM]);
    assertEquals([shard.kind, shard.facts.rows], ["shard of an activation cache", ROWS]);
    assertEquals(shard.tables["first 2 rows"].length, 2);
    assertEquals(shard.tables.columns.at(-1)?.column, "layer_3");

    assertEquals(table.tables.columns[2], { column: "score", type: "Float64", description: "share, 0..1" });
    assertEquals(table.tables["first 2 rows"][1], { layer: 2, name: "b", score: null });
    assertEquals([run.facts.experiment, run.facts.seed], ["test", 2]);
    assertEquals(run.tables.findings, [{ finding: "answer", value: 42 }]);
    assertEquals(told.folder.tables.findings, run.tables.findings);
    const text = descriptionText(table);
    assert(text.includes("␛[31m") && !text.includes("\u001b"), "nothing of a file acts on the terminal");
  }));

Deno.test("the hook of dictionaries, caches and autoencoders is told", () =>
  inFolder(async (folder) => {
    const model = new FakeModel("attn_out");
    const source = describeStream({ model, layer: 3, corpus: "pile.jsonl" });
    const batches = await Array.fromAsync(extract(model, ["some text", "another"], { layers: [3] }));
    const dictionary = await Dictionary.create({ center: new Float32Array(DIM), threshold: 0.003, source }, {
      backend: "cpu",
    });
    for (const { batches: layers } of batches) await dictionary.add(layers.get(3)!);
    await dictionary.save(`${folder}/d.arrow`);
    await dictionary.export(`${folder}/sae`);
    await writeActivations(`${folder}/cache`, batches, source);
    for (const name of ["d.arrow", "sae", "sae/regions.safetensors", "cache/00000.activations.arrow", "cache"]) {
      assertEquals((await describeFile(`${folder}/${name}`, 1)).facts.hook, "attn_out", name);
    }
    // An autoencoder of others names it in its own way.
    await Deno.remove(`${folder}/sae/regions.safetensors`);
    const { kind, facts } = await describeFile(`${folder}/sae`, 1);
    assertEquals([kind, facts.layer, facts.hook], ["sparse autoencoder (SAELens)", 3, "attn_out"]);
    const scope = `${folder}/gemma-scope-2b-pt-att/layer_12`;
    await Deno.mkdir(scope, { recursive: true });
    await Deno.copyFile(new URL(sae, root), `${scope}/params.npz`);
    const { facts: { layer, hook } } = await describeFile(`${scope}/params.npz`, 1);
    assertEquals([layer, hook], [12, "z"]);
  }));

Deno.test("the script prints published pickles and autoencoders, as text and as JSON", async () => {
  const { code, stdout } = await inspect(pickle, sae, "fixtures/sae", "--rows", "3");
  assertEquals(code, 0);
  for (const part of [`${pickle}: published dictionary`, "3072", "largest regions", "480", "jumprelu", "192 x 2048"]) {
    assert(stdout.includes(part), `${part} in ${stdout}`);
  }
  assert(stdout.includes("fixtures/sae: sparse autoencoder"), "a folder is told as its file");
  const json = await inspect(pickle, "--json");
  const [description] = JSON.parse(json.stdout) as Description[];
  assertEquals([description.path, description.facts.regions, description.bytes], [pickle, 86, 532118]);
  assertEquals(description.tables["largest regions"][0].count, 480);
});

Deno.test("what is unknown, missing or cut off is a sentence and exit code 1; the other files are told", () =>
  inFolder(async (folder) => {
    const paths = await files(folder);
    const cut: string[] = [];
    for (const name of ["dictionary", "npz", "calibration", "shard", "table", "run", "weights"]) {
      const bytes = await Deno.readFile(paths[name]);
      const extension = paths[name].split(".").at(-1);
      cut.push(`${folder}/${name}-cut.${extension}`);
      await Deno.writeFile(cut.at(-1)!, bytes.subarray(0, bytes.length * 0.6));
    }
    const whole = await Deno.readFile(new URL(pickle, root));
    await Deno.writeFile(`${folder}/cut.pkl`, whole.subarray(0, 100_000));
    await Deno.writeTextFile(`${folder}/notes.txt`, "some text");
    await Deno.writeTextFile(`${folder}/empty`, "");
    await writeJsonAtomic(`${folder}/other.json`, { a: 1 });
    const bad = [
      ...cut,
      ...["cut.pkl", "notes.txt", "empty", "other.json", "none"].map((name) => `${folder}/${name}`),
      folder,
    ];
    const { code, stdout, stderr } = await inspect(...bad, paths.table);
    assertEquals(code, 1);
    const sentences = stderr.trim().split("\n");
    assertEquals(sentences.length, bad.length, stderr);
    sentences.forEach((sentence, i) => {
      assert(/^inspect: (Cannot|Expected) /.test(sentence) && sentence.includes(bad[i]), sentence);
    });
    assert(stdout.startsWith(`${paths.table}: table`), stdout);
  }));

Deno.test("a run's files that were changed, damaged or removed are told, and a record from before checksums is shown", () =>
  inFolder(async (folder) => {
    const manifest = new RunManifest({ name: "test", seed: 2 });
    for (const file of ["a.arrow", "b.svg", "sub/c.arrow", "d.json"]) {
      await writeTextAtomic(`${folder}/${file}`, file);
      manifest.outputs.push(file);
    }
    await manifest.finish(folder);
    const told = async () => (await describeFile(folder, 5)).facts.files;
    assertEquals(await told(), "all as the run wrote them");
    await Deno.writeTextFile(`${folder}/a.arrow`, "a.arrov");
    await Deno.truncate(`${folder}/sub/c.arrow`, 3);
    await Deno.remove(`${folder}/b.svg`);
    const { code, stdout, stderr } = await inspect(folder);
    assertEquals([code, stderr], [0, ""]);
    for (
      const line of [
        /files +3 of 4 not as the run wrote them/,
        ...[
          /a\.arrow +changed or damaged/,
          /b\.svg +missing/,
          /sub\/c\.arrow +changed or damaged/,
          /d\.json +as written/,
        ],
      ]
    ) assertMatch(stdout, line);

    const path = `${folder}/run.json`;
    const { format: _, checksums: __, crc32: ___, ...old } = JSON.parse(await Deno.readTextFile(path));
    await writeJsonAtomic(path, old);
    const before = await inspect(path);
    assertEquals(before.code, 0);
    assertMatch(before.stdout, /experiment +test/);
    assertMatch(before.stderr, /^inspect: .*run\.json was written before files carried checksums/);
    await writeJsonAtomic(path, { ...old, format: "exemplar run 2", seed: 3, crc32: "00000000" });
    const changed = await inspect(path);
    assertEquals([changed.code, changed.stdout], [1, ""]);
    assertMatch(changed.stderr, /^inspect: Cannot read .*run\.json: it is damaged, or was changed by hand/);
  }));

Deno.test("mistakes on the command line are sentences and exit code 2", async () => {
  for (
    const [args, part] of [[[], "Expected a file"], [["--row", "3", sae], "--row"], [
      ["--rows", "x", sae],
      "--rows",
    ]] as const
  ) {
    const { code, stderr } = await inspect(...args);
    assertEquals(code, 2, stderr);
    assert(stderr.startsWith("inspect: ") && stderr.includes(part), stderr);
  }
  const help = await inspect("--help");
  assertEquals(help.code, 0);
  assert(help.stdout.includes("--json"));
});
