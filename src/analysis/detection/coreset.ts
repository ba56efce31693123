import { batchAt, type LayeredBatch, type StreamBatch } from "../../activations/stream.ts";
import type { CalibrationValues } from "../../partition/calibrator.ts";
import { directionsOf } from "../../partition/directions.ts";
import { type Assignment, nearestRegions } from "../../partition/leader.ts";
import type { Growth } from "../../partition/growth.ts";
import type { Exemplars, LayerExemplars } from "./distances.ts";
import { assertSameDim, type Backend, type Matrix } from "../../compute/backend.ts";
import { hashUniform } from "../../compute/random.ts";

/**
 * A uniform sample of a stream's directions, without repeats: the rows with the smallest of keys that are drawn from the
 * seed and the stream index alone, so batch boundaries do not change it. The samples of different sizes lie one in the
 * other. It is what a dictionary's exemplars are compared with: as many observed directions, chosen at random.
 *
 * @example Batch boundaries do not change the sample
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { openBackend } from "../../compute/mod.ts";
 * import { randomDirections } from "../geometry/mod.ts";
 *
 * const backend = await openBackend("cpu");
 * const [seed, dim, capacity] = [7, 3, 4];
 * const rows = randomDirections(10, dim, 0);
 * using all = backend.upload(rows, 10, dim);
 * using first = backend.upload(rows.slice(0, 6 * dim), 6, dim);
 * using last = backend.upload(rows.slice(6 * dim), 4, dim);
 *
 * using atOnce = new Coreset(backend, dim, capacity, seed);
 * atOnce.offer(all, 0);
 * using inTwo = new Coreset(backend, dim, capacity, seed);
 * inTwo.offer(first, 0);
 * inTwo.offer(last, 6);
 * using a = atOnce.take(2);
 * using b = inTwo.take(2);
 * assertEquals(await backend.download(a), await backend.download(b));
 * ```
 */
export class Coreset implements Disposable {
  readonly #pool: Matrix;
  #isDisposed = false;
  /** Ascending by key; `row` is the pool's. */
  #kept: { readonly key: number; readonly row: number }[] = [];

  /**
   * An empty sample.
   *
   * @param backend Where the directions live.
   * @param dim Length of a direction.
   * @param capacity Directions kept at most.
   * @param seed Any whole number.
   */
  constructor(readonly backend: Backend, dim: number, readonly capacity: number, readonly seed: number) {
    this.#pool = backend.create(dim);
  }

  /** Directions kept so far. */
  get size(): number {
    this.#assertInUse();
    return this.#kept.length;
  }

