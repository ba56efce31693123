import { assertKind, inWords } from "../compute/kinds.ts";
import { type ActivationBatch, Batch } from "./batch.ts";
import type { Prompt } from "./prompt.ts";

/** One published batch of a stream of activations: some prompts, and their activations at every layer asked for. */
export interface StreamBatch extends Disposable {
  /** The prompts, in stream order. */
  readonly prompts: readonly Prompt[];
  /** Tokens of the prompts, `<bos>` included. */
  readonly tokens: number;
  /** Prompts of the stream before this batch. */
  readonly promptsBefore: number;
  /** Stream index of the first activation: activations of the stream before this batch. */
  readonly start: number;
  /**
   * The activations by layer, `rows x dim` each, all with the same rows; there may be none.
   *
   * @throws {Error} if the batch was disposed.
   */
  readonly batches: ReadonlyMap<number, Batch>;
  /** Whether a budget ended the stream within this batch, which would have more prompts without it; absent if not. */
  readonly isPart?: boolean;
  /** Seconds spent in the model; on WebGPU until its commands were handed over. 0 from a cache. */
  readonly forwardSeconds: number;
  /** Gives matrices on a backend back; a second time it does nothing. Who takes a batch from a stream disposes it. */
  dispose(): void;
}

/** What of a stream's batch those need that read activations only: the layers, to be disposed. */
export interface LayeredBatch extends Disposable {
  /** The activations by layer, `rows x dim` each. */
  readonly batches: ReadonlyMap<number, ActivationBatch>;
}

/** A batch of a stream that owns the matrices of its activations, and gives none out once it is disposed. */
export function streamBatch(
  { batches, ...facts }: Omit<StreamBatch, "dispose" | typeof Symbol.dispose>,
): StreamBatch {
  let isDisposed = false;
  return {
    ...facts,
    get batches() {
      if (!isDisposed) return batches;
      throw new Error(
        `Expected a batch in use but found a disposed one, of ${facts.prompts.length} prompts from ${facts.promptsBefore} ` +
          "on: read its activations before",
      );
    },
    dispose() {
      isDisposed = true;
      for (const batch of batches.values()) batch.dispose();
    },
    [Symbol.dispose]() {
      this.dispose();
    },
  };
}

/**
 * The activations of one layer of a batch.
 *
 * @param streamed A batch of a stream.
 * @param layer One of its layers.
 * @returns `rows x dim`; it lives as long as the stream's batch.
 * @throws {RangeError} if the stream has no such layer.
 *
 * @example
 * ```ts
 * const batch = { data: Float32Array.of(1, 0, 0, 1), rows: 2, dim: 2 };
 * const { rows } = batchAt({ batches: new Map([[3, batch]]) }, 3);
 * if (rows !== 2) throw new Error(`${rows}`);
 * ```
 */
export function batchAt(streamed: Pick<LayeredBatch, "batches">, layer: number): Batch {
  assertLayered(streamed);
  const batch = streamed.batches.get(layer);
  if (batch) return Batch.of(batch);
  const layers = [...streamed.batches.keys()].join(", ");
  throw new RangeError(`Expected one of the stream's layers ${layers} but found ${inWords(layer)}: extract it too`);
}

/**
 * One layer of a stream. A batch may be used until the next one is asked for: then its matrix is given back.
 *
 * @param stream Batches of {@link "./extract.ts".extract} or {@link "./cache_read.ts".readActivations}.
 * @param layer One of the layers that the stream has.
 * @throws {RangeError} if the stream has no such layer.
 *
 * @example
 * ```ts
 * const [wide, narrow] = [3, 2].map((dim) => ({ data: new Float32Array(dim), rows: 1, dim }));
 * const stream = [{ batches: new Map([[2, wide], [4, narrow]]), [Symbol.dispose]() {} }];
 * for await (const { dim } of atLayer(stream, 4)) if (dim !== 2) throw new Error(`${dim}`);
 * ```
 */
export async function* atLayer(
  stream: AsyncIterable<LayeredBatch> | Iterable<LayeredBatch>,
  layer: number,
): AsyncGenerator<Batch> {
  for await (using streamed of layered(stream)) {
    yield batchAt(streamed, layer);
  }
}

/**
 * A stream as it is, of which each batch has been found to be one with layers: another, as one of plain batches gives, is
 * refused before anything asks for its end.
 *
 * @throws {TypeError} if it is no stream, or one of something else.
 */
export async function* layered<B extends LayeredBatch>(stream: AsyncIterable<B> | Iterable<B>): AsyncGenerator<B> {
  assertKind("a stream of activations", stream, "iterable");
  for await (const streamed of stream) {
    assertLayered(streamed);
    yield streamed;
  }
}

function assertLayered(streamed: Pick<LayeredBatch, "batches">): void {
  if (Object(streamed).batches instanceof Map) return;
  throw new TypeError(
    `Expected batches of a stream with its layers, as extract gives them, but found ${inWords(streamed)}: of plain ` +
      "batches there is one layer, which needs no number",
  );
}
