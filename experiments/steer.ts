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
import { extract, shuffled } from "../src/activations/mod.ts";
import { DirectionEffects, outputsOf } from "../src/analysis/mod.ts";
import { append, Random } from "../src/compute/mod.ts";
import {
  calibrated,
  experiment,
  grow,
  noteCut,
  openModel,
  readAllFlag,
  readingFlags,
  readTexts,
  seedsFlag,
  UsageError,
  windowFlags,
  windowsBy,
  WITHOUT_TEMPLATE,
} from "../src/run/mod.ts";
import { steerOutcome } from "./lib/steer/outcome.ts";
import type { EffectRow } from "./lib/steer/rows.ts";

await experiment({
  name: "steer",
  question:
    "Which regions can steer the model: is a region's direction needed for its output, or enough to bring it about?",
  description: "Adds and ablates the directions of regions at several resolutions, beside matched null regions, and " +
    "measures the next-token distributions. The embedded model takes about a minute; Gemma-2-2B hours on a CPU, half an " +
    "hour on a GPU.",
  defaults: { layers: [4], percentiles: [1, 2, 4, 8], maxTokens: 40_000 },
  without: WITHOUT_TEMPLATE,
  flags: {
    seeds: seedsFlag(3, "runs (stream order, prompts, regions drawn)"),
    split: { type: "string", default: "train", help: "rows of --corpus to build on, by their field `split`" },
    heldout: { type: "string", default: "heldout", help: "rows of --corpus to probe, by their field `split`" },
    probe: { type: "integer", default: 12, min: 1, help: "prompts of each probe: typical outputs, and steering" },
    regions: { type: "integer", default: 4, min: 1, help: "regions of each dictionary" },
    members: { type: "integer", default: 5, min: 1, help: "positions that a region must hold in each probe" },
    alphas: {
      type: "numbers",
      default: [0.5, 1, 2, 4],
      min: -1000,
      max: 1000,
      help: "strengths of steering, in mean distances of the probe's activations from the center",
    },
    ...readingFlags({ calibration: 20_000, context: 48, batch: 128 }),
    ...windowFlags(),
    readAll: readAllFlag(),
  },
  assertFlags({ members, probe, context }) {
    const positions = probe * (context - 1);
    if (members <= positions) return;
    throw new UsageError(
      `Expected --members to be at most ${positions}, the positions of --probe ${probe} prompts of --context ${context} tokens, ` +
        `but got ${members}.`,
    );
  },
  examples: [["", "the embedded model, about a minute on two cores"], ["--layers all --seeds 1", "every layer"]],
}, async (run) => {
  const { flags, manifest, progress } = run;
  const { corpus } = flags;
  await using opened = await openModel(run);
  const { backend, model, layers, context } = opened;
  const texts = (split: string) => Array.fromAsync(readTexts(run, corpus, { where: { split } }));
  const [grownOn, heldout] = [await texts(flags.split), await texts(flags.heldout)];

  const effects: EffectRow[] = [];
  for (const seed of run.seeds) {
    const label = flags.seeds > 1 ? `${seed}: ` : "";
    const plan = {
      ...{ backend, model, layers, seed, label },
      texts: grownOn,
      corpus: `${corpus}, split ${flags.split}`,
      files: [corpus],
      reading: { context, batchPrompts: flags.batch, ...windowsBy(flags) },
    };
    using grown = await grow(run, { ...plan, calibrations: await calibrated(run, plan, flags) });

    // What regions' typical outputs are read off, and what is changed: two batches of other prompts.
    const prompts = (await Array.fromAsync(shuffled(heldout, seed))).slice(0, 2 * flags.probe);
    noteCut(run, opened, prompts, "probed prompts", label);
    const reading = progress.stage(`${label}probe`, prompts.length, "prompts");
    const stream = extract(model, prompts, {
      ...{ layers, context, windows: "first", batchPrompts: Math.ceil(prompts.length / 2) },
      onProgress: ({ texts }) => reading.set(texts),
    });
    const [typical, tested] = await Array.fromAsync(stream, (batch) => outputsOf(model, batch));
    reading.end();

    const stage = progress.stage(`${label}steer`, grown.growths.length * flags.regions, "regions");
    for (const { layer, percentile, dictionary } of grown.growths) {
      const steer = async () => {
        const measured = await DirectionEffects.create({ model, layer, dictionary, typical, tested });
        const eligible = measured.eligible(flags.members);
        if (eligible.length === 0) {
          run.note(
            `Layer ${layer}, p ${percentile}, seed ${seed}: no region holds ${flags.members} positions of both probes, ` +
              "and not all: there is nothing to steer.",
          );
        }
        const drawn = new Random(seed).shuffle(eligible).slice(0, flags.regions);
        const rows: EffectRow[] = [];
        for (const region of drawn) {
          const own = await measured.of(region, flags.alphas);
          append(rows, own.map((effect) => ({ seed, layer, percentile, ...effect })));
          stage.advance();
        }
        return rows;
      };
      const name = `steer seed ${seed}, layer ${layer}, p ${percentile}`;
      append(effects, await run.kept(name, () => manifest.time("steer", steer)));
    }
    stage.end();
  }
  return steerOutcome(flags, effects);
});