  /**
   * Offers a batch.
   *
   * @param directions Unit rows, `rows x dim`; copied where they are kept.
   * @param start Stream index of the first row.
   * @throws {RangeError} if the rows are of another length; the sample stays as it was.
   */
  offer(directions: Matrix, start: number): void {
    this.#assertInUse();
    assertSameDim(directions, this.#pool);
    const offered = Array.from({ length: directions.rows }, (_, i) => ({ key: hashUniform(this.seed, start + i), i }));
    const ranked = [...this.#kept, ...offered].sort((a, b) => a.key - b.key);
    const free = ranked.slice(this.capacity).flatMap((entry) => "row" in entry ? [entry.row] : []);
    let next = this.#pool.rows;
    const [sources, targets]: [number[], number[]] = [[], []];
    this.#kept = ranked.slice(0, this.capacity).map((entry) => {
      if ("row" in entry) return entry;
      const row = free.pop() ?? next++;
      sources.push(entry.i);
      targets.push(row);
      return { key: entry.key, row };
    });
    if (sources.length === 0) return;
    this.backend.copyRows(directions, Int32Array.from(sources), this.#pool, Int32Array.from(targets));
  }

  /**
   * A sample of `count` directions as a matrix of its own, which the caller disposes.
   *
   * @throws {RangeError} if fewer are kept.
   */
  take(count: number): Matrix {
    if (!(count >= 1 && count <= this.size)) {
      throw new RangeError(
        `Expected a sample of 1 to ${this.size} directions, as many as are kept, but found ${count}: keep more`,
      );
    }
    const rows = Int32Array.from(this.#kept.slice(0, count), ({ row }) => row);
    const sample = this.backend.create(this.#pool.dim, count);
    this.backend.copyRows(this.#pool, rows, sample, rows.map((_, i) => i));
    return sample;
  }

  /** Gives its memory back; samples that were taken are their takers'. A second time it does nothing. */
  dispose(): void {
    this.#isDisposed = true;
    this.#pool.dispose();
  }

  /** As {@linkcode Coreset.dispose}, for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  #assertInUse(): void {
    if (this.#isDisposed) {
      throw new Error("Expected a coreset in use but found a disposed one: keep it until the last use");
    }
  }
}

/** What distances are taken to: a dictionary's exemplars, or as many random activations. */
export const EXEMPLAR_KINDS = ["regions", "coreset"] as const;
/** One of {@linkcode EXEMPLAR_KINDS}. */
export type ExemplarKind = typeof EXEMPLAR_KINDS[number];

/** A dictionary, or random activations in its place. */
export interface ComparedExemplars extends LayerExemplars {
  /** Percentile of the dictionary. */
  readonly percentile: number;
  /** Which of the two it is. */
  readonly kind: ExemplarKind;
}

/**
 * Coresets of a stream's layers, filled by whoever looks at the stream.
 *
 * @example
 * ```ts
 * import { openBackend } from "../../compute/mod.ts";
 *
 * const calibrations = new Map([[4, { center: Float32Array.of(1, 1) }]]);
 * using coresets = new Coresets(await openBackend("cpu"), calibrations, 3, 0);
 * const activations = { data: Float32Array.of(2, 1, 1, 3, 0, 1, 1, 0), rows: 4, dim: 2 };
 * await coresets.offer({ batches: new Map([[4, activations]]), start: 0 });
 *
 * const control = coresets.inPlaceOf(4, { center: Float32Array.of(1, 1), threshold: 0.1, size: 2 });
 * using all = coresets.take(4, 9);
 * if (control.size !== 2 || all.rows !== 3) throw new Error(`as many as asked for, or kept: ${all.rows}`);
 * ```
 */
export class Coresets implements Disposable {
  readonly #byLayer: ReadonlyMap<number, { readonly coreset: Coreset; readonly center: Float32Array<ArrayBuffer> }>;
  readonly #given = new DisposableStack();

  /**
   * An empty coreset for each layer.
   *
   * @param backend Where the directions live.
   * @param calibrations By layer: their centers are those of the directions.
   * @param capacity Directions kept a layer at most: a dictionary of more regions is compared with this many.
   * @param seed Any whole number.
   */
  constructor(
    readonly backend: Backend,
    calibrations: ReadonlyMap<number, Pick<CalibrationValues, "center">>,
    capacity: number,
    readonly seed: number,
  ) {
    this.#byLayer = new Map(
      calibrations.entries().map(([layer, { center }]) => [
        layer,
        { coreset: new Coreset(backend, center.length, capacity, seed), center },
      ]),
    );
  }

  /** Offers a batch at every layer; does not dispose it. */
  async offer(batch: Pick<LayeredBatch, "batches"> & Pick<StreamBatch, "start">): Promise<void> {
    for (const [layer, { coreset, center }] of this.#byLayer) {
      using directions = await directionsOf(this.backend, batchAt(batch, layer), center);
      coreset.offer(directions, batch.start);
    }
  }

  /**
   * At most `count` directions of a layer, all that are kept if these are fewer, as a matrix which the caller disposes.
   *
   * @throws {RangeError} if the layer has no coreset, or nothing was offered.
   */
  take(layer: number, count: number): Matrix {
    const kept = this.#byLayer.get(layer);
    if (!kept) throw new RangeError(`Expected a layer of the coresets but found ${layer}: calibrate it too`);
    return kept.coreset.take(Math.min(count, kept.coreset.size));
  }

  /**
   * As many random directions as a dictionary has regions, to stand in its exemplars' place; see {@linkcode take}. They are
   * given back with the coresets.
   */
  inPlaceOf(
    layer: number,
    { size, center, threshold }: Pick<Exemplars, "size" | "center" | "threshold">,
  ): RandomExemplars {
    return this.#given.use(new RandomExemplars(this.backend, this.take(layer, size), center, threshold));
  }

  /**
   * Dictionaries, and after each as many random directions in its place: what the distances to a dictionary's exemplars are
   * compared with.
   *
   * @param growths As `discover` gives them.
   * @throws {RangeError} as {@linkcode take} does.
   */
  besides(growths: readonly Pick<Growth, "layer" | "percentile" | "dictionary">[]): ComparedExemplars[] {
    return growths.flatMap(({ layer, percentile, dictionary }): ComparedExemplars[] => [
      { layer, percentile, kind: "regions", exemplars: dictionary },
      { layer, percentile, kind: "coreset", exemplars: this.inPlaceOf(layer, dictionary) },
    ]);
  }

  /** Gives the memory of all back. */
  [Symbol.dispose](): void {
    this.#given.dispose();
    for (const { coreset } of this.#byLayer.values()) coreset.dispose();
  }
}

/**
 * Offers the first activations of a stream to coresets, in whole batches, which are disposed.
 *
 * @param coresets Of different seeds: one pass over the stream fills them all.
 * @param activations How many; of a shorter stream all.
 *
 * @example
 * ```ts
 * import { extract } from "../../activations/mod.ts";
 * import { openBackend } from "../../compute/mod.ts";
 * import { loadModel } from "../../model/mod.ts";
 *
 * await using model = await loadModel("fixtures/gemma-2-toy", { device: "cpu" });
 * const calibrations = new Map([[4, { center: new Float32Array(model.dim) }]]);
 * using coresets = new Coresets(await openBackend("cpu"), calibrations, 100, 0);
 * const texts = ["The king", "The queen", "The knave"];
 * await offerFirst(extract(model, texts, { layers: [4], batchPrompts: 1 }), [coresets], 1);
 * using sample = coresets.take(4, 100);
 * const { length } = model.encode("The king");
 * if (sample.rows !== length - 1) throw new Error(`the first batch whole, and no other: ${sample.rows}`);
 * ```
 */
export async function offerFirst(
  stream: AsyncIterable<StreamBatch>,
  coresets: readonly Coresets[],
  activations: number,
): Promise<void> {
  for await (const batch of stream) {
    using streamed = batch;
    for (const each of coresets) await each.offer(streamed);
    const { rows } = streamed.batches.values().next().value!;
    if (streamed.start + rows >= activations) return;
  }
}

/**
 * Random directions of a stream in the place of a dictionary's exemplars.
 *
 * @example
 * ```ts
 * import { openBackend } from "../../compute/mod.ts";
 * import { randomDirections } from "../geometry/mod.ts";
 *
 * const backend = await openBackend("cpu");
 * const random = randomDirections(5, 3, 0);
 * using exemplars = new RandomExemplars(backend, backend.upload(random, 5, 3), new Float32Array(3), 0.1);
 * using third = backend.upload(random.slice(6, 9), 1, 3);
 * const { regions, distances } = await exemplars.nearest(third);
 * if (regions[0] !== 2 || Math.abs(distances[0]) > 1e-6) throw new Error(`${regions} ${distances}`);
 * ```
 */
export class RandomExemplars implements Exemplars, Disposable {
  /**
   * Directions to stand in the place of exemplars.
   *
   * @param backend Where the directions live.
   * @param directions Unit rows, which it then owns.
   * @param center Subtracted from every activation.
   * @param threshold Distances near it are exact.
   */
  constructor(
    readonly backend: Backend,
    private readonly directions: Matrix,
    readonly center: Float32Array<ArrayBuffer>,
    readonly threshold: number,
  ) {}

  /** How many they are. */
  get size(): number {
    return this.directions.rows;
  }

  /** Nearest of them to each row, and its distance. */
  nearest(directions: Matrix): Promise<Assignment> {
    return nearestRegions(this.backend, directions, this.directions, this.threshold);
  }

  /** Gives the directions' memory back. */
  [Symbol.dispose](): void {
    this.directions.dispose();
  }
}
