/**
 * Which direction of a set stands for a concept that texts are labelled with, as AxBench asks.
 *
 * {@linkcode textMaxima} scores texts by their largest cosine with each direction; a *selection rule* takes one direction
 * of them; {@linkcode randomDirections} are the floor that any set must be above. {@linkcode ConceptScorer} does all of it for
 * a concept, beside directions that are trained, {@linkcode AxBenchDetector} for AxBench's concepts.
 *
 * @example
 * ```ts
 * import { bestAmongFirst, directionAurocs } from "./mod.ts";
 *
 * // Scores of two texts without the concept and two with it, on two directions.
 * const areas = directionAurocs(Float32Array.of(0, 1, 0, 1), Float32Array.of(2, 1, 2, 0), 2);
 * const [best] = bestAmongFirst(areas, [2]);
 * if (best !== 0) throw new Error(`Expected the first direction but found ${best}`);
 * ```
 *
 * @module
 */
export * from "./axbench_detector.ts";
export * from "./concept_scorer.ts";
export * from "./maxima.ts";
export * from "./selection.ts";
