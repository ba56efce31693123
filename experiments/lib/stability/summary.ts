/** Means over stream orders, and what they say. */
import { formatNumber, meanOfAll as meanOf, ofSetting, type SettingKey as Setting } from "../../../src/report/mod.ts";
import type { Measured, Variant } from "./variants.ts";

/** The variant whose matches are chance. */
export const CHANCE: Variant = "means, rotated (chance)";

/** A figure of each order. */
export function figuresOf<T>(
  rows: readonly Measured[],
  setting: Setting,
  variant: Variant,
  value: (row: Measured) => T,
): T[] {
  return ofSetting(rows, setting).filter((row) => row.variant === variant).map(value);
}

/** Means over orders of one variant at one setting. */
export function meansOf(rows: readonly Measured[], setting: Setting, variant: Variant) {
  const mean = (value: (row: Measured) => number) => meanOf(figuresOf(rows, setting, variant, value));
  return {
    regions: mean(({ counts }) => counts.length),
    matched: mean(({ matched }) => matched),
    spearman: mean(({ spearman }) => spearman),
    spearmanCount: mean(({ spearmanCount }) => spearmanCount),
    spearmanCoherence: mean(({ spearmanCoherence }) => spearmanCoherence),
    spearmanPlural: mean(({ spearmanPlural }) => spearmanPlural),
    quintiles: [0, 1, 2, 3, 4].map((i) => mean(({ quintiles }) => quintiles[i])),
  };
}

/** The question answered from the figures, the setting that is shown first. */
export function answer(rows: readonly Measured[], settings: readonly Setting[], shown: Setting): string {
  const at = (variant: Variant) => meansOf(rows, shown, variant);
  const plain = at("means");
  const chance = at(CHANCE);
  const orders = figuresOf(rows, shown, "means", ({ spearman }) => spearman);
  const all = settings.map((setting) => meansOf(rows, setting, "means"));
  const higher = (a: Variant, b: Variant) =>
    settings.filter((setting) => meansOf(rows, setting, a).matched > meansOf(rows, setting, b).matched).length;
  const of = settings.length;
  const pair = (variant: Variant) => {
    const { matched, spearman } = at(variant);
    return `${figure(matched)} (Spearman ${figure(spearman)})`;
  };
  const place = `block ${shown.layer}, p ${shown.percentile}`;
  return [
    `At ${place} a region's D and its matched cosine over ${orders.length} stream orders have Spearman's correlation`,
    `${figure(plain.spearman)} (${span(orders)} over orders), and the mean matched cosine goes from`,
    `${figure(plain.quintiles[0])} in the lowest fifth of D to ${
      figure(plain.quintiles[4])
    } in the highest; with the other`,
    `orders rotated at random the correlation is ${figure(chance.spearman)}, from ${figure(chance.quintiles[0])} to`,
    `${figure(chance.quintiles[4])}.`,
    `Over all ${of} settings of layer and p the correlation is ${
      span(all.map(({ spearman }) => spearman))
    }; with members`,
    `alone ${span(all.map(({ spearmanCount }) => spearmanCount))}, with coherence alone`,
    `${span(all.map(({ spearmanCoherence }) => spearmanCoherence))}; with D among regions of two or more members`,
    `${span(all.map(({ spearmanPlural }) => spearmanPlural))}.`,
    `Exemplars come back at a mean cosine of ${pair("exemplars")} at ${place}; re-anchored ones at`,
    `${pair("exemplars, re-anchored")}, higher in ${higher("exemplars, re-anchored", "exemplars")} of ${of} settings;`,
    `those replaced while growing at ${pair("exemplars, replaced while growing")}, higher than plain ones in`,
    `${higher("exemplars, replaced while growing", "exemplars")} of ${of}.`,
    `Mean directions come back at ${pair("means")}, and where exemplars were replaced while growing at`,
    `${pair("means, replaced while growing")}, higher in ${higher("means, replaced while growing", "means")} of ${of}.`,
    `Absorbing the fifth of lowest D into its neighbours gives ${
      pair("means, unstable fifth absorbed")
    }, leaving it out`,
    `${pair("means, unstable fifth left out")}, absorbing a random fifth ${pair("means, random fifth absorbed")}:`,
    `absorbing beats leaving out in ${
      higher("means, unstable fifth absorbed", "means, unstable fifth left out")
    } of ${of}`,
    `settings, and absorbing a random fifth in ${
      higher("means, unstable fifth absorbed", "means, random fifth absorbed")
    }.`,
  ].join(" ");
}

const figure = (value: number) => formatNumber(value, 3);

/** The least and the most. */
export const span = (values: readonly number[]): string =>
  `${figure(Math.min(...values))} to ${figure(Math.max(...values))}`;
