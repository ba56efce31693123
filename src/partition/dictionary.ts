import type { ActivationBatch, Provenance } from "../activations/batch.ts";
import type { StreamSource } from "../activations/source.ts";
import type { Backend, BackendChoice, Matrix } from "../compute/backend.ts";
import { openBackend } from "../compute/open.ts";
import { directionsOf } from "./directions.ts";
import { type Context, Contexts } from "./contexts.ts";
import { groupRows } from "./groups.ts";
import { HostCopy } from "./host_copy.ts";
import { assignBatch, type Assignment, nearestRegions } from "./leader.ts";
import { mergeRegions } from "./merge.ts";
import { coherencesOf, unitRows } from "./means.ts";
import type { Basis, DictionaryCalibration, DictionaryParts } from "./parts.ts";
import { loadDictionary, saveDictionary } from "./persistence.ts";
import { decodeFeatures, readFeatures, type ReadoutOptions } from "./readout.ts";
import { reanchored } from "./reanchor.ts";
import { RegionArrays } from "./region_arrays.ts";
import { Reservoir } from "./reservoir.ts";

/** Options of a dictionary. */
export interface DictionaryOptions {
  /** Where it computes; default `"auto"`. */
  backend?: BackendChoice | Backend;
  /** Seed of the reservoirs; default 0. */
  seed?: number;
}

/** Distances are known to about 1e-6: a smaller threshold would tell equal activations apart by rounding. */
const SMALLEST_THRESHOLD = 1e-6;

/**
 * An ordered set of regions of activation space, grown by leader clustering on the centred unit sphere.
 *
 * @example
 * ```ts
 * import { Dictionary } from "./dictionary.ts";
 *
 * const dictionary = await Dictionary.create({ center: new Float32Array(2), threshold: 0.1 }, { backend: "cpu" });
 * const data = Float32Array.of(1, 0, 5, 0.1, 0, 2);
 * const { regions } = await dictionary.add({ data, rows: 3, dim: 2 });
 * if (regions.join() !== "0,0,1" || dictionary.size !== 2) throw new Error(`unexpected regions ${regions}`);
 * ```
 */
export class Dictionary {
  /** @ignore Its parts, for the other files of this room. */
  readonly parts: DictionaryParts;
  readonly #exemplars: HostCopy;
  readonly #sums: HostCopy;
  #means: Float32Array<ArrayBuffer> | undefined;
  /** Whether the backend has values that were not read back. */
  #behind = false;
  #last: Promise<unknown> = Promise.resolve();

  /** @ignore Use {@linkcode Dictionary.create} or {@linkcode Dictionary.load}. */
  constructor(parts: DictionaryParts) {
    this.parts = parts;
    this.#exemplars = new HostCopy(parts.calibration.center.length);
    this.#sums = new HostCopy(parts.calibration.center.length);
  }

  /**
   * An empty dictionary.
   *
   * @param calibration Center and threshold, usually from `calibrate`.
   * @throws {RangeError} if the threshold is not more than 1e-6 and less than 2, or the center is not finite.
   */
  static async create(calibration: DictionaryCalibration, options: DictionaryOptions = {}): Promise<Dictionary> {
    const { threshold, percentile } = calibration;
    const center = Float32Array.from(calibration.center);
    if (center.length === 0 || !center.every(Number.isFinite)) {
      throw new RangeError(`Expected a center of finite numbers but found ${center.length} of them, not all finite`);
    }
    if (!(threshold > SMALLEST_THRESHOLD && threshold < 2)) {
      const at = percentile === undefined ? "" : ` at percentile ${percentile}`;
      throw new RangeError(
        `Expected a threshold between ${SMALLEST_THRESHOLD} and 2 but found ${threshold}${at}: a stream with many equal ` +
          "activations (shared prompt prefixes) has a threshold of 0 at small percentiles; take a larger one",
      );
    }
    const { backend: choice = "auto", seed = 0 } = options;
    const backend = typeof choice === "string" ? await openBackend(choice) : choice;
    return new Dictionary({
      backend,
      calibration: { ...calibration, center },
      seed,
      exemplars: backend.create(center.length),
      sums: backend.create(center.length),
      regions: new RegionArrays(),
      contexts: new Contexts(),
      reservoir: new Reservoir(backend, center.length, seed),
      activations: 0,
      batches: 0,
    });
  }

