/** Small seeded streams with everything that a model's have: prompts, positions, several layers, batches. */
import {
  type ActivationBatch,
  Batch,
  describeStream,
  type Prompt,
  type StreamBatch,
} from "../../src/activations/mod.ts";
import { Random } from "../../src/compute/mod.ts";
import type { Dictionary } from "../../src/partition/mod.ts";
import { partsOf } from "../../src/partition/dictionary.ts";

export const DIM = 12;
const HEADS = 8;

/** A prompt of a given number of tokens whose text says where it is from. */
export function prompt(id: string, length: number, text = 0): Prompt {
  const excerpt = (position: number) => ({ before: `${id}:`, token: ` t${position}`, after: "\n«…»" });
  return { id, text, tokens: Int32Array.from({ length }, (_, i) => i + 2), excerpt };
}

/** Rows around a few directions, so that regions have members. */
export function clustered(rows: number, dim: number, seed: number, noise = 0.5): Float32Array<ArrayBuffer> {
  const random = new Random(seed);
  const heads = Array.from({ length: HEADS }, () => Array.from({ length: dim }, () => random.normal()));
  const data = new Float32Array(rows * dim);
  for (let row = 0; row < rows; row++) {
    const head = heads[random.integer(HEADS)];
    for (let j = 0; j < dim; j++) data[row * dim + j] = head[j] + noise * random.normal() + 0.3;
  }
  return data;
}

/** What a stream is made of: prompts of 1 to 9 tokens, the first of which gives no activation, and values by layer. */
export interface Corpus {
  readonly prompts: readonly Prompt[];
  readonly layers: ReadonlyMap<number, Float32Array<ArrayBuffer>>;
}

export function corpus(count: number, layers: readonly number[], seed = 1): Corpus {
  const random = new Random(seed);
  const prompts = Array.from({ length: count }, (_, i) => prompt(`corpus:${i}`, 1 + random.integer(9), i));
  const rows = prompts.reduce((sum, { tokens }) => sum + tokens.length - 1, 0);
  return { prompts, layers: new Map(layers.map((layer) => [layer, clustered(rows, DIM, seed + layer)])) };
}

/**
 * The stream of a corpus in batches of some prompts, from a prompt on, which tell their source if asked to; `onDispose` is
 * called for every batch that is given back.
 */
export function streamOf(
  { prompts, layers }: Corpus,
  batchPrompts: number,
  options: { skipPrompts?: number; isTold?: boolean; onDispose?: () => void } = {},
): StreamBatch[] {
  const { skipPrompts = 0, isTold = false, onDispose } = options;
  const kept = (some: readonly Prompt[]) => some.reduce((sum, { tokens }) => sum + tokens.length - 1, 0);
  const batches: StreamBatch[] = [];
  for (let from = skipPrompts; from < prompts.length; from += batchPrompts) {
    const some = prompts.slice(from, from + batchPrompts);
    const [start, rows] = [kept(prompts.slice(0, from)), kept(some)];
    const places = some.flatMap(({ tokens }, i) => Array.from(tokens.subarray(1), (token, at) => [i, at + 1, token]));
    const column = (which: number) => Int32Array.from(places, (place) => place[which]);
    const provenance = { prompts: some, prompt: column(0), position: column(1), token: column(2) };
    const batchOf = ([layer, values]: [number, Float32Array<ArrayBuffer>]): [number, Batch] => {
      const data = values.slice(start * DIM, (start + rows) * DIM);
      const source = isTold && { source: describeStream({ model: "", layer }) };
      return [layer, Batch.of({ data, rows, dim: DIM, provenance: { ...provenance, ...source } })];
    };
    batches.push({
      prompts: some,
      tokens: some.reduce((sum, { tokens }) => sum + tokens.length, 0),
      promptsBefore: from,
      start,
      batches: new Map([...layers].map(batchOf)),
      forwardSeconds: 0,
      dispose: () => onDispose?.(),
      [Symbol.dispose]: () => onDispose?.(),
    });
  }
  return batches;
}

/** Plain batches of chosen rows: `[[1, 0], [0, 1]]`. */
export function rowsOf(...rows: readonly (readonly number[])[]): ActivationBatch {
  return { data: Float32Array.from(rows.flat()), rows: rows.length, dim: rows[0].length };
}

/** The same with a prompt and position of its own for every row: `p0`, `p1` and so on. */
export function namedRows(...rows: readonly (readonly number[])[]): ActivationBatch {
  return {
    ...rowsOf(...rows),
    provenance: {
      prompts: rows.map((_, i) => prompt(`p${i}`, i + 2)),
      prompt: Int32Array.from(rows, (_, i) => i),
      position: Int32Array.from(rows, (_, i) => i + 1),
      token: Int32Array.from(rows, (_, i) => i),
    },
  };
}

/** A unit vector of the plane at an angle in degrees: the cosine distance of two is `1 - cos` of the difference. */
export function at(degrees: number): [number, number] {
  return [Math.cos(degrees * Math.PI / 180), Math.sin(degrees * Math.PI / 180)];
}

/** Cosine distance of two directions that many degrees apart. */
export function degrees(angle: number): number {
  return 1 - Math.cos(angle * Math.PI / 180);
}

/** The bytes of a float array. */
export function bytes(values: Float32Array): Uint8Array {
  return new Uint8Array(Float32Array.from(values).buffer);
}

/** Everything that a dictionary says of itself, as plain values. */
export function publicValues(dictionary: Dictionary): Record<string, unknown> {
  const { size, dim, threshold, percentile, source, center, activations, beyond, foundedUntil } = dictionary;
  const { exemplars, sums, means, memberCounts, coherences, founders, firstBatches } = dictionary;
  const { distanceSums, distanceSquareSums } = dictionary;
  const contexts = Array.from(
    { length: size },
    (_, region) =>
      [dictionary.nearestContexts(region), dictionary.farthestContexts(region)].map((list) =>
        list.map(({ distance, prompt, position, excerpt }) => ({ distance, prompt, position, excerpt }))
      ),
  );
  const numbers = { exemplars, sums, means, memberCounts, coherences, founders, firstBatches, center };
  return {
    ...{ size, dim, threshold, percentile, source, activations, beyond, foundedUntil, contexts },
    ...Object.fromEntries(
      Object.entries({ ...numbers, distanceSums, distanceSquareSums }).map(([name, values]) => [name, [...values]]),
    ),
  };
}

/** The sampled member directions of a region. */
export function membersOf(dictionary: Dictionary, region: number): Float16Array {
  return partsOf(dictionary).members!.directions(region);
}
