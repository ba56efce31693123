/** What `build` leaves for other tools: dashboards, Parquet, JSON beside dictionaries. */
import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { batchAt, extract, readCorpus } from "../../src/activations/mod.ts";
import { loadModel } from "../../src/model/mod.ts";
import { Dictionary } from "../../src/partition/mod.ts";
import { withExperiment } from "./child.ts";

const FLAGS =
  ("--layers 3 --percentiles 10,30 --calibration 500 --context 8 --batch 32 --max-tokens 1500 --window 1000 " +
    "--device cpu").split(" ");

Deno.test("build --dashboard --parquet: contexts have the read-out of every token; run.json names every file", async () => {
  await using model = await loadModel("fixtures/gemma-2-toy", { device: "cpu" });
  await withExperiment("build", [...FLAGS, "--dashboard", "--parquet"], async ({ code, stderr, out, record }) => {
    assertEquals(code, 0, stderr);
    for (const file of record.outputs) assert((await Deno.stat(`${out}/${file}`)).size > 0, file);
    for (const name of ["dictionaries", "regions", "growth"]) assert(record.outputs.includes(`${name}.parquet`), name);
    assert(record.outputs.includes("dictionaries/L3-p10.calibration.json"));

    for (const name of ["L3-p10", "L3-p30"]) {
      using dictionary = await Dictionary.load(`${out}/dictionaries/${name}.arrow`, { backend: "cpu" });
      const files = record.outputs.filter((file) => file.startsWith(`dashboards/${name}/`));
      assertEquals(files.length, Math.ceil(dictionary.size / 128));
      const parsed = await Promise.all(
        files.map(async (file) => JSON.parse(await Deno.readTextFile(`${out}/${file}`))),
      );
      assertEquals([parsed[0].layer, parsed[0].model_id], [3, "fixtures/gemma-2-toy"]);
      const features = parsed.flatMap(({ features }) => features);
      assertEquals(features.length, dictionary.size);
      const [{ activations: [shown], pos_str }] = features;
      assertEquals(pos_str.length, 10);

      // The first region's nearest context, read anew from its window of its text.
      const [{ prompt, start = 0, excerpt, position }] = dictionary.nearestContexts(0);
      assertEquals(shown.tokens[shown.qualifying_token_index], excerpt.token);
      const corpus = readCorpus("fixtures/corpora/pile.jsonl");
      const texts = (await Array.fromAsync(corpus)).filter(({ id }) => id === prompt);
      for await (using read of extract(model, texts, { layers: [3], context: 8 })) {
        const whole = batchAt(read, 3);
        const { prompts, prompt: promptOf } = whole.provenance!;
        const rows = promptOf.keys().filter((row) => (prompts[promptOf[row]].start ?? 0) === start);
        using batch = await whole.select(Int32Array.from(rows));
        if (batch.rows === 0) continue;
        const values = await dictionary.readout(batch, { kind: "signed", basis: "exemplar" });
        assertEquals([shown.values.length, shown.qualifying_token_index], [batch.rows, position - 1]);
        // Padding to a longer batch moves a model's last bits.
        for (const [row, value] of shown.values.entries()) {
          assertAlmostEquals(value, values[row * dictionary.size], 1e-3, `token ${row} of ${prompt}`);
        }
      }
    }
  });
});
