/**
 * What is in a file: dictionaries, activations, calibrations, result tables, records of runs, sparse autoencoders.
 *
 * Reads as little as it shows, needs no model and no GPU, and runs nothing of what it reads.
 *
 * @example
 * ```ts
 * const description = await describeFile("fixtures/sae/params.npz", 5);
 * console.log(descriptionText(description));
 * ```
 *
 * @experimental What a description holds is not settled.
 *
 * @module
 */
export { describeFile } from "./files.ts";
export type { Description, Json } from "./description.ts";
export { descriptionText } from "./text.ts";
