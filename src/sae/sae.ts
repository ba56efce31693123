import { dirname, join } from "node:path";
import { type ActivationBatch, Batch } from "../activations/batch.ts";
import type { Backend, BackendChoice, Matrix } from "../compute/backend.ts";
import { assertOptions } from "../compute/known_options.ts";
import { openBackend } from "../compute/open.ts";
import type { SparseFeatures } from "../compute/sparse.ts";
import { isFile } from "../files/exists.ts";
import { UNPACK_OPTIONS, type UnpackOptions } from "../files/unpacking.ts";
import { HubUnreachableError } from "../hub/errors.ts";
import { localPath } from "../hub/hub_file.ts";
import { readDictionaryLearning } from "./dictionary_learning.ts";
import { largestOfBatch, type SaeFeatures, withSigns } from "./features.ts";
import { findSaeFiles } from "./formats.ts";
import { readGemmaScope, readGemmaScope2 } from "./gemma_scope.ts";
import { readSaeLens } from "./lens.ts";
import { denormalise, normalised } from "./normalization.ts";
import { readSparsify } from "./sparsify.ts";
import { type SaeArchitecture, SaeError, type SaeSource, type SaeWeights } from "./weights.ts";

/** How {@link readSae} works. */
export interface ReadSaeOptions extends UnpackOptions {
  /** Where to compute: a backend, or which to open. Default `"auto"`. */
  readonly backend?: Backend | BackendChoice;
}

