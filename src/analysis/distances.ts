import { batchAt, type StreamBatch } from "../activations/stream.ts";
import type { Backend, Matrix } from "../compute/backend.ts";
import { directionsOf } from "../partition/directions.ts";
import { nearestRegions } from "../partition/leader.ts";

/** Directions that distances are taken to. */
export interface ExemplarSet {
  /** Layer of the stream that they belong to. */
  readonly layer: number;
  /** Unit rows, `size x dim`, such as `Dictionary.exemplarMatrix` or `Coreset.take` give; who took them disposes them. */
  readonly exemplars: Matrix;
  /** Subtracted from every activation, length `dim`; one and the same for all sets of a layer. */
  readonly center: Float32Array<ArrayBuffer>;
  /** Distances near it are exact. */
  readonly threshold: number;
}

/** Cosine distances to the nearest exemplar of a set. */
export interface Distances {
  /** Of every activation, in stream order. */
  readonly activations: Float32Array<ArrayBuffer>;
  /** Mean over the activations of every prompt that has any, in stream order. */
  readonly prompts: Float64Array<ArrayBuffer>;
}

/**
 * How far each activation of a stream lies from the nearest exemplar of each set. Batches are disposed.
 *
 * @param stream With the layers of all sets.
 * @returns In the order of `sets`.
 */
export async function nearestDistances(
  backend: Backend,
  stream: AsyncIterable<StreamBatch>,
  sets: readonly ExemplarSet[],
): Promise<Distances[]> {
  const activations = sets.map((): Float32Array[] => []);
  const prompts = sets.map((): number[] => []);
  const layers = new Map(sets.map(({ layer, center }) => [layer, center]));
  for await (const batch of stream) {
    using streamed = batch;
    for (const [layer, center] of layers) {
      const activationsAt = batchAt(streamed, layer);
      using directions = await directionsOf(backend, activationsAt, center);
      for (const [i, set] of sets.entries()) {
        if (set.layer !== layer) continue;
        const { distances } = await nearestRegions(backend, directions, set.exemplars, set.threshold);
        activations[i].push(distances);
        prompts[i].push(...meansByPrompt(distances, activationsAt.provenance!.prompt, streamed.prompts.length));
      }
    }
  }
  return sets.map((_, i) => ({
    activations: concat(activations[i]),
    prompts: Float64Array.from(prompts[i]),
  }));
}

/**
 * Mean over the rows of each prompt that has any.
 *
 * @param values One a row.
 * @param prompt The prompt of each row, from 0.
 * @param count Number of prompts.
 */
export function meansByPrompt(values: ArrayLike<number>, prompt: Int32Array, count: number): number[] {
  const [sums, rows] = [new Float64Array(count), new Int32Array(count)];
  prompt.forEach((p, row) => {
    sums[p] += values[row];
    rows[p]++;
  });
  return [...sums.keys()].filter((p) => rows[p] > 0).map((p) => sums[p] / rows[p]);
}

function concat(parts: readonly Float32Array[]): Float32Array<ArrayBuffer> {
  const whole = new Float32Array(parts.reduce((length, part) => length + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
