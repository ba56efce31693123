/**
 * Which tokens of a stream fire which units, and which units of two sets fire together.
 *
 * A *unit* is a region, an SAE's feature or a token id; *firings* are the tokens that fire it. Two units *match* as well as
 * the F1 of their firings says; {@linkcode permutedTokens} and {@linkcode shiftedTokens} are the controls.
 *
 * @example
 * ```ts
 * import { bestMatches, partitionFirings } from "./mod.ts";
 *
 * const regions = partitionFirings([0, 0, 1, 1], 2);
 * const features = partitionFirings([1, 1, 0, 1], 2);
 * const { ofA } = bestMatches(regions, features, 1);
 * if (ofA[0].unit !== 1 || ofA[0].f1 !== 0.8) throw new Error(JSON.stringify(ofA));
 * ```
 *
 * @module
 */
export * from "./active_firings.ts";
export * from "./best_f1.ts";
export * from "./best_match.ts";
export * from "./compare_firings.ts";
export * from "./describe_units.ts";
export * from "./firings.ts";
export * from "./pick_units.ts";
export * from "./strongest_firings.ts";
export * from "./unit_firings.ts";
