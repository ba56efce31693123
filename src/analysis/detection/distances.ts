import { append } from "../../compute/long_lists.ts";
import { batchAt, type StreamBatch } from "../../activations/stream.ts";
import type { Backend, Matrix } from "../../compute/backend.ts";
import { directionsOf } from "../../partition/directions.ts";
import type { Assignment } from "../../partition/leader.ts";

/** Directions that distances are taken to: a dictionary, or random directions in its place. */
export interface Exemplars {
  /** How many they are. */
  readonly size: number;
  /** Subtracted from every activation, length `dim`. */
  readonly center: Float32Array<ArrayBuffer>;
  /** Distances near it are exact. */
  readonly threshold: number;
  /** Nearest of them to each centred direction (`rows x dim`), and its distance. */
  nearest(directions: Matrix): Promise<Assignment>;
}

/** Exemplars of a layer of a stream. All of one layer have one center. */
export interface LayerExemplars {
  /** Layer of the stream. */
  readonly layer: number;
  /** What its activations are measured against. */
  readonly exemplars: Exemplars;
}

/** Cosine distances to the nearest exemplar of a set. */
export interface Distances {
  /** Of every activation, in stream order. */
  readonly activations: Float32Array<ArrayBuffer>;
  /** Mean over the activations of every prompt, a window of a long text too, that has any, in stream order. */
  readonly prompts: Float64Array<ArrayBuffer>;
}

/**
 * How far each activation of a stream lies from the nearest exemplar of each set. Batches are disposed.
 *
 * @param stream With the layers of all sets, and with provenance, as `extract` gives it.
 * @returns In the order of `sets`.
 * @throws {RangeError} if the stream lacks the layer of a set.
 *
 * @example
 * ```ts
 * import { extract } from "../../activations/mod.ts";
 * import { loadModel } from "../../model/mod.ts";
 * import { Dictionary } from "../../partition/mod.ts";
 *
 * await using model = await loadModel("fixtures/gemma-2-toy", { device: "cpu" });
 * const center = new Float32Array(model.dim);
 * using exemplars = await Dictionary.create({ center, threshold: 0.1 }, { backend: "cpu" });
 * const stream = (...texts: string[]) => extract(model, texts, { layers: [4] });
 * for await (using batch of stream("The king is dead.")) await exemplars.add(batch.batches.get(4)!);
 *
 * const known = stream("The king is dead.", "Long live the queen!");
 * const [{ prompts, activations }] = await nearestDistances(exemplars.backend, known, [{ layer: 4, exemplars }]);
 * if (prompts.length !== 2 || !(prompts[0] < prompts[1])) throw new Error(`the second is new: ${prompts}`);
 * if (activations[0] > 1e-6) throw new Error(`the first token founded a region: ${activations[0]}`);
 * ```
 */
export async function nearestDistances(
  backend: Backend,
  stream: AsyncIterable<StreamBatch>,
  sets: readonly LayerExemplars[],
): Promise<Distances[]> {
  const activations = sets.map((): Float32Array[] => []);
  const prompts = sets.map((): number[] => []);
  const layers = new Map(sets.map(({ layer, exemplars: { center } }) => [layer, center]));
  for await (using streamed of stream) {
    for (const [layer, center] of layers) {
      const activationsAt = batchAt(streamed, layer);
      using directions = await directionsOf(backend, activationsAt, center);
      for (const [i, set] of sets.entries()) {
        if (set.layer !== layer) continue;
        const { distances } = await set.exemplars.nearest(directions);
        activations[i].push(distances);
        append(prompts[i], meansByPrompt(distances, activationsAt.provenance!.prompt, streamed.prompts.length));
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
 * @returns In the order of the prompts; one without a row is left out.
 *
 * @example
 * ```ts
 * const means = meansByPrompt([1, 3, 5], Int32Array.of(0, 0, 2), 3);
 * if (means.join() !== "2,5") throw new Error(`the second prompt has no row: ${means}`);
 * ```
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