  /** Number of regions. */
  get size(): number {
    return this.parts.regions.size;
  }
  /** Length of an activation. */
  get dim(): number {
    return this.parts.calibration.center.length;
  }
  /** Largest cosine distance at which an activation joins a region. */
  get threshold(): number {
    return this.parts.calibration.threshold;
  }
  /** The percentile that gave the threshold, if known. */
  get percentile(): number | undefined {
    return this.parts.calibration.percentile;
  }
  /** What produced the activations, if known. */
  get source(): StreamSource | undefined {
    return this.parts.calibration.source;
  }
  /** Subtracted from every activation, length `dim`. */
  get center(): Float32Array<ArrayBuffer> {
    return this.parts.calibration.center;
  }
  /** Activations added so far. */
  get activations(): number {
    return this.parts.activations;
  }
  /** Where it computes. */
  get backend(): Backend {
    return this.parts.backend;
  }
  /** Unit direction that founded each region, `size x dim`. */
  get exemplars(): Float32Array<ArrayBuffer> {
    return this.#exemplars.values;
  }
  /** Sum of each region's member directions, `size x dim`. */
  get sums(): Float32Array<ArrayBuffer> {
    return this.#sums.values;
  }
  /** Unit mean direction of each region's members, `size x dim`. */
  get means(): Float32Array<ArrayBuffer> {
    return this.#means ??= unitRows(this.sums, this.dim);
  }
  /** Members of each region. */
  get memberCounts(): Int32Array<ArrayBuffer> {
    return this.parts.regions.counts;
  }
  /** Norm of the mean of each region's member directions, 0..1. */
  get coherences(): Float64Array<ArrayBuffer> {
    return coherencesOf(this.sums, this.memberCounts, this.dim);
  }
  /** Stream index of the activation that founded each region. */
  get founders(): Int32Array<ArrayBuffer> {
    return this.parts.regions.founders;
  }
  /** Batch in which each region was founded. */
  get firstBatches(): Int32Array<ArrayBuffer> {
    return this.parts.regions.firstBatches;
  }
  /** Sum over each region's members of the distance to the exemplar. */
  get distanceSums(): Float64Array<ArrayBuffer> {
    return this.parts.regions.distanceSums;
  }
  /** Sum over each region's members of the squared distance to the exemplar. */
  get distanceSquareSums(): Float64Array<ArrayBuffer> {
    return this.parts.regions.distanceSquareSums;
  }
  /** Members nearest to a region's exemplar, nearest first, at most 10. */
  nearestContexts(region: number): readonly Context[] {
    return this.parts.contexts.nearest(region);
  }
  /** Members farthest from a region's exemplar, farthest first, at most 10. */
  farthestContexts(region: number): readonly Context[] {
    return this.parts.contexts.farthest(region);
  }
  /** Unit directions that stand for the regions, `size x dim`. */
  directions(basis: Basis): Float32Array<ArrayBuffer> {
    return basis === "mean" ? this.means : this.exemplars;
  }

