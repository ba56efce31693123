/** What the ways of tokens through layers leave to look at: tables, charts, report, findings. */
import { formatNumber, formatShare, meanOfAll as meanOf, tokenText } from "../../../src/report/mod.ts";
import { type Flags, printTable, reportTable, type Run } from "../../../src/run/mod.ts";
import { contextChart, lensText, pathChart, togetherChart } from "./charts.ts";
import { LISTED, type Means, meansOf } from "./means.ts";
import type { PathsMeasured, ShownPath, ShownTokens } from "./measure.ts";
import { layerColumns, pathColumns, stepColumns } from "./tables.ts";

/** Writes everything below `run.out`, prints the path of the shown prompt and the figures, and says where the report is. */
export async function reportPaths<F extends Flags>(
  run: Run<F>,
  measured: readonly PathsMeasured[],
  path: ShownPath,
): Promise<void> {
  const { save, manifest, flags } = run;
  const byPercentile = [...Map.groupBy(measured, ({ percentile }) => percentile).values()];
  const means = byPercentile.map(meansOf);
  const shown = means.find(({ percentile }) => percentile === path.percentile)!;
  await save.table("path", pathColumns(path));
  await save.table("layers", layerColumns(measured));
  await save.table("steps", stepColumns(measured));
  const { percentile: _, ...figures } = shown;
  Object.assign(manifest.findings, {
    percentile: path.percentile,
    percentiles: means.map(({ percentile }) => percentile),
    layers: path.layers,
    ...Object.fromEntries(Object.entries(figures).map(([key, value]) => [snake(key), value])),
    ...Object.fromEntries(LISTED.map((key) => [`${snake(key)}_by_percentile`, means.map((row) => row[key])])),
    path_regions: path.inOrder.regions,
    path_regions_shuffled: path.shuffled.regions,
  });
  const text = answer(means, shown, path.layers);
  const steps = pathRows(path, path.inOrder);
  const rows = means.flatMap((row) => figureRows(row, path.layers));
  const seeds = new Set(measured.map(({ seed }) => seed)).size;
  const file = await save.report({
    title: `Paths through ${flags.model}`,
    question: "Which way does a prompt take through the dictionaries of every layer?",
    answer: text,
    sections: [
      {
        heading: "One prompt",
        blocks: [
          await save.chart(
            "path",
            pathChart(path),
            `The tokens of a prompt through the regions of every block at p ${path.percentile}, and the same tokens ` +
              "shuffled. A bar is a region, as high as the tokens in it; its label is the first readable token of the logit " +
              "lens of its mean direction, · if none of five is. Equal tokens start in one bar. Blue: two or more tokens of " +
              "one region that stay in one.",
          ),
          {
            table: reportTable(steps),
            caption: "The same path as text: region and the first readable token of its logit lens.",
          },
        ],
      },
      {
        heading: "All prompts",
        blocks: [
          await save.chart(
            "context",
            contextChart(measured),
            "Share of tokens that fall into the same region when the other tokens of their prompt are shuffled with them: " +
              `what the token alone decides. Dots are seeds (${seeds}), lines their means.`,
          ),
          await save.chart(
            "together",
            togetherChart(measured),
            "Pairs of tokens in one region that are in one region of the next block too, beside shuffled tokens, and the " +
              "share of all pairs that are. Dots are seeds, lines their means.",
          ),
          {
            table: reportTable(rows),
            caption: "Means over seeds.",
          },
        ],
      },
    ],
  });
  printTable(steps);
  console.log();
  printTable(rows);
  console.log(`\n${text}\n\nReport: ${file}`);
}

function answer(means: readonly Means[], shown: Means, layers: readonly number[]): string {
  const { percentile, agreementShuffled, agreementChance, stay, stayShuffled, stayChance } = shown;
  const last = layers.length - 1;
  const falling = means.filter((row) => row.agreementShuffled[last] < row.agreementShuffled[0]).length;
  const sentences = [
    `At p ${percentile}, ${formatShare(agreementShuffled[0])} of tokens stay in their region of block ${
      layers[0]
    } when the tokens ` +
    `of their prompt are shuffled, and ${formatShare(agreementShuffled[last])} in block ${
      layers[last]
    } (any two tokens lie in one ` +
    `region in ${formatShare(agreementChance[0])} and ${formatShare(agreementChance[last])}).`,
    `That share is lower in the last block than in the first at ${falling} of ${means.length} percentiles.`,
  ];
  if (last > 0) {
    const beyond = stay.filter((value, i) => value > stayChance[i]).length;
    const above = stay.filter((value, i) => value > stayShuffled[i]).length;
    sentences.push(
      `Of pairs of tokens that share a region, ${
        formatShare(meanOf(stay))
      } share one in the next block too (mean of the steps; ` +
        `shuffled tokens ${formatShare(meanOf(stayShuffled))}, chance ${
          formatShare(meanOf(stayChance))
        }); that is more than chance in ` +
        `${beyond} of ${stay.length} steps, and more than shuffled tokens in ${above}.`,
    );
  }
  sentences.push(
    `The ${formatNumber(shown.tokens)} tokens take ${formatNumber(shown.distinctPaths)} different paths, shuffled ` +
      `${formatNumber(shown.distinctPathsShuffled)}.`,
  );
  return sentences.join(" ");
}

const snake = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
const rounded = (value: number) => Number.isNaN(value) ? null : Math.round(value * 1e4) / 1e4;

/** A row a token: its regions, each with the first token of its lens. */
function pathRows({ layers, lens }: ShownPath, { texts, regions }: ShownTokens) {
  return texts.map((text, token) => ({
    token: tokenText(text),
    ...Object.fromEntries(layers.map((layer, i) => {
      const region = regions[i][token];
      return [`block ${layer}`, `${region} ${lensText(lens[i].get(region)!)}`];
    })),
  }));
}

function figureRows(row: Means, layers: readonly number[]) {
  return layers.map((layer, i) => ({
    p: row.percentile,
    block: layer,
    K: Math.round(row.regions[i]),
    "same region when shuffled": rounded(row.agreementShuffled[i]),
    "same region, any two": rounded(row.agreementChance[i]),
    "stay together from the block before": i > 0 ? rounded(row.stay[i - 1]) : null,
    "stay, shuffled": i > 0 ? rounded(row.stayShuffled[i - 1]) : null,
    "stay, chance": i > 0 ? rounded(row.stayChance[i - 1]) : null,
  }));
}
