/**
 * What is in a file: dictionaries, activations, calibrations, result tables, records of runs, sparse autoencoders.
 *
 * Reads as little as it shows, needs no model and no GPU, and runs nothing of what it reads.
 *
 * @example
 * ```ts
 * import { describeFile } from "./mod.ts";
 *
 * const { kind, tables } = await describeFile("fixtures/sae/params.npz", 5);
 * console.log(kind, Object.keys(tables));
 * ```
 *
 * @experimental What a description holds is not settled.
 *
 * @module
 */
export { describeFile } from "./files.ts";
export type { Description, Json } from "./description.ts";
