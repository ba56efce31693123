import { batchAt, type StreamBatch } from "../../activations/stream.ts";
import type { CalibrationValues } from "../../partition/calibrator.ts";
import { directionsOf } from "../../partition/directions.ts";
import { type Assignment, nearestRegions } from "../../partition/leader.ts";
import type { Growth } from "../../partition/growth.ts";
import type { Exemplars, LayerExemplars } from "./distances.ts";
import type { Backend, Matrix } from "../../compute/backend.ts";
import { hashUniform } from "../../compute/random.ts";

/**
 * A uniform sample of a stream's directions, without repeats: the rows with the smallest of keys that are drawn from the
 * seed and the stream index alone, so batch boundaries do not change it. The samples of different sizes lie one in the
 * other. It is what a dictionary's exemplars are compared with: as many observed directions, chosen at random.
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
   */
  offer(directions: Matrix, start: number): void {
    this.#assertInUse();
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

/** Coresets of a stream's layers, filled by whoever looks at the stream. */
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
  async offer(batch: StreamBatch): Promise<void> {
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
  inPlaceOf(layer: number, { size, center, threshold }: Exemplars): RandomExemplars {
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

/** Random directions of a stream in the place of a dictionary's exemplars. */
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
