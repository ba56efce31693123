/**
 * Regions of two dictionaries: which of one is which of the other, what came and went, and what chance would give.
 *
 * A *matching* pairs each region of the smaller dictionary with one of the other, of largest total cosine; a *counterpart*
 * is the nearest one, whatever others have. {@linkcode matchOrders} and
 * {@linkcode auditOrders} ask what a finetuning did to the regions of a model, beside what stream order does.
 * {@linkcode rotated} and {@linkcode noiseCuts} are the controls.
 *
 * @example
 * ```ts
 * import { openBackend } from "../../compute/mod.ts";
 * import { matchDirections, turnover } from "./mod.ts";
 *
 * const [before, after] = [Float32Array.of(1, 0, 0, 1), Float32Array.of(0, 1)];
 * const { cosines } = await matchDirections(await openBackend("cpu"), before, after, 2);
 * const { persisted, dropped } = turnover(cosines, 2, 1, 0.7);
 * if (persisted !== 1 || dropped !== 1) throw new Error(`${persisted} persisted, ${dropped} dropped`);
 * ```
 *
 * @module
 */
export * from "./audit.ts";
export * from "./hungarian.ts";
export * from "./match.ts";
export * from "./match_orders.ts";
export * from "./noise_cuts.ts";
export * from "./recurrence.ts";
export * from "./region_directions.ts";
export * from "./rotated.ts";
export * from "./stability.ts";
export * from "./turnover.ts";
