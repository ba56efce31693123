import type { ActivationBatch } from "../../activations/batch.ts";
import type { Backend } from "../../compute/backend.ts";
import type { SparseFeatures } from "../../compute/sparse.ts";
import type { Dictionary } from "../../partition/dictionary.ts";
import { directionsOf } from "../../partition/directions.ts";
import type { Sae } from "../../sae/sae.ts";
import type { Exemplars } from "../detection/distances.ts";
import { activeFirings } from "./active_firings.ts";
import { type Firings, partitionFirings } from "./firings.ts";
import { StrongestFirings } from "./strongest_firings.ts";

/** Where the features of an SAE fire. */
export interface FeatureFirings {
  /** A feature fires on every token that it is active on. */
  readonly firings: Firings;
  /** The tokens of each feature's largest activations. */
  readonly strongest: Firings;
}

/**
 * Encodes activations: a feature fires where it is active.
 *
 * @param k Tokens of each feature's largest activations to keep.
 * @param onBatch Called with the activations of every batch that is done.
 * @throws {RangeError} if there are no batches.
 *
 * @example
 * ```ts
 * import { readSae } from "../../sae/mod.ts";
 *
 * using sae = await readSae("fixtures/sae/params.npz", { backend: "cpu" });
 * const batch = { rows: 1, dim: sae.dim, data: new Float32Array(sae.dim).fill(1) };
 * const { firings, strongest } = await featureFirings(sae, [batch, batch], 1);
 * // What is active is so on both tokens; one of them is kept as its strongest.
 * if (firings.tokens !== 2 || firings.at.length !== 2 * strongest.at.length) throw new Error(`${strongest.at}`);
 * ```
 */
export async function featureFirings(
  sae: Pick<Sae, "size" | "encode">,
  batches: readonly ActivationBatch[],
  k: number,
  onBatch: (activations: number) => void = () => {},
): Promise<FeatureFirings> {
  const strongest = new StrongestFirings(sae.size, k);
  const active: Pick<SparseFeatures, "rows" | "size" | "offsets" | "features">[] = [];
  for (const batch of batches) {
    const { values, ...where } = await sae.encode(batch);
    strongest.offerActive({ ...where, values });
    active.push(where);
    onBatch(batch.rows);
  }
  return { firings: activeFirings(active), strongest: strongest.finish().firings };
}

/** Where the cells of some exemplars fire. */
export interface CellFirings {
  /** A cell fires on the tokens that are nearest to its exemplar: each token fires one. */
  readonly firings: Firings;
  /** Share of the tokens within the threshold of their exemplar, 0..1. */
  readonly within: number;
}

/**
 * Gives every activation to its nearest exemplar.
 *
 * @param exemplars A dictionary, or random directions in its place; each has at least one.
 *
 * @example
 * ```ts
 * import { openBackend } from "../../compute/mod.ts";
 * import { Dictionary } from "../../partition/mod.ts";
 *
 * const backend = await openBackend("cpu");
 * using dictionary = await Dictionary.create({ center: new Float32Array(2), threshold: 0.1 }, { backend });
 * const batch = { rows: 3, dim: 2, data: Float32Array.of(1, 0, 0, 1, 1, 0.1) };
 * await dictionary.add(batch);
 * const { firings, within } = await cellFirings(backend, dictionary, [batch]);
 * if (firings.at.join() !== "0,2,1" || within !== 1) throw new Error(`${firings.at} ${within}`);
 * ```
 */
export async function cellFirings(
  backend: Backend,
  exemplars: Exemplars,
  batches: readonly ActivationBatch[],
): Promise<CellFirings> {
  const { size, center, threshold } = exemplars;
  const cells = new Int32Array(batches.reduce((sum, { rows }) => sum + rows, 0));
  let [start, within] = [0, 0];
  for (const batch of batches) {
    using directions = await directionsOf(backend, batch, center);
    const { regions, distances } = await exemplars.nearest(directions);
    cells.set(regions, start);
    within += distances.filter((distance) => distance <= threshold).length;
    start += batch.rows;
  }
  return { firings: partitionFirings(cells, size), within: within / cells.length };
}

/** A dictionary on some tokens, beside as many random directions in its exemplars' place: plain data, without the device. */
export interface DictionaryFirings extends CellFirings {
  /** Regions. */
  readonly size: number;
  /** Of the cells of the random directions. */
  readonly random: Firings;
  /** Of the members that the regions were grown on, 0..1. */
  readonly coherences: Float64Array<ArrayBuffer>;
  /** Unit mean directions, `size x dim`. */
  readonly means: Float32Array<ArrayBuffer>;
}

/**
 * Gives every activation to its region, and to the nearest of random directions.
 *
 * @param random As many activations of the dictionary's own stream, such as `Coresets.inPlaceOf` gives.
 *
 * @example
 * ```ts
 * import { openBackend } from "../../compute/mod.ts";
 * import { Dictionary } from "../../partition/mod.ts";
 *
 * const backend = await openBackend("cpu");
 * const grown = async (...data: number[]) => {
 *   const dictionary = await Dictionary.create({ center: new Float32Array(2), threshold: 0.1 }, { backend });
 *   await dictionary.add({ rows: 2, dim: 2, data: Float32Array.from(data) });
 *   return dictionary;
 * };
 * using dictionary = await grown(1, 0, 0, 1);
 * using random = await grown(0, 1, 1, 0);
 * const batch = { rows: 2, dim: 2, data: Float32Array.of(1, 0, 0, 1) };
 * const fired = await dictionaryFirings(backend, dictionary, random, [batch]);
 * if (fired.firings.at.join() !== "0,1" || fired.random.at.join() !== "1,0") throw new Error(`${fired.random.at}`);
 * ```
 */
export async function dictionaryFirings(
  backend: Backend,
  dictionary: Dictionary,
  random: Exemplars,
  batches: readonly ActivationBatch[],
): Promise<DictionaryFirings> {
  const { size, coherences, means } = dictionary;
  const cells = await cellFirings(backend, dictionary, batches);
  return { ...cells, size, coherences, means, random: (await cellFirings(backend, random, batches)).firings };
}

/**
 * The `k` activations with the largest projection on each region's mean direction: the published read-out (arXiv 2605.14347).
 *
 * @param batches All activations of a stream, `rows x dim` each, in stream order.
 * @returns Firings of the regions, on the stream's activations.
 *
 * @example
 * ```ts
 * import { Dictionary } from "../../partition/mod.ts";
 *
 * using dictionary = await Dictionary.create({ center: new Float32Array(2), threshold: 0.1 }, { backend: "cpu" });
 * const batch = { rows: 3, dim: 2, data: Float32Array.of(1, 0, 0, 1, 0, 3) };
 * await dictionary.add(batch);
 * const { at: tokens } = await strongestInRegions(dictionary, [batch], 1);
 * if (tokens.join() !== "0,2") throw new Error(`${tokens}`);
 * ```
 */
export async function strongestInRegions(
  dictionary: Pick<Dictionary, "size" | "readout">,
  batches: readonly ActivationBatch[],
  k: number,
): Promise<Firings> {
  const strongest = new StrongestFirings(dictionary.size, k);
  for (const batch of batches) {
    strongest.offer(await dictionary.readout(batch, { kind: "signed", basis: "mean" }), batch.rows);
  }
  return strongest.finish().firings;
}
