import type { ActivationBatch, Prompt } from "./batch.ts";

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
  readonly batches: ReadonlyMap<number, ActivationBatch>;
  /** Seconds spent in the model; on WebGPU until its commands were handed over. 0 from a cache. */
  readonly forwardSeconds: number;
  /** Gives matrices on a backend back; a second time it does nothing. Who takes a batch from a stream disposes it. */
  dispose(): void;
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
      for (const { matrix } of batches.values()) matrix?.dispose();
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
export function batchAt(streamed: Pick<StreamBatch, "batches">, layer: number): ActivationBatch {
  const batch = streamed.batches.get(layer);
  if (batch) return batch;
  const layers = [...streamed.batches.keys()].join(", ");
  throw new RangeError(`Expected one of the stream's layers ${layers} but found ${layer}: extract it too`);
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
 * import { loadModel } from "../model/mod.ts";
 * import { extract } from "./extract.ts";
 *
 * await using model = await loadModel("fixtures/gemma-2-toy", { device: "cpu" });
 * const stream = extract(model, ["The cat sat on the mat."], { layers: [3, 5], context: 4 });
 * for await (const { rows, provenance } of atLayer(stream, 5)) {
 *   if (rows !== 3 || provenance?.layer !== 5) throw new Error(`${rows} ${provenance?.layer}`);
 * }
 * ```
 */
export async function* atLayer(
  stream: AsyncIterable<StreamBatch> | Iterable<StreamBatch>,
  layer: number,
): AsyncGenerator<ActivationBatch> {
  for await (using streamed of stream) {
    yield batchAt(streamed, layer);
  }
}

/**
 * Says where a row comes from, for messages such as that of a row that is not finite: `prompt "pile.jsonl:12", position
 * 5 (" the"), layer 3`.
 *
 * @param batch The row's batch; without provenance only the row's number is known.
 * @param row Zero-based.
 */
export function describeRow(batch: ActivationBatch, row: number): string {
  const { provenance } = batch;
  if (!provenance) return `row ${row} of a batch that does not say where its rows come from`;
  const prompt = provenance.prompts[provenance.prompt[row]];
  const position = provenance.position[row];
  const token = JSON.stringify(prompt.excerpt(position).token);
  const layer = provenance.layer === undefined ? "" : `, layer ${provenance.layer}`;
  return `prompt "${prompt.id}", position ${position} (${token})${layer}`;
}
