import type { ActivationBatch, Provenance } from "../activations/batch.ts";
import type { Matrix } from "../compute/backend.ts";
import { localPath } from "../hub/hub_file.ts";
import { DictionaryValues } from "./dictionary_values.ts";
import { directionsOf } from "./directions.ts";
import { emptyParts } from "./empty.ts";
import { type FromHubOptions, partsFromHub } from "./from_hub.ts";
import { groupRows } from "./groups.ts";
import { type AddOptions, ingestBatch } from "./ingest.ts";
import { type Assignment, nearestRegions } from "./leader.ts";
import { loadParts } from "./load.ts";
import { mergeRegions } from "./merge.ts";
import { backendOf, type DictionaryOptions } from "./options.ts";
import type { Basis, DictionaryCalibration, DictionaryParts } from "./parts.ts";
import { type DictionaryLoadOptions, saveDictionary } from "./persistence.ts";
import { decodeFeatures, readFeatures, type ReadoutOptions } from "./readout.ts";
import { fromSample, secondPass } from "./reanchor.ts";
import { exportDictionary, type ExportOptions } from "../sae/dictionary_files.ts";
import { Turns } from "./turns.ts";

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
export class Dictionary extends DictionaryValues {
  /** Whether the backend has values that were not read back. */
  #behind = false;
  readonly #turns = new Turns();

  /**
   * An empty dictionary.
   *
   * @param calibration Center and threshold, usually from `calibrate`.
   * @throws {RangeError} if the threshold is not more than 1e-6 and less than 2, the center is not finite, or the number of
   * members to keep is none.
   */
  static async create(calibration: DictionaryCalibration, options: DictionaryOptions = {}): Promise<Dictionary> {
    return new Dictionary(emptyParts(calibration, await backendOf(options), options));
  }

  /**
   * Adds a batch in stream order: each row joins a region within the threshold or founds one.
   *
   * @throws {RangeError} if the rows are of another length. @throws {Error} if a row is not finite; names where it
   * comes from. Either way the dictionary stays as it was.
   */
  add(batch: ActivationBatch, options: AddOptions = {}): Promise<Assignment> {
    return this.#turns.take(async () => {
      const directions = await directionsOf(this.backend, batch, this.center);
      try {
        const assignment = await ingestBatch(this.parts, directions, batch.provenance, options);
        if (this.#behind) await this.#refresh();
        else await this.readBack(groupRows(assignment.regions, this.size).regions);
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
    return this.#turns.take(() => {
      this.#behind = true;
      return ingestBatch(this.parts, directions, provenance);
    });
  }

  /** Reads exemplars and sums back from the device. */
  refresh(): Promise<void> {
    return this.#turns.take(() => this.#refresh());
  }

