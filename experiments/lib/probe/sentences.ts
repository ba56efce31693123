/** What `probe` says of its figures. */
import { formatNumber } from "../../../src/report/mod.ts";
import { difference, labelsOf, ofKind, percentilesOf, type Summary } from "./summary.ts";

/** The answer, at one percentile and over all. */
export function answer(summaries: readonly Summary[], layer: number, percentile: number): string {
  const labels = labelsOf(summaries);
  const at = (ask: Parameters<typeof ofKind>[1]) => labels.flatMap((label) => ofKind(summaries, { ...ask, label }));
  const each = (own: readonly Summary[], figure: (summary: Summary) => number) =>
    own.map((summary) => `${percent(figure(summary))} (${summary.label})`).join(", ");
  const plain = (own: readonly Summary[], figure: (summary: Summary) => number) =>
    own.map((summary) => percent(figure(summary))).join(", ");
  const kept = ({ kept: { mean } }: Summary) => mean;
  const regions = at({ source: "EP, exemplars", percentile, k: 1 });
  const random = at({ source: "random exemplars", percentile, k: 1 });
  const token = at({ source: "token id" });
  const [sae, all] = [at({ source: "SAE", k: 1 }), at({ source: "SAE", k: Infinity })];
  const ks = ofKind(summaries, { label: labels[0], source: "EP, exemplars", percentile }).map(({ k }) => k);
  const most = Math.max(...ks);
  const [top, topRandom, topSae] = [
    at({ source: "EP, exemplars", percentile, k: most }),
    at({ source: "random exemplars", percentile, k: most }),
    at({ source: "SAE", k: most }),
  ];
  const shuffled = [
    ...at({ source: "raw activations", isShuffled: true }),
    ...at({ source: "EP, exemplars", k: 1, isShuffled: true, percentile }),
  ].map((summary) => Math.abs(summary.accuracy.mean - summary.chance));
  return [
    `The nearest region alone, of ${
      formatNumber(Math.round(regions[0].size))
    } at block ${layer} and p ${percentile}, keeps`,
    `${each(regions, ({ ratio }) => ratio.mean)} of raw accuracy; above chance it keeps ${
      plain(regions, kept)
    }, in the same`,
    `order.`,
    `As many random activations as exemplars keep ${plain(random, kept)} above chance, the token's id alone`,
    `${plain(token, kept)}${
      sae.length > 0
        ? `, the SAE's strongest feature alone ${plain(sae, kept)}, and all its features (${
          formatNumber(all[0].l0, 3)
        } a token) ${plain(all, kept)}`
        : ""
    }.`,
    ...(most > 1
      ? [
        `The ${most} largest regions keep ${plain(top, kept)}; as many random exemplars ${plain(topRandom, kept)}${
          topSae.length > 0 ? `; the SAE's ${most} largest features ${plain(topSae, kept)}` : ""
        }.`,
      ]
      : []),
    versusRandom(summaries),
    `With shuffled labels, raw activations and regions come within ${
      formatNumber(100 * Math.max(...shuffled), 2)
    } points of chance.`,
  ].join(" ");
}

/** A share as whole percents: documents are too few for more. */
const percent = (share: number) => `${Math.round(100 * share)}\u00a0%`.replace("-", "−");

/** In how many settings one-hot regions are told from random exemplars, by the interval of the difference. */
function versusRandom(summaries: readonly Summary[]): string {
  const differences = labelsOf(summaries).flatMap((label) =>
    percentilesOf(summaries).map((percentile) => {
      const [own] = ofKind(summaries, { label, percentile, source: "EP, exemplars", k: 1 });
      const [random] = ofKind(summaries, { label, percentile, source: "random exemplars", k: 1 });
      return difference(own, random);
    })
  );
  const better = differences.filter(({ low }) => low > 0).length;
  const worse = differences.filter(({ high }) => high < 0).length;
  return `Over all ${differences.length} settings of label and p, one-hot regions are more accurate than one-hot ` +
    `random exemplars in ${better} and less in ${worse}, by an interval that leaves out 0.`;
}
