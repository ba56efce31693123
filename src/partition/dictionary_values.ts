import type { StreamSource } from "../activations/source.ts";
import type { Backend } from "../compute/backend.ts";
import type { Context } from "./contexts.ts";
import { HostCopy } from "./host_copy.ts";
import { coherencesOf, unitRows } from "./means.ts";
import type { Basis, DictionaryParts } from "./parts.ts";

/** What a dictionary holds, to look at: the base of `Dictionary`, which changes it. */
export class DictionaryValues {
  /** @ignore Its parts, for the other files of this room. */
  readonly parts: DictionaryParts;
  readonly #exemplars: HostCopy;
  readonly #sums: HostCopy;
  #means: Float32Array<ArrayBuffer> | undefined;

  /** @ignore Use `Dictionary.create` or `Dictionary.load`. */
  constructor(parts: DictionaryParts) {
    this.parts = parts;
    this.#exemplars = new HostCopy(parts.calibration.center.length);
    this.#sums = new HostCopy(parts.calibration.center.length);
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
    return this.#exemplars.of(this.backend, this.parts.exemplars);
  }
  /** Sum of each region's member directions, `size x dim`. */
  get sums(): Float32Array<ArrayBuffer> {
    return this.#sums.of(this.backend, this.parts.sums);
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

  /** Reads exemplars and sums of the given regions (default: all) back from the device. */
  protected async readBack(regions?: Int32Array): Promise<void> {
    this.#means = undefined;
    const { backend, exemplars, sums } = this.parts;
    await Promise.all([
      this.#exemplars.update(backend, exemplars, regions),
      this.#sums.update(backend, sums, regions),
    ]);
  }
}
