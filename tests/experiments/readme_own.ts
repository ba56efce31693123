import * as activations from "../../src/activations/mod.ts";
import * as analysis from "../../src/analysis/mod.ts";
import * as report from "../../src/report/mod.ts";
import * as run from "../../src/run/mod.ts";

const { EXEMPLAR_SCORE, REGION_FIGURES } = analysis;
await run.experiment({
  name: "own",
  question: "Does the distance to the nearest exemplar tell my shuffled texts from my texts?",
  description: "Grows a dictionary at two layers and scores forty texts that it was not grown on.",
  defaults: { layers: [3, 6], percentiles: [8] },
}, async (own) => {
  const { corpus, seed, percentiles } = own.flags;
  await using opened = await run.openModel(own);
  const { backend, model, layers, context } = opened;
  const texts = await Array.fromAsync(activations.readCorpus(corpus));
  const plan = { backend, model, layers, texts: texts.slice(40), corpus, files: [corpus], seed };
  const calibrations = await run.calibrated(own, plan, { percentiles, calibration: 5000 });
  using random = new analysis.Coresets(backend, calibrations, 5000, seed);
  using grown = await run.grow(own, { ...plan, calibrations, watch: (batch) => random.offer(batch) });
  const exemplars = random.besides(grown.growths);
  const sets = activations.promptSets(model, texts.slice(0, 40), { context, seed });
  const distances = (prompts: typeof sets.shuffled) =>
    analysis.nearestDistances(backend, activations.extract(model, prompts, { layers, backend }), exemplars);
  const rows = analysis.exemplarScores(exemplars, await distances(sets.shuffled), await distances(sets["held-out"]));
  const regions = (await analysis.describeRegions(grown.growths[0].dictionary, model)).map(analysis.regionFigures);
  const [x, y, color] = [report.layerAxis(), report.quantity("auroc", "AUROC"), report.series("kind")];
  const chart = report.chart(rows, { x, y, color, marks: [report.seeds()] });
  const [scores, table] = [report.rowTable(EXEMPLAR_SCORE, rows), report.rowTable(REGION_FIGURES, regions)];
  const blocks = [run.chartBlock("auroc", chart, "By layer."), run.tableBlock(scores), run.tableBlock(table)];
  return {
    title: `Shuffled texts in ${model.id}`,
    answer: `The AUROCs are ${rows.map(({ auroc }) => report.figure(auroc)).join(", ")}.`,
    findings: { auroc: rows.map(({ auroc }) => auroc) },
    tables: { scores: report.resultTable(EXEMPLAR_SCORE, rows), regions: report.resultTable(REGION_FIGURES, regions) },
    sections: [{ heading: "Distances, and regions of the first dictionary", blocks }],
  };
});
