import { type ActivationBatch, Batch } from "../activations/batch.ts";
import type { Backend, BackendChoice, Matrix } from "../compute/backend.ts";
import { openBackend } from "../compute/open.ts";
import type { SparseFeatures } from "../compute/sparse.ts";
import { isFile } from "../files/exists.ts";
import type { UnpackOptions } from "../files/unpacking.ts";
import { localPath } from "../hub/hub_file.ts";
import { findSaeFiles } from "./formats.ts";
import { readGemmaScope } from "./gemma_scope.ts";
import { readSaeLens } from "./lens.ts";
import { type SaeArchitecture, SaeError, type SaeSource, type SaeWeights } from "./weights.ts";

/** How {@link readSae} works. */
export interface ReadSaeOptions extends UnpackOptions {
  /** Where to compute: a backend, or which to open. Default `"auto"`. */
  readonly backend?: Backend | BackendChoice;
}

/**
 * Reads a sparse autoencoder: Gemma Scope's `params.npz`, or a SAELens folder (`cfg.json` and
 * `sae_weights.safetensors`).
 *
 * @param path The file, or the folder of either; of the hub as `hf://owner/name/folder`.
 * @param options Where to compute, default `"auto"`; and how much a compressed file may unpack to.
 * @returns The autoencoder, which the caller disposes.
 * @throws {SaeError} if there is none, if a file is damaged, or if the autoencoder needs what is not built here.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 *
 * using sae = await readSae("fixtures/sae/params.npz", { backend: "cpu" });
 * const features = await sae.encode({ rows: 2, dim: sae.dim, data: new Float32Array(2 * sae.dim) });
 * const activations = await sae.decode(features);
 * assertEquals([features.rows, features.size, activations.length], [2, 2048, 384]);
 * ```
 */
export async function readSae(path: string, options: ReadSaeOptions = {}): Promise<Sae> {
  const weights = await readWeights(await localPath(path), options);
  return new Sae(weights, await openBackend(options.backend));
}

/**
 * A sparse autoencoder on a backend: activations in, few active features out, and back.
 *
 * @example Weights of one's own: each coordinate a feature
 * ```ts
 * import { openBackend } from "../compute/mod.ts";
 *
 * const identity = Float32Array.of(1, 0, 0, 1);
 * const none = new Float32Array(2);
 * using sae = new Sae({
 *   architecture: "standard",
 *   dim: 2,
 *   size: 2,
 *   encoder: identity,
 *   encoderBias: none,
 *   thresholds: none,
 *   decoder: identity,
 *   decoderBias: none,
 *   source: { path: "identity", format: "saelens" },
 * }, await openBackend("cpu"));
 * const active = await sae.encode({ data: Float32Array.of(-3, 4), rows: 1, dim: 2 });
 * if (active.features.join() !== "1" || active.values.join() !== "4") throw new Error(`${active.features}`);
 * const back = await sae.decode(active);
 * if (back.join() !== "0,4") throw new Error(back.join());
 * ```
 */
export class Sae implements Disposable {
  /** Length of an activation. */
  readonly dim: number;
  /** Number of features. */
  readonly size: number;
  /** How the features activate. */
  readonly architecture: SaeArchitecture;
  /** Most active features of a row: the k of top-k, absent elsewhere. */
  readonly k?: number;
  /** Where it comes from. */
  readonly source: SaeSource;

  readonly #backend: Backend;
  readonly #encoder: Matrix;
  readonly #decoder: Matrix;
  #isDisposed = false;
  readonly #weights: Pick<SaeWeights, "encoderBias" | "thresholds" | "decoderBias">;

  /**
   * Puts weights on a backend.
   *
   * @param weights Their arrays belong to the autoencoder from now on.
   */
  constructor(weights: SaeWeights, backend: Backend) {
    const { architecture, dim, size, most, source, encoderBias, thresholds, decoderBias } = weights;
    if (most !== undefined) this.k = most;
    this.dim = dim;
    this.size = size;
    this.architecture = architecture;
    this.source = source;
    this.#backend = backend;
    this.#encoder = backend.upload(weights.encoder, size, dim);
    this.#decoder = backend.upload(weights.decoder, size, dim);
    this.#weights = { encoderBias, thresholds, decoderBias };
  }

  /**
   * The decoder's vectors on the backend, `size x dim`, a row a feature; of any length. The autoencoder disposes it.
   */
  get decoder(): Matrix {
    this.#assertInUse();
    return this.#decoder;
  }

  /**
   * The active features of every activation of a batch, the values in the activations' own units.
   *
   * @throws {RangeError} If the activations are of another length.
   * @throws {Error} If one of them is not finite; names prompt, position and layer.
   */
  async encode(batch: ActivationBatch): Promise<SparseFeatures> {
    this.#assertInUse();
    if (batch.dim !== this.dim) {
      throw new RangeError(
        `Expected activations of length ${this.dim}, as the autoencoder takes, but found ${batch.dim}`,
      );
    }
    const { encoderBias, thresholds } = this.#weights;
    return await Batch.of(batch).on(
      this.#backend,
      (x) => this.#backend.activate(x, this.#encoder, encoderBias, { thresholds, most: this.k }),
    );
  }

  /** The activations that features stand for, `rows x dim`. */
  async decode(features: SparseFeatures): Promise<Float32Array<ArrayBuffer>> {
    using decoded = this.#backend.combine(features, this.decoder, this.#weights.decoderBias);
    return await this.#backend.download(decoded);
  }

  /** Gives the memory back; what its file says of it stays readable. A second time it does nothing. */
  dispose(): void {
    this.#isDisposed = true;
    this.#encoder.dispose();
    this.#decoder.dispose();
  }

  /** As {@linkcode Sae.dispose}, for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  #assertInUse(): void {
    if (!this.#isDisposed) return;
    throw new Error("Expected a sparse autoencoder in use but found a disposed one: keep it until the last use");
  }
}

async function readWeights(path: string, options: UnpackOptions): Promise<SaeWeights> {
  const files = await findSaeFiles(path);
  switch (files?.format) {
    case "gemma-scope":
      return await readGemmaScope(files.weights, options);
    case "saelens":
      return await readSaeLens(path);
    case undefined:
      throw new SaeError(
        await isFile(path)
          ? `Expected ${path} to be an .npz file or a folder with cfg.json but it is another file.`
          : `Expected a sparse autoencoder at ${path} but there is no params.npz and no folder with cfg.json.`,
      );
  }
}
