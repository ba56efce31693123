#!/usr/bin/env -S deno run --allow-read --allow-write --allow-env --allow-sys --allow-ffi --allow-net=huggingface.co,*.huggingface.co,*.hf.co
/**
 * Which regions can steer a model, and is a region's direction needed for its output, or enough to bring it about?
 *
 * Grows dictionaries and takes, for regions drawn from each, the mean next-token distribution at the region's positions: its
 * typical output. On other prompts adds the region's mean direction at every position, at several strengths (is it enough?), and
 * ablates it (is it needed?); the same with the direction of another region of like size and coherence, the null.
 *
 *     deno task run experiments/steer.ts --layers 2,4,6 --percentiles 2,8
 *
 * Leaves in `--out`: `effects.arrow` (a row an intervention: seed, layer, percentile, region, whose direction, strength,
 * divergence, shift of the top token, divergence from the region's typical output before and after), `summary.arrow` (a row a
 * layer, percentile, direction and strength: means, necessity, sufficiency); the charts `curves` and `necessity`;
 * `report.html`; `run.json`.
 */
import { extract, readCorpus, shuffled } from "../src/activations/mod.ts";
import { contextOf, experiment, grow, openModel } from "../src/run/mod.ts";
import { type Effect, probe, steerRegions } from "./lib/steer/measure.ts";
import { reportSteer } from "./lib/steer/report.ts";

await experiment({
  name: "steer",
  question:
    "Which regions can steer the model: is a region's direction needed for its output, or enough to bring it about?",
  description: "Adds and ablates the directions of regions at several resolutions, beside matched null regions, and " +
    "measures the next-token distributions. The embedded model takes about 2 minutes; Gemma-2-2B hours on a CPU, half an " +
    "hour on a GPU.",
  defaults: { layers: [4], percentiles: [1, 2, 4, 8], maxTokens: 40_000 },
  flags: {
    seeds: { type: "integer", default: 3, min: 1, help: "runs, from --seed on: stream order, prompts, regions drawn" },
    split: { type: "string", default: "train", help: "rows of --corpus to build on, by their field `split`" },
    heldout: { type: "string", default: "heldout", help: "rows of --corpus to probe, by their field `split`" },
    probe: { type: "integer", default: 12, min: 1, help: "prompts of each probe: typical outputs, and steering" },
    regions: { type: "integer", default: 4, min: 1, help: "regions of each dictionary" },
    members: { type: "integer", default: 5, min: 1, help: "positions that a region must hold in each probe" },
    alphas: {
      type: "numbers",
      default: [0.5, 1, 2, 4],
      help: "strengths of steering, in mean distances of the probe's activations from the center",
    },
    calibration: { type: "integer", default: 20_000, min: 2, help: "activations to calibrate on" },
    context: { type: "integer", default: 48, min: 2, help: "tokens that a prompt is cut to, <bos> included" },
    batch: { type: "integer", default: 128, min: 1, help: "prompts of a batch; thresholds depend on it" },
  },
  examples: [["", "the embedded model, about 2 minutes on two cores"], ["--layers all --seeds 1", "every block"]],
}, async (run) => {
  const { flags, manifest, progress } = run;
  const { corpus } = flags;
  const { backend, model } = await openModel(run);
  const context = contextOf(run, model, "context");
  const layers = run.layers(model.layers);

  const effects: Effect[] = [];
  for (let seed = flags.seed; seed < flags.seed + flags.seeds; seed++) {
    const label = flags.seeds > 1 ? `${seed}: ` : "";
    const texts = (split: string) => Array.fromAsync(shuffled(readCorpus(corpus, { where: { split } }), seed));
    const { growths } = await grow(run, {
      backend,
      model,
      layers,
      percentiles: flags.percentiles,
      texts: await texts(flags.split),
      corpus: `${corpus}, split ${flags.split}`,
      files: [corpus],
      seed,
      calibration: flags.calibration,
      reading: { context, batchPrompts: flags.batch },
      growing: { maxTokens: flags.maxTokens },
      label,
    });
    const prompts = (await texts(flags.heldout)).slice(0, 2 * flags.probe);
    const stream = extract(model, prompts, { layers, context, batchPrompts: Math.ceil(prompts.length / 2) });
    const [typical, tested] = await Promise.all((await Array.fromAsync(stream)).map((batch) => probe(model, batch)));
    const stage = progress.stage(`${label}steer`, growths.length * flags.regions, "regions");
    const plan = { model, typical, tested, seed, regions: flags.regions, members: flags.members, alphas: flags.alphas };
    for (const growth of growths) {
      const { layer, percentile, dictionary } = growth;
      const steered = () => manifest.time("steer", () => steerRegions(growth, plan, () => stage.advance()));
      effects.push(...await run.kept(`steer seed ${seed}, layer ${layer}, p ${percentile}`, steered));
      dictionary.dispose();
    }
    stage.end();
  }
  await model.dispose();
  await manifest.time("report", () => reportSteer(run, effects));
});
