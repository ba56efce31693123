/**
 * From texts to dictionaries on the embedded model: two layers and three percentiles in one pass over the stream, against
 * one pass for each dictionary, as implementations that grow one at a time need.
 */
import { extract, readCorpus } from "../../src/activations/mod.ts";
import { openBackend } from "../../src/compute/mod.ts";
import { loadModel } from "../../src/model/mod.ts";
import { calibrateLayers, discover } from "../../src/partition/mod.ts";
import { type BenchRow, inTurns, median, ratios } from "./timing.ts";

const fixture = (name: string) => new URL(`../../fixtures/${name}`, import.meta.url).pathname;
const [LAYERS, PERCENTILES, PROMPTS] = [[2, 5], [2, 4, 10], 256];

/** Measures both on the CPU. */
export async function benchEndToEnd(): Promise<BenchRow[]> {
  const backend = await openBackend("cpu");
  const model = await loadModel(fixture("gemma-2-toy"), { device: "cpu" });
  const texts = (await Array.fromAsync(readCorpus(fixture("corpora/pile.jsonl")))).slice(0, PROMPTS);
  const stream = (layers: readonly number[]) => extract(model, texts, { layers, backend });
  const calibrations = await calibrateLayers(stream(LAYERS), LAYERS, { percentiles: PERCENTILES, backend });

  let tokens = 0;
  const onePass = async () => {
    const discovery = await discover(stream(LAYERS), calibrations, { backend, saturationWindow: Infinity });
    for (const { dictionary } of discovery.growths) dictionary.dispose();
    tokens = discovery.tokens;
  };
  const onePassEach = async () => {
    for (const [layer, calibration] of calibrations) {
      for (const level of calibration.levels) {
        const one = new Map([[layer, { ...calibration, levels: [level] }]]);
        const discovery = await discover(stream([layer]), one, { backend, saturationWindow: Infinity });
        for (const { dictionary } of discovery.growths) dictionary.dispose();
      }
    }
  };
  await onePass();
  const times = await inTurns(onePass, onePassEach);
  await model.dispose();

  const detail = `median of ${times.ours.length} paired runs, ${PROMPTS} prompts, ${LAYERS.length} layers x ` +
    `${PERCENTILES.length} percentiles, embedded model, ${backend.device}`;
  const name = "texts to dictionaries, one pass";
  return [
    { name, value: Math.round(tokens / median(times.ours)), unit: "tokens/s", detail },
    {
      name: `${name}, against a pass for each dictionary`,
      value: Number(median(ratios(times)).toFixed(2)),
      unit: "times as fast",
      detail: `${detail}; single pairs ${ratios(times).map((ratio) => ratio.toFixed(2)).join(", ")}`,
    },
  ];
}

if (import.meta.main) console.table(await benchEndToEnd());
