/** What the ways of tokens through the layers say. */
import {
  columnName,
  exceeds,
  type Figure,
  formatNumber,
  headed,
  meanOf,
  meansText,
  percent,
  recordTable,
  resultTable,
  Sweep,
  tallyText,
  tokenText,
} from "../../../src/report/mod.ts";
import { chartBlock, type CommonFlags, type Outcome, tableBlock } from "../../../src/run/mod.ts";
import { contextChart, lensText, pathChart, togetherChart } from "./charts.ts";
import { LAYER_PATH, type PathRows, type ShownPath, type ShownTokens, STEP, TOKEN, tokenRows } from "./rows.ts";

/** Tables, charts, findings and the answer. */
export function pathsOutcome(flags: CommonFlags, rows: PathRows, path: ShownPath): Outcome {
  const { percentile } = path;
  const counts = new Sweep(rows.counts, ["percentile"]);
  const percentiles = counts.each("percentile");
  const means = percentiles.map((each) => meansAt(rows, each));
  const shown = means[percentiles.indexOf(percentile)];
  const seeds = counts.each("seed").length;
  return {
    title: `Paths through ${flags.model}`,
    answer: answer(means, shown, path),
    findings: { percentiles, ...findings(means, shown, path) },
    tables: {
      path: resultTable(TOKEN, tokenRows(path)),
      layers: resultTable(LAYER_PATH, rows.layers),
      steps: resultTable(STEP, rows.steps),
    },
    sections: [
      {
        heading: "One prompt",
        blocks: [
          chartBlock(
            "path",
            pathChart(path),
            `The tokens of a prompt through the regions of every layer at p ${percentile}, and the same tokens ` +
              "shuffled. A bar is a region, as high as the tokens in it; its label is the first readable token of the logit " +
              "lens of its mean direction, · if none of five is. Equal tokens start in one bar. Blue: two or more tokens of " +
              "one region that stay in one.",
          ),
          tableBlock(
            promptTable(path),
            "The same path as text: region and the first readable token of its logit lens.",
            { printed: true },
          ),
        ],
      },
      {
        heading: "All prompts",
        blocks: [
          chartBlock(
            "context",
            contextChart(rows.layers),
            "Share of tokens that fall into the same region when the other tokens of their prompt are shuffled with them: " +
              `what the token alone decides. ${meansText(seeds, "seeds", path.layers.length)}`,
          ),
          chartBlock(
            "together",
            togetherChart(rows.steps),
            "Pairs of tokens in one region that are in one region of the next layer too, beside shuffled tokens, and the " +
              `share of all pairs that are. ${meansText(seeds, "seeds", path.layers.length - 1)}`,
          ),
          tableBlock(layerTable(rows), "Means over seeds.", { printed: true }),
        ],
      },
    ],
  };
}

/** Means over the seeds of one percentile; arrays are by layer, or by step from one to the next. */
function meansAt({ layers, steps, counts }: PathRows, percentile: number) {
  const byLayer = (of: Figure<PathRows["layers"][number]>) =>
    new Sweep(layers, ["layer"]).where({ percentile }).settings.map((setting) => setting.mean(of));
  const byStep = (of: Figure<PathRows["steps"][number]>) =>
    new Sweep(steps, ["from"]).where({ percentile }).settings.map((setting) => setting.mean(of));
  const count = (of: Figure<PathRows["counts"][number]>) => new Sweep(counts, []).where({ percentile }).mean(of);
  return {
    regions: byLayer("regions"),
    agreementShuffled: byLayer("agreementShuffled"),
    agreementChance: byLayer("agreementChance"),
    stay: byStep("stay"),
    stayShuffled: byStep("stayShuffled"),
    stayChance: byStep("stayChance"),
    tokens: byLayer("tokens")[0],
    distinctPaths: count("distinctPaths"),
    distinctPathsShuffled: count("distinctPathsShuffled"),
  };
}
type Means = ReturnType<typeof meansAt>;