  /**
   * Adds a batch in stream order: each row joins a region within the threshold or founds one.
   *
   * @throws {RangeError} if the rows are of another length. @throws {Error} if a row is not finite; names where it
   * comes from. Either way the dictionary stays as it was.
   */
  add(batch: ActivationBatch): Promise<Assignment> {
    return this.#inTurn(async () => {
      const directions = await directionsOf(this.backend, batch, this.center);
      try {
        const assignment = await this.#ingest(directions, batch.provenance);
        await this.#refresh(this.#behind ? undefined : groupRows(assignment.regions, this.size).regions);
        return assignment;
      } finally {
        directions.dispose();
      }
    });
  }

  /**
   * Like {@linkcode Dictionary.add} for directions that are already centred, shared by several dictionaries, and
   * without reading the changed regions back: call {@linkcode Dictionary.refresh} before looking at the values.
   */
  ingest(directions: Matrix, provenance?: Provenance): Promise<Assignment> {
    return this.#inTurn(() => {
      this.#behind = true;
      return this.#ingest(directions, provenance);
    });
  }

  /** Reads exemplars and sums back from the device. */
  refresh(): Promise<void> {
    return this.#inTurn(() => this.#refresh());
  }

  /** Nearest region of each row and its distance, changing nothing. An empty dictionary gives -1 and infinity. */
  assign(batch: ActivationBatch): Promise<Assignment> {
    return this.#inTurn(async () => {
      const directions = await directionsOf(this.backend, batch, this.center);
      try {
        return await nearestRegions(this.backend, directions, this.parts.exemplars, this.threshold);
      } finally {
        directions.dispose();
      }
    });
  }

  /** Cosine similarity of each row to each exemplar, `rows x size`. */
  similarities(batch: ActivationBatch): Promise<Float32Array<ArrayBuffer>> {
    return this.readout(batch, { kind: "cosine", basis: "exemplar" });
  }

  /** Activations as features, `rows x size`; see {@linkcode ReadoutOptions}. */
  readout(batch: ActivationBatch, options: ReadoutOptions): Promise<Float32Array<ArrayBuffer>> {
    return this.#reading(() =>
      readFeatures(this.backend, this.center, this.directions(options.basis ?? "mean"), batch, options)
    );
  }

  /** Features (`rows x size`) as activations, `rows x dim`: `features W + center`. */
  decode(features: Float32Array<ArrayBuffer>, options: { basis?: Basis } = {}): Promise<Float32Array<ArrayBuffer>> {
    const { basis = "mean" } = options;
    return this.#reading(() => decodeFeatures(this.backend, this.center, this.directions(basis), features));
  }

  /**
   * Unites regions whose exemplars lie within `threshold` (default: the dictionary's own) of each other; the largest
   * keeps its exemplar.
   *
   * @returns For each region of before, its region now.
   */
  merge(threshold: number = this.threshold): Promise<Int32Array<ArrayBuffer>> {
    return this.#inTurn(async () => {
      const regions = await mergeRegions(this.parts, threshold);
      await this.#refresh();
      return regions;
    });
  }

  /** A dictionary whose exemplars are the reservoir members nearest to each mean direction; all else is the same. */
  async reanchor(): Promise<Dictionary> {
    const dictionary = new Dictionary(await this.#reading(() => reanchored(this.parts, this.means)));
    await dictionary.refresh();
    return dictionary;
  }

  /** Writes everything to one Arrow file, in one step. */
  save(path: string): Promise<void> {
    return this.#reading(() => saveDictionary(this.parts, this, path));
  }

  /**
   * Reads a saved dictionary; adding to it goes on as if it had never been saved.
   *
   * @throws {Error} A sentence if the file is missing, truncated or not a dictionary.
   */
  static async load(path: string, options: Pick<DictionaryOptions, "backend"> = {}): Promise<Dictionary> {
    const { backend: choice = "auto" } = options;
    const backend = typeof choice === "string" ? await openBackend(choice) : choice;
    const dictionary = new Dictionary(await loadDictionary(path, backend));
    await dictionary.refresh();
    return dictionary;
  }

  /** Gives its memory back. */
  dispose(): void {
    for (const matrix of [this.parts.exemplars, this.parts.sums, this.parts.reservoir.pool]) matrix.dispose();
  }

  async #ingest(directions: Matrix, provenance?: Provenance): Promise<Assignment> {
    const { backend, exemplars, sums, regions, contexts, reservoir, activations: start, batches } = this.parts;
    const { founders, ...assignment } = await assignBatch(backend, directions, exemplars, this.threshold);
    for (const row of founders) regions.found(start + row, batches);
    backend.accumulate(sums, directions, groupRows(assignment.regions, regions.size));

    const sample = reservoir.batch(directions, start);
    assignment.regions.forEach((region, row) => {
      const distance = assignment.distances[row];
      sample.offer(row, region, regions.join(region, distance));
      if (provenance) {
        contexts.offer(region, distance, provenance.prompts[provenance.prompt[row]], provenance.position[row]);
      }
    });
    sample.commit();
    this.parts.activations += directions.rows;
    this.parts.batches++;
    return assignment;
  }

  async #refresh(rows?: Int32Array): Promise<void> {
    this.#means = undefined;
    const { backend, exemplars, sums } = this.parts;
    await Promise.all([this.#exemplars.update(backend, exemplars, rows), this.#sums.update(backend, sums, rows)]);
    if (!rows) this.#behind = false;
  }

  /** Runs in turn what looks at the values. */
  #reading<T>(task: () => Promise<T>): Promise<T> {
    return this.#inTurn(async () => {
      if (this.#behind) await this.#refresh();
      return await task();
    });
  }

  /** Runs after everything that was asked for before, so that un-awaited calls do not mix. */
  #inTurn<T>(task: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(task, task);
    this.#last = turn.catch(() => {});
    return turn;
  }
}
