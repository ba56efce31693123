/**
 * Measurements: what dictionaries hold, how they compare, and what they are good for. A room for each kind:
 *
 * - `regions/`: regions of one dictionary, their sizes, neighbours, meanings, labels;
 * - `matching/`: regions of two dictionaries, and what chance would give;
 * - `detection/`: what is unlike the activations that a dictionary was built on;
 * - `concepts/`: which direction stands for a labelled concept;
 * - `probes/`: what a linear probe reads off activations, regions or features;
 * - `firings/`: which tokens fire which units, and which units fire together;
 * - `interventions/`: what a direction does in a model, and what to compare it with;
 * - `refusal/`: refusing answers, and the regions of refused prompts;
 * - `geometry/`: directions as points;
 * - `statistics/`: figures of plain numbers.
 *
 * Values are plain arrays, row-major; every null model and sample takes a seed. A statistic of no numbers (a mean, a
 * share, a correlation) is NaN, as NumPy's are; a thing that has no counterpart is `null`, and so is a missing figure of
 * a result row.
 *
 * @example How evenly a dictionary's regions are filled
 * ```ts
 * import { Dictionary } from "../partition/mod.ts";
 * import { measure } from "./mod.ts";
 *
 * using dictionary = await Dictionary.create({ center: new Float32Array(2), threshold: 0.1 }, { backend: "cpu" });
 * await dictionary.add({ data: Float32Array.of(2, 0, 2, 0.1, 0, 3, 0.1, 3), rows: 4, dim: 2 });
 * const { regions, gini } = await measure(dictionary);
 * if (regions !== 2 || gini !== 0) throw new Error(`Expected two regions of two but found ${regions}, Gini ${gini}`);
 * ```
 *
 * @experimental All but `measure`, `describeRegions`, `match`, `Monitor`, `auroc` and `spearman` may still change.
 *
 * @module
 */
export * from "./concepts/mod.ts";
export * from "./detection/mod.ts";
export * from "./firings/mod.ts";
export * from "./geometry/mod.ts";
export * from "./interventions/mod.ts";
export * from "./matching/mod.ts";
export * from "./probes/mod.ts";
export * from "./refusal/mod.ts";
export * from "./regions/mod.ts";
export * from "./statistics/mod.ts";
