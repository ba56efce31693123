/**
 * Sparse autoencoders and transcoders: files of Gemma Scope, SAELens, sparsify and dictionary_learning are read and run, and
 * dictionaries are written and read as autoencoders.
 *
 * A *feature* is a row of the decoder with an encoder's row and bias; of an activation few are *active*, and these
 * times their decoder rows give it back. {@linkcode readSae} reads an autoencoder, {@linkcode Sae} runs it on a
 * backend. `Dictionary.export` writes a dictionary in the same formats, with a file beside for what they have no place
 * for; `Dictionary.load` reads both back.
 *
 * @example
 * ```ts
 * import { readSae } from "./mod.ts";
 *
 * using sae = await readSae("fixtures/sae/params.npz", { backend: "cpu" });
 * const features = await sae.encode({ rows: 1, dim: sae.dim, data: new Float32Array(sae.dim).fill(1) });
 * console.log(sae.architecture, features.offsets[1], "of", sae.size, "features are active");
 * ```
 *
 * @module
 */
export { readSae, type ReadSaeOptions, Sae } from "./sae.ts";
export {
  type SaeArchitecture,
  SaeError,
  type SaeFormat,
  type SaePlace,
  type SaeSource,
  type SaeWeights,
} from "./weights.ts";
export type { SaeFeatures } from "./features.ts";
export type { Denormalization, Normalization } from "./normalization.ts";
export type { ExportOptions } from "./dictionary_files.ts";
export type { SparseFeatures } from "../compute/sparse.ts";
