/**
 * A discovery over the embedded model that may be killed at any time: run in a process of its own by kill_test.ts.
 *
 *     deno run kill_child.ts <folder> [<number of renames after which it dies>] [<batches after which it stops>]
 *
 * Calibrates once a folder, goes on from the folder's checkpoint, says how many batches are done, and saves every
 * dictionary when it is over.
 */
import { join } from "node:path";
import { atLayer, describeStream, extract, readCorpus } from "../../src/activations/mod.ts";
import { loadModel } from "../../src/model/mod.ts";
import { calibrate, discover, loadCalibration, saveCalibration } from "../../src/partition/mod.ts";

const FIXTURES = new URL("../../fixtures/", import.meta.url).pathname;
const [folder, renames = "Infinity", most = "Infinity"] = Deno.args;
const [layer, batchPrompts, context] = [3, 32, 16];
const corpus = `${FIXTURES}corpora/pile.jsonl`;

// Every file and every checkpoint gets its name by a rename: dying there is dying in the middle of writing.
let left = Number(renames);
const rename = Deno.rename;
Deno.rename = async (from, to) => {
  if (left-- <= 0) Deno.kill(Deno.pid, "SIGKILL");
  await rename(from, to);
};

const model = await loadModel(`${FIXTURES}gemma-2-toy`, { device: "cpu" });
const stream = (skipPrompts: number, maxPrompts = 600) =>
  extract(model, readCorpus(corpus), { layers: [layer], context, batchPrompts, skipPrompts, maxPrompts });
const source = describeStream({ model: "gemma-2-toy", layer, corpus: "pile", context, batchPrompts });

const calibrated = join(folder, "calibration.arrow");
const exists = await Deno.stat(calibrated).then(() => true, () => false);
if (!exists) {
  const options = { percentiles: [2, 8, 30], source, backend: "cpu" } as const;
  await saveCalibration(calibrated, await calibrate(atLayer(stream(0, 128), layer), options));
}
const { growths } = await discover(stream, new Map([[layer, await loadCalibration(calibrated)]]), {
  backend: "cpu",
  seed: 3,
  saturationWindow: 3,
  checkpoint: { folder: join(folder, "checkpoints"), every: 2, resume: true },
  onProgress: ({ batches }) => {
    console.log(batches);
    if (batches >= Number(most)) Deno.kill(Deno.pid, "SIGSTOP");
  },
});
for (const { dictionary, percentile } of growths) await dictionary.save(join(folder, `p${percentile}.arrow`));
await model.dispose();