/**
 * Reads a sparse autoencoder or transcoder: of Gemma Scope (`params.npz`) and Gemma Scope 2 (`config.json` and
 * `params.safetensors`), SAELens (`cfg.json` and `sae_weights.safetensors`), sparsify (`cfg.json` and
 * `sae.safetensors`) and dictionary_learning (`config.json` and `ae.pt`, which is read as data and never run).
 *
 * Everything that changes its numbers is applied, or refused by name: the kind of its activation, what is done to
 * activations before and after, every tensor in the file, and how its model was loaded (`Sae.source` tells what it is of).
 * Not built are `temporal` and `matching_pursuit`, tanh-relu and group-max, activations scaled or whitened by what is in no
 * file, and transcoders to several layers at once.
 *
 * @param path The folder, or the file of its weights; of the hub as `hf://owner/name/folder`.
 * @param options Where to compute, default `"auto"`; and how much a compressed file may unpack to.
 * @returns The autoencoder, which the caller disposes.
 * @throws {SaeError} if there is none, or if the autoencoder needs what is not built here.
 * @throws {Error} A sentence if a file is missing, damaged, or of another shape.
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
  assertOptions("readSae", options, { ...UNPACK_OPTIONS, backend: ["string", "backend"] });
  const weights = await readWeights(await localSae(path), options);
  return new Sae(weights, await openBackend(options.backend));
}

/**
 * A sparse autoencoder on a backend: activations in, few active features out, and back. A transcoder
 * (`source.output`) gives activations of another place back, which are no reconstruction.
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
  /** Length of what is decoded: `dim`, but for some transcoders. */
  readonly outputDim: number;
  /** How the features activate. */
  readonly architecture: SaeArchitecture;
  /** Most active features of a row, the k of top-k; of batch top-k on average. Absent elsewhere. */
  readonly k?: number;
  /** Where it comes from. */
  readonly source: SaeSource;

  readonly #backend: Backend;
  readonly #encoder: Matrix;
  readonly #decoder: Matrix;
  readonly #skip?: Matrix;
  #isDisposed = false;
  readonly #weights: Pick<SaeWeights, "encoderBias" | "thresholds" | "decoderBias" | "normalization">;

  /**
   * Puts weights on a backend.
   *
   * @param weights Their arrays belong to the autoencoder from now on.
   */
  constructor(weights: SaeWeights, backend: Backend) {
    const { architecture, dim, size, outputDim = dim, most, source } = weights;
    const { decoderBias, normalization, skip } = weights;
    if (most !== undefined) this.k = most;
    this.dim = dim;
    this.size = size;
    this.outputDim = outputDim;
    this.architecture = architecture;
    this.source = source;
    this.#backend = backend;
    // Largest by magnitude are the largest of the features and their negatives: no two of a pair are positive.
    const { encoder, encoderBias, thresholds } = architecture === "abstopk" ? withNegatives(weights) : weights;
    this.#encoder = backend.upload(encoder, encoderBias.length, dim);
    this.#decoder = backend.upload(weights.decoder, size, outputDim);
    if (skip) this.#skip = backend.upload(skip, outputDim, dim);
    this.#weights = { encoderBias, thresholds, decoderBias, ...(normalization && { normalization }) };
  }

  /**
   * The decoder's vectors on the backend, `size x outputDim`, a row a feature; of any length. The autoencoder disposes it.
   */
  get decoder(): Matrix {
    this.#assertInUse();
    return this.#decoder;
  }

  /**
   * The active features of every activation of a batch, the values in the activations' own units. Of batch top-k as a
   * training saves it, features depend on the whole batch: it has `k` of the largest for every row.
   *
   * @throws {RangeError} If the activations are of another length.
   * @throws {Error} If one of them is not finite; names prompt, position and layer.
   */
  async encode(batch: ActivationBatch): Promise<SaeFeatures> {
    this.#assertInUse();
    const given = Batch.of(batch);
    if (given.dim !== this.dim) {
      throw new RangeError(
        `Expected activations of length ${this.dim}, as the autoencoder takes, but found ${given.dim}`,
      );
    }
    const { normalization } = this.#weights;
    if (!normalization) return { ...await this.#activate(given), ...await this.#skipped(given) };
    const isCentred = this.source.isCentred ?? false;
    const { values, undo } = normalised(await given.values(), this.dim, normalization, isCentred);
    const { rows, dim, provenance } = given;
    const features = await this.#activate(Batch.of({ rows, dim, data: values, provenance }));
    // What a transcoder predicts was not normalised.
    return { ...features, ...(this.source.output ? {} : { undo }), ...await this.#skipped(given) };
  }

  async #activate(batch: Batch): Promise<SparseFeatures> {
    const { encoderBias, thresholds } = this.#weights;
    const { architecture, k } = this;
    const rule = { thresholds, most: architecture === "batchtopk" ? undefined : k };
    const features = await batch.on(
      this.#backend,
      (x) => this.#backend.activate(x, this.#encoder, encoderBias, rule),
    );
    if (architecture === "abstopk") return withSigns(features);
    return architecture === "batchtopk" ? largestOfBatch(features, k!) : features;
  }

  /** What a skip connection adds to what is decoded. */
  async #skipped(batch: Batch): Promise<Pick<SaeFeatures, "skipped">> {
    const skip = this.#skip;
    if (!skip) return {};
    return { skipped: await batch.on(this.#backend, (x) => this.#backend.similarities(x, skip)) };
  }

  /**
   * The activations that features stand for, `rows x outputDim`: near those that were encoded, but of a transcoder those
   * that it predicts of another place, and of a centred model (`source.isCentred`) those without their mean.
   *
   * @param features As `encode` gives them. An autoencoder that normalises activations or has a skip connection needs what
   * these carry of the activations; others take features that were made otherwise, too.
   * @throws {TypeError} If that is missing.
   */
  async decode(features: SaeFeatures): Promise<Float32Array<ArrayBuffer>> {
    using combined = this.#backend.combine(features, this.decoder, this.#weights.decoderBias);
    const { undo, skipped } = features;
    const needs = [
      ...(this.#weights.normalization && !this.source.output && !undo ? [this.#weights.normalization] : []),
      ...(this.#skip && !skipped ? ["its skip connection"] : []),
    ];
    if (needs.length > 0) {
      throw new TypeError(
        `Expected features as encode gives them, which say how to undo or add ${
          needs.join(" and ")
        }, but found others: ` +
          "decode those that encode gave",
      );
    }
    const decoded = await this.#backend.download(combined);
    if (undo) denormalise(decoded, this.outputDim, undo);
    skipped?.forEach((value, i) => decoded[i] += value);
    return decoded;
  }

  /** Gives the memory back; what its file says of it stays readable. A second time it does nothing. */
  dispose(): void {
    this.#isDisposed = true;
    this.#encoder.dispose();
    this.#decoder.dispose();
    this.#skip?.dispose();
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

/** An encoder with the negative of every feature behind all features. */
function withNegatives(
  { encoder, encoderBias, thresholds }: SaeWeights,
): Pick<SaeWeights, "encoder" | "encoderBias" | "thresholds"> {
  const both = (values: Float32Array, sign: number) => {
    const doubled = new Float32Array(2 * values.length);
    doubled.set(values);
    doubled.set(values.map((value) => sign * value), values.length);
    return doubled;
  };
  return { encoder: both(encoder, -1), encoderBias: both(encoderBias, -1), thresholds: both(thresholds, 1) };
}

/**
 * The path here of an autoencoder; of one that is named by the weights in a folder of the hub, with the whole folder, and
 * with what sparsify's run says of itself in the folder above.
 */
async function localSae(path: string): Promise<string> {
  const [, folder, file] = /^(hf:\/\/[^/]+\/[^/]+\/.+)\/([^/]+\.(?:safetensors|pt))$/.exec(path) ?? [];
  return folder === undefined ? await localFolder(path) : join(await localFolder(folder), file);
}

async function localFolder(name: string): Promise<string> {
  try {
    return await localPath(name, {}, ["../config.json"]);
  } catch (error) {
    if (!(error instanceof HubUnreachableError)) throw error;
    // The run tells only the model's name: a folder that was cached without it does, if it is whole.
    return await localPath(name);
  }
}

async function readWeights(path: string, options: UnpackOptions): Promise<SaeWeights> {
  const files = await findSaeFiles(path);
  switch (files?.format) {
    case "gemma-scope":
      return await readGemmaScope(files.weights, options);
    case "gemma-scope-2":
      return await readGemmaScope2(files);
    case "saelens":
      return await readSaeLens(dirname(files.config));
    case "sparsify":
      return await readSparsify(files);
    case "dictionary-learning":
      return await readDictionaryLearning(files);
    case undefined:
      throw new SaeError(
        await isFile(path)
          ? `Expected ${path} to be the weights of a sparse autoencoder (.npz, .safetensors, .pt) or its folder but it is ` +
            "another file."
          : `Expected a sparse autoencoder at ${path} but there is no params.npz, no folder with cfg.json, and no ` +
            "params.safetensors or ae.pt in it.",
      );
    default:
      return files satisfies never;
  }
}