function answer(means: readonly Means[], shown: Means, { percentile, layers }: ShownPath): string {
  const { agreementShuffled, agreementChance, stay, stayShuffled, stayChance } = shown;
  const last = layers.length - 1;
  const falling = means.filter((own) => exceeds(own.agreementShuffled[0], own.agreementShuffled[last])).length;
  const beyond = (others: readonly (number | null)[]) => stay.filter((value, i) => exceeds(value, others[i])).length;
  return [
    `At p ${percentile}, ${percent(agreementShuffled[0])} of tokens stay in their region of layer ${
      layers[0]
    } when the tokens`,
    ...(last === 0
      ? [
        `of their prompt are shuffled (any two tokens lie in one region in ${percent(agreementChance[0])}). Which way`,
        "they take from layer to layer could not be asked: that takes two layers.",
      ]
      : [
        `of their prompt are shuffled, and ${percent(agreementShuffled[last])} in layer ${
          layers[last]
        } (any two tokens lie in one`,
        `region in ${percent(agreementChance[0])} and ${
          percent(agreementChance[last])
        }). That share is lower in the last`,
        `layer than in the first ${tallyText(falling, means.length, "percentile", "at")}.`,
      ]),
    ...(last === 0 ? [] : [
      `Of pairs of tokens that share a region, ${
        percent(meanOf(stay))
      } share one in the next layer too (mean of the steps;`,
      `shuffled tokens ${percent(meanOf(stayShuffled))}, chance ${
        percent(meanOf(stayChance))
      }); that is more than chance`,
      `${tallyText(beyond(stayChance), stay.length, "step")}, and more than shuffled tokens ${
        tallyText(beyond(stayShuffled), stay.length, "step")
      }.`,
    ]),
    `The ${formatNumber(shown.tokens!)} tokens take ${formatNumber(shown.distinctPaths!)} different paths, shuffled`,
    `${formatNumber(shown.distinctPathsShuffled!)}.`,
  ].join(" ");
}

/** A row a token: its regions, each with the first token of its lens. */
function promptTable({ layers, lens, inOrder: { texts, traces } }: ShownPath) {
  return recordTable(texts.map((text, token) => ({
    token: tokenText(text),
    ...Object.fromEntries(layers.map((layer, i) => {
      const region = traces[i].regions[token];
      return [`layer ${layer}`, `${region} ${lensText(lens[i].get(region)!)}`];
    })),
  })));
}

/** Figures of every layer and of the step into it. */
function layerTable({ layers, steps }: PathRows) {
  const into = new Sweep(steps, ["percentile", "to"]);
  return recordTable(new Sweep(layers, ["percentile", "layer"]).settings.map((setting) => {
    const { percentile, layer } = setting.key;
    const step = into.at({ percentile, to: layer });
    return {
      ...headed(LAYER_PATH, {
        percentile,
        layer,
        regions: Math.round(setting.mean("regions")!),
        agreementShuffled: setting.mean("agreementShuffled"),
        agreementChance: setting.mean("agreementChance"),
      }),
      ...headed(STEP, {
        stay: step?.mean("stay"),
        stayShuffled: step?.mean("stayShuffled"),
        stayChance: step?.mean("stayChance"),
      }),
    };
  }));
}

/** Plain figures are of the percentile that is shown. */
function findings(means: readonly Means[], shown: Means, path: ShownPath): Outcome["findings"] {
  const { tokens, ...figures } = shown;
  const names = Object.keys(figures) as (keyof typeof figures)[];
  const regionsOf = ({ traces }: ShownTokens) => traces.map(({ regions }) => regions);
  return {
    percentile: path.percentile,
    layers: path.layers,
    tokens,
    ...Object.fromEntries(names.map((name) => [columnName(name), shown[name]])),
    ...Object.fromEntries(names.map((name) => [`${columnName(name)}_by_percentile`, means.map((own) => own[name])])),
    path_regions: regionsOf(path.inOrder),
    path_regions_shuffled: regionsOf(path.shuffled),
  };
}
