import { assertOptions } from "../../compute/known_options.ts";
import type { ActivationBatch } from "../../activations/batch.ts";
import { batchAt, type LayeredBatch } from "../../activations/stream.ts";
import { withinNorms } from "../../partition/batch_parts.ts";
import type { CalibrationValues } from "../../partition/calibrator.ts";
import type { Dictionary } from "../../partition/dictionary.ts";
import { directionsOf } from "../../partition/directions.ts";

/** How much of a stream a dictionary covers. */
export interface Coverage {
  /** Activations of the stream. */
  readonly activations: number;
  /** Those within the threshold of an exemplar. */
  readonly within: number;
  /** Share of the activations that are within, 0..1; `null` if there are none. */
  readonly coverage: number | null;
}

/**
 * How much of a stream lies within the threshold of a dictionary's exemplars, changing nothing. The share is known only
 * from a stream that the dictionary did not grow on: while it founds, every activation joins a region or is one.
 *
 * @param dictionary What is to cover it.
 * @param stream Batches; whoever made them gives them back. Memory does not grow with their number.
 * @throws {RangeError} if rows are of another length. @throws {Error} if a row is not finite.
 *
 * @example
 * ```ts
 * import { Dictionary } from "../../partition/mod.ts";
 *
 * using dictionary = await Dictionary.create({ center: new Float32Array(2), threshold: 0.1 }, { backend: "cpu" });
 * await dictionary.add({ data: Float32Array.of(1, 0), rows: 1, dim: 2 });
 * const heldOut = { data: Float32Array.of(5, 0.1, 0, 2, 3, 0, -1, 0), rows: 4, dim: 2 };
 * const { within, coverage: share } = await coverage(dictionary, [heldOut]);
 * if (within !== 2 || share !== 0.5) throw new Error(`${within} of 4`);
 * ```
 */
export async function coverage(
  dictionary: Dictionary,
  stream: AsyncIterable<ActivationBatch> | Iterable<ActivationBatch>,
): Promise<Coverage> {
  const counted = new Counted(dictionary.threshold);
  for await (const batch of stream) counted.add((await dictionary.assign(batch)).distances);
  return counted.coverage;
}

/**
 * As {@linkcode coverage}, of several dictionaries in one pass over a stream of their layers. Batches are disposed.
 *
 * @param growths Layer and dictionary of each; those of a layer have one center.
 * @param stream With their layers.
 * @param options `calibrations`: by layer; what they leave out by its norm is left out here, too. Default nothing is.
 * @returns In the order of `growths`.
 * @throws {RangeError} if the stream lacks a layer. @throws {Error} if a row is not finite.
 *
 * @example
 * ```ts
 * import { Dictionary } from "../../partition/mod.ts";
 *
 * const batch = { data: Float32Array.of(1, 0, 0, 1), rows: 2, dim: 2 };
 * using dictionary = await Dictionary.create({ center: new Float32Array(2), threshold: 0.1 }, { backend: "cpu" });
 * await dictionary.add(batch);
 * async function* stream() {
 *   yield { batches: new Map([[3, batch]]), [Symbol.dispose]() {} };
 * }
 * const [{ coverage: share }] = await coverages([{ layer: 3, dictionary }], stream());
 * if (share !== 1) throw new Error("it grew on this stream");
 * ```
 */
export async function coverages(
  growths: readonly { readonly layer: number; readonly dictionary: Dictionary }[],
  stream: AsyncIterable<LayeredBatch>,
  options: { readonly calibrations?: ReadonlyMap<number, CalibrationValues> } = {},
): Promise<Coverage[]> {
  assertOptions("coverages", options, { calibrations: Map });
  const { calibrations = new Map() } = options;
  const all = growths.map(({ layer, dictionary }) => ({
    layer,
    dictionary,
    counted: new Counted(dictionary.threshold),
  }));
  for await (using streamed of stream) {
    for (const [layer, own] of Map.groupBy(all, ({ layer }) => layer)) {
      const [{ dictionary: { backend, center } }] = own;
      using held = new DisposableStack();
      const limits = new Map([...calibrations].filter(([other]) => other === layer));
      const within = (await withinNorms(streamed, limits, backend, held)).get(layer) ?? batchAt(streamed, layer);
      using directions = await directionsOf(backend, within, center);
      for (const { dictionary, counted } of own) counted.add((await dictionary.nearest(directions)).distances);
    }
  }
  return all.map(({ counted }) => counted.coverage);
}

class Counted {
  #activations = 0;
  #within = 0;

  constructor(private readonly threshold: number) {}

  add(distances: Float32Array): void {
    this.#activations += distances.length;
    // `<=`: as where members are told, a row at the threshold belongs.
    for (const distance of distances) if (distance <= this.threshold) this.#within++;
  }

  get coverage(): Coverage {
    const [activations, within] = [this.#activations, this.#within];
    return { activations, within, coverage: activations === 0 ? null : within / activations };
  }
}
