/**
 * Detection of what is unlike the activations that a dictionary was built on: by the distance to the nearest exemplar.
 *
 * {@linkcode nearestDistances} measures, {@linkcode Coreset} is the control (as many observed directions, chosen at
 * random), {@linkcode conformalThreshold} turns distances of known texts into an alarm of a set false rate, and
 * {@linkcode Monitor} watches prompts of a model.
 *
 * @example
 * ```ts
 * import { conformalThreshold } from "./mod.ts";
 *
 * const threshold = conformalThreshold([0.1, 0.2, 0.3, 0.4], 0.25);
 * if (threshold !== 0.4) throw new Error(`Expected the largest of four but found ${threshold}`);
 * ```
 *
 * @module
 */
export * from "./alarm_rates.ts";
export * from "./conformal.ts";
export * from "./coreset.ts";
export * from "./distance_figures.ts";
export * from "./distances.ts";
export * from "./exemplar_scores.ts";
export * from "./monitor.ts";
export * from "./watch.ts";