  /** Nearest region of each row and its distance, changing nothing. An empty dictionary gives -1 and infinity. */
  assign(batch: ActivationBatch): Promise<Assignment> {
    return this.#turns.take(async () => {
      const directions = await directionsOf(this.backend, batch, this.center);
      try {
        return await nearestRegions(this.backend, directions, this.parts.exemplars, this.threshold);
      } finally {
        directions.dispose();
      }
    });
  }

  /** Like {@linkcode Dictionary.assign} for directions that are already centred, shared by several dictionaries. */
  nearest(directions: Matrix): Promise<Assignment> {
    return this.#turns.take(() => nearestRegions(this.backend, directions, this.parts.exemplars, this.threshold));
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
    return this.#turns.take(async () => {
      const regions = await mergeRegions(this.parts, threshold);
      await this.#refresh();
      return regions;
    });
  }

  /**
   * A dictionary whose exemplars are the members nearest to each region's mean direction; all else is the same, also the
   * recorded distances to the exemplars of before.
   *
   * @param stream The activations that the dictionary was grown on, in the same batches, for a second pass that looks at
   * every member; it takes as long as the first and memory for three matrices of exemplars. Without it the sampled members
   * are looked at, if any are kept. Dictionaries that were grown together: {@link "./reanchor_all.ts".reanchorAll}.
   * @throws {Error} A sentence if it is another stream, or if there are neither stream nor members.
   */
  async reanchor(stream?: AsyncIterable<ActivationBatch> | Iterable<ActivationBatch>): Promise<Dictionary> {
    const parts = await this.#reading(async () => {
      if (!stream) return fromSample(this.parts, this.sums);
      const [parts] = await secondPass([{ layer: 0, parts: this.parts }], atLayerZero(stream));
      return parts;
    });
    return await Dictionary.of(parts);
  }

  /**
   * Writes everything to one Arrow file, in one step, with checksums of every column and of the metadata. Sampled members,
   * if any are kept, go to a file `<name>.members.arrow` beside it.
   */
  save(path: string): Promise<void> {
    return this.#reading(() => saveDictionary(this.parts, this, path));
  }

  /**
   * Writes it as a sparse autoencoder of `size` features, for tools that load one as an encoder and a decoder:
   *
   * - a folder: SAELens's `cfg.json` and `sae_weights.safetensors`, architecture `topk`: exactly the read-out `topk`;
   * - a path that ends in `.npz`: Gemma Scope's names, with thresholds of 0: the positive part of the read-out `signed`.
   *
   * What they have no place for (sums, counts, thresholds, calibration) goes to a file `regions.safetensors` in the folder, or
   * beside the `.npz`, so that {@linkcode Dictionary.load} reads it back with the same assignments. Contexts and sampled
   * members are not kept.
   *
   * @throws {RangeError} if the dictionary is empty, or k is not from 1 to its size.
   */
  export(path: string, options: ExportOptions = {}): Promise<void> {
    return this.#reading(() => exportDictionary(this.parts, this, path, options));
  }

  /**
   * Reads a dictionary of any format, told by the file itself: Arrow ({@linkcode Dictionary.save}), with which adding goes
   * on as if never saved; what {@linkcode Dictionary.export} wrote; a published pickle, as data that executes nothing.
   * Contexts of Arrow files are read when they are first asked for: the file must then still be there.
   *
   * @param path The file or folder; of the hub as `hf://owner/name/file.arrow`.
   * @throws {Error} A sentence if the file is missing, truncated, damaged or not a dictionary, if members are asked for
   * that it does not have, or if it unpacks to more than is allowed.
   */
  static async load(
    path: string,
    options: Pick<DictionaryOptions, "backend"> & DictionaryLoadOptions = {},
  ): Promise<Dictionary> {
    return await Dictionary.of(await loadParts(await localPath(path), await backendOf(options), options));
  }

  /**
   * A dictionary that the method's authors publish on the Hugging Face hub, such as `gemma-2-2b` at layer 12 and p 10. It is
   * downloaded once, checked against its checksum then and whenever the file was touched, and read from the cache from then
   * on. Needs `--allow-net=huggingface.co,*.huggingface.co,*.hf.co`; once cached it works offline.
   *
   * @param model Short name of the model.
   * @throws {Error} A sentence; one that lists what is published if there is no such dictionary.
   */
  static async fromHub(model: string, options: FromHubOptions = {}): Promise<Dictionary> {
    return await Dictionary.of(await partsFromHub(model, options, await backendOf(options)));
  }

  /** @ignore The dictionary of parts, for the other files of this room. */
  static async of(parts: DictionaryParts): Promise<Dictionary> {
    const dictionary = new Dictionary(parts);
    await dictionary.refresh();
    return dictionary;
  }

  /** Gives its memory back. */
  dispose(): void {
    for (const matrix of [this.parts.exemplars, this.parts.sums]) matrix.dispose();
  }

  async #refresh(): Promise<void> {
    await this.readBack();
    this.#behind = false;
  }

  /** Runs in turn what looks at the values. */
  #reading<T>(task: () => Promise<T>): Promise<T> {
    return this.#turns.take(async () => {
      if (this.#behind) await this.#refresh();
      return await task();
    });
  }
}

/** A plain stream as one of layer 0. */
async function* atLayerZero(stream: AsyncIterable<ActivationBatch> | Iterable<ActivationBatch>) {
  for await (const batch of stream) yield { batches: new Map([[0, batch]]), dispose() {} };
}
