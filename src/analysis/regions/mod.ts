/**
 * Regions of one dictionary: their sizes, shapes, neighbours, meanings, and how labelled rows fall into them.
 *
 * {@linkcode describeRegions} gives a row a region, {@linkcode measure} figures of the whole dictionary.
 * {@linkcode Dashboard} writes what feature browsers show of every region.
 * Functions on plain arrays take the region of each row, or the cosines of regions with each other, `size x size`.
 *
 * @example
 * ```ts
 * import { purity, splitByLabel } from "./mod.ts";
 *
 * const split = splitByLabel([0, 0, 1, 1], [true, true, true, false]);
 * if (purity(split) !== 0.75) throw new Error("three of four rows are of their region's larger label");
 * ```
 *
 * @module
 */
export * from "./absorb.ts";
export * from "./anchor_pairs.ts";
export * from "./between.ts";
export * from "./coverage.ts";
export * from "./dashboard.ts";
export * from "./density.ts";
export * from "./divide_by_label.ts";
export * from "./final_regions.ts";
export * from "./growth_curve.ts";
export * from "./label_split.ts";
export * from "./lens_tokens.ts";
export * from "./metrics.ts";
export * from "./pairs_by_cosine.ts";
export * from "./paths.ts";
export * from "./region_table.ts";
export * from "./token_paths.ts";
