/** Re-anchoring: exemplars that lie nearest to their regions' mean directions. */
import { hypot } from "../compute/long_lists.ts";
import type { ActivationBatch } from "../activations/batch.ts";
import { batchAt, type LayeredBatch } from "../activations/stream.ts";
import type { Matrix } from "../compute/backend.ts";
import { rowNumbers } from "../compute/row_numbers.ts";
import { BestMembers } from "./best_members.ts";
import { directionsOf } from "./directions.ts";
import { assignBatch, joinBatch } from "./leader.ts";
import type { Members } from "./members.ts";
import type { DictionaryParts } from "./parts.ts";

/**
 * Finds for every region the member nearest to the mean direction, among all members, in a second pass over the stream
 * that the dictionary was grown on. Leader clustering is run again, so that each row falls into the region that it
 * joined then; what is held does not grow with the stream: the exemplars again, and one member a region.
 */
class SecondPass implements Disposable {
  readonly #parts: DictionaryParts;
  readonly #exemplars: Matrix;
  readonly #chosen: Matrix;
  readonly #best: BestMembers;
  readonly #counts: Float64Array;
  #seen = 0;
  #isFinished = false;

  /**
   * @param parts Of the dictionary. Regions that were united, or whose exemplars were replaced, cannot be found again.
   */
  constructor(parts: DictionaryParts) {
    const { backend, regions, exemplars } = parts;
    this.#parts = parts;
    this.#exemplars = backend.create(exemplars.dim, regions.size);
    this.#chosen = backend.create(exemplars.dim, regions.size);
    this.#best = new BestMembers(regions.size);
    this.#counts = new Float64Array(regions.size);
  }

  /** Whether it has seen all activations that the dictionary had. */
  get isDone(): boolean {
    return this.#seen >= this.#parts.activations;
  }

  /** Takes the next batch of directions, as the dictionary did. */
  async take(directions: Matrix): Promise<void> {
    const { backend, calibration, sums, regions, foundedUntil } = this.#parts;
    // From where it founded no more, it only counted.
    const assigned = this.#seen < foundedUntil ? assignBatch : joinBatch;
    const assignment = await assigned(backend, directions, this.#exemplars, calibration.threshold);
    // Before anything is indexed by region.
    if (this.#exemplars.rows > regions.size) throw this.#differs(`at least ${this.#exemplars.rows} regions`);
    for (const region of assignment.regions) if (region >= 0) this.#counts[region]++;
    // The sums are the finished dictionary's: the mean that members are measured against is known from the start.
    await this.#best.take(backend, directions, assignment.regions, sums, this.#chosen);
    this.#seen += directions.rows;
  }

  /**
   * Looks whether all of the dictionary's stream has passed.
   *
   * @throws {Error} A sentence if the stream was not the one that the dictionary was grown on.
   */
  assertWhole(): void {
    const { regions, activations } = this.#parts;
    if (!this.isDone) throw this.#differs(`${this.#seen} of its ${activations} activations`);
    const other = this.#counts.findIndex((count, region) => count !== regions.counts[region]);
    if (other >= 0) {
      throw this.#differs(`${this.#counts[other]} members of region ${other}, which has ${regions.counts[other]}`);
    }
  }

  /**
   * The parts of the dictionary with the new exemplars, the caller's from now on. Members, sums and contexts stay;
   * their distances are still to the original exemplars.
   */
  finish(): DictionaryParts {
    this.#isFinished = true;
    return withExemplars(this.#parts, this.#chosen);
  }

  [Symbol.dispose](): void {
    this.#exemplars.dispose();
    if (!this.#isFinished) this.#chosen.dispose();
  }

  #differs(found: string): Error {
    return new Error(
      `Expected the stream that the dictionary was grown on, in the same batches, but found ${found}: give the same texts ` +
        "in the same order; regions that were united, whose exemplars were replaced, or that were founded again after a " +
        "time without founding, cannot be re-anchored by a second pass",
    );
  }
}

/**
 * Re-anchors dictionaries that were grown together, in one pass over their stream.
 *
 * @param grown Parts of the dictionaries, and the layers that they read.
 * @param stream The stream from its start; it is not read further than the dictionaries did.
 */
export async function secondPass(
  grown: readonly { readonly layer: number; readonly parts: DictionaryParts }[],
  stream: AsyncIterable<LayeredBatch>,
): Promise<DictionaryParts[]> {
  using passes = new DisposableStack();
  const all = grown.map(({ layer, parts }) => ({ layer, parts, pass: passes.use(new SecondPass(parts)) }));
  const isDone = () => all.every(({ pass }) => pass.isDone);
  for await (using streamed of isDone() ? [] : stream) {
    for (const taking of Map.groupBy(all.filter(({ pass }) => !pass.isDone), ({ layer }) => layer).values()) {
      await takeAll(taking, batchAt(streamed, taking[0].layer));
    }
    if (isDone()) break;
  }
  // All are looked at before the first hands anything out.
  for (const { pass } of all) pass.assertWhole();
  return all.map(({ pass }) => pass.finish());
}

/** Hands a batch to dictionaries of one layer, which have one center. */
async function takeAll(
  taking: readonly { readonly parts: DictionaryParts; readonly pass: SecondPass }[],
  batch: ActivationBatch,
): Promise<void> {
  // They changed nothing.
  if (batch.rows === 0) return;
  const { backend, calibration } = taking[0].parts;
  using directions = await directionsOf(backend, batch, calibration.center);
  for (const { pass } of taking) await pass.take(directions);
}

/**
 * The parts of a dictionary whose exemplars are, region by region, the sampled member nearest to the mean direction
 * (the first on ties), in 16-bit floats and made unit vectors again.
 *
 * @throws {Error} If no members are kept.
 */
export function fromSample(parts: DictionaryParts, sums: Float32Array): DictionaryParts {
  const { backend, regions, members } = parts;
  const dim = parts.calibration.center.length;
  const chosen = new Float32Array(regions.size * dim);
  for (let region = 0; region < regions.size; region++) {
    chosen.set(nearestOf(members, region, sums.subarray(region * dim, (region + 1) * dim)), region * dim);
  }
  return withExemplars(parts, backend.upload(chosen, regions.size, dim));
}

function nearestOf(members: Members | undefined, region: number, sum: Float32Array): Float32Array {
  const dim = sum.length;
  const sample = members?.directions(region);
  if (!sample || sample.length === 0) {
    throw new Error(
      `Expected sampled members of every region but region ${region} has none: give the stream that the dictionary was ` +
        "grown on, or a dictionary that was grown and loaded with members",
    );
  }
  let [best, start] = [-Infinity, 0];
  for (let from = 0; from < sample.length; from += dim) {
    let dot = 0;
    for (let j = 0; j < dim; j++) dot += sample[from + j] * sum[j];
    if (dot > best) [best, start] = [dot, from];
  }
  const member = Float32Array.from(sample.subarray(start, start + dim));
  const length = hypot(member);
  return length > 0 ? member.map((value) => value / length) : member;
}

/** A copy of all but the exemplars. */
function withExemplars(parts: DictionaryParts, exemplars: Matrix): DictionaryParts {
  const { backend, regions, contexts, sums, members } = parts;
  const copiedSums = backend.create(sums.dim, regions.size);
  const rows = rowNumbers(0, regions.size);
  backend.copyRows(sums, rows, copiedSums, rows);
  return {
    ...parts,
    exemplars,
    sums: copiedSums,
    regions: regions.copy(),
    contexts: contexts.copy(),
    ...(members && { members: members.copy(regions.size) }),
  };
}
