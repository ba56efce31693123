import { type ActivationBatch, assertProvenance, type Provenance } from "../activations/batch.ts";
import { assertReadAs, type StreamSource } from "../activations/source.ts";
import { assertOwned, assertSameDim, type Backend, type Matrix } from "../compute/backend.ts";
import { assertOptions } from "../compute/known_options.ts";
import { openBackend } from "../compute/open.ts";
import { rowNumbers } from "../compute/row_numbers.ts";
import type { WholeNumbers } from "../files/whole_numbers.ts";
import { localPath } from "../hub/hub_file.ts";
import type { Context } from "./contexts.ts";
import { directionsOf } from "./directions.ts";
import { emptyParts } from "./empty.ts";
import { type FromHubOptions, partsFromHub } from "./from_hub.ts";
import { groupRows } from "./groups.ts";
import { HostValues } from "./host_values.ts";
import { type AddOptions, ingestBatch } from "./ingest.ts";
import { type Assignment, nearestRegions } from "./leader.ts";
import { loadParts } from "./load.ts";
import { mergeRegions } from "./merge.ts";
import { DICTIONARY_OPTIONS, type DictionaryOptions } from "./options.ts";
import type { Basis, DictionaryCalibration, DictionaryParts } from "./parts.ts";
import { type DictionaryLoadOptions, LOAD_OPTIONS, saveArrow, saveDictionary } from "./persistence.ts";
import { decodeFeatures, readFeatures, type ReadoutOptions } from "./readout.ts";
import { fromSample, secondPass } from "./reanchor.ts";
import { exportDictionary, type ExportOptions } from "../sae/dictionary_files.ts";
import { Turns } from "./turns.ts";

/** The parts of a dictionary, for the other files of this room: users cannot reach them. */
export let partsOf: (dictionary: Dictionary) => DictionaryParts;
/** Saves a dictionary without the JSON beside it, for checkpoints, which nobody looks at. */
export let saveAlone: (dictionary: Dictionary, path: string) => Promise<void>;

/**
 * An ordered set of regions of activation space, grown by leader clustering on the centred unit sphere.
 *
 * What changes it or needs the device is done in the order in which it is asked for, awaited or not. Values of the
 * device ({@linkcode Dictionary.exemplars}, {@linkcode Dictionary.sums} and what is made of them) throw a sentence from
 * the start of a change until they are read back. Who makes a dictionary disposes it, by hand or with `using`; all but
 * a second disposal then throws a sentence.
 *
 * @example
 * ```ts
 * import { Dictionary } from "./dictionary.ts";
 *
 * using dictionary = await Dictionary.create({ center: new Float32Array(2), threshold: 0.1 }, { backend: "cpu" });
 * const data = Float32Array.of(1, 0, 5, 0.1, 0, 2);
 * const { regions } = await dictionary.add({ data, rows: 3, dim: 2 });
 * if (regions.join() !== "0,0,1" || dictionary.size !== 2) throw new Error(`unexpected regions ${regions}`);
 * ```
 */
export class Dictionary implements Disposable {
  static {
    partsOf = (dictionary) => dictionary.#inUse("parts");
    saveAlone = (dictionary, path) => dictionary.#reading("save", (parts, host) => saveArrow(parts, host, path));
  }

  // Of types only: a run of days can be set up in a moment from outside, to try what comes after it.
  private readonly parts: DictionaryParts;
  readonly #host: HostValues;
  readonly #turns = new Turns();
  /** Whether the backend has values that were not read back. Told on the CPU too, where they need not be. */
  #isBehind = false;
  #isDisposed = false;

  private constructor(parts: DictionaryParts) {
    this.parts = parts;
    this.#host = new HostValues(parts);
  }

  /**
   * An empty dictionary.
   *
   * @param calibration Center and threshold, usually from `calibrate`.
   * @throws {RangeError} if the threshold is not more than 1e-6 and less than 2, the center is not finite, or the
   * number of members to keep is none.
   */
  static async create(calibration: DictionaryCalibration, options: DictionaryOptions = {}): Promise<Dictionary> {
    assertOptions("Dictionary.create", options, DICTIONARY_OPTIONS);
    return new Dictionary(emptyParts(calibration, await openBackend(options.backend), options));
  }

  /** Number of regions. */
  get size(): number {
    return this.#inUse("size").regions.size;
  }
  /** Length of an activation. */
  get dim(): number {
    return this.#inUse("dim").calibration.center.length;
  }
  /** Largest cosine distance at which an activation joins a region. */
  get threshold(): number {
    return this.#inUse("threshold").calibration.threshold;
  }
  /** The percentile that gave the threshold, if known. */
  get percentile(): number | undefined {
    return this.#inUse("percentile").calibration.percentile;
  }
  /** What produced the activations, if known. */
  get source(): StreamSource | undefined {
    return this.#inUse("source").calibration.source;
  }
  /** Subtracted from every activation, length `dim`. */
  get center(): Float32Array<ArrayBuffer> {
    return this.#inUse("center").calibration.center;
  }
  /** Activations added so far: the members of all regions, and those {@linkcode Dictionary.beyond} all. */
  get activations(): number {
    return this.#inUse("activations").activations;
  }
  /**
   * Activations that belong to no region: they were added without founding, and lie beyond the threshold of all regions.
   */
  get beyond(): number {
    return this.#inUse("beyond").beyond;
  }
  /** Activations after which it founded no more and only counted members; as many as it has while it founds. */
  get foundedUntil(): number {
    return this.#inUse("foundedUntil").foundedUntil;
  }
  /** Where it computes. */
  get backend(): Backend {
    return this.#inUse("backend").backend;
  }
  /** Unit direction that founded each region, `size x dim`. */
  get exemplars(): Float32Array<ArrayBuffer> {
    return this.#readBack("exemplars").exemplars;
  }
  /** Sum of each region's member directions, `size x dim`. */
  get sums(): Float32Array<ArrayBuffer> {
    return this.#readBack("sums").sums;
  }
  /** Unit mean direction of each region's members, `size x dim`. */
  get means(): Float32Array<ArrayBuffer> {
    return this.#readBack("means").means;
  }
  /** Norm of the mean of each region's member directions, 0..1. */
  get coherences(): Float64Array<ArrayBuffer> {
    return this.#readBack("coherences").coherences;
  }
  /** Members of each region. */
  get memberCounts(): WholeNumbers {
    return this.#inUse("memberCounts").regions.counts;
  }
  /** Stream index of the activation that founded each region. */
  get founders(): WholeNumbers {
    return this.#inUse("founders").regions.founders;
  }
  /** Batch in which each region was founded. */
  get firstBatches(): WholeNumbers {
    return this.#inUse("firstBatches").regions.firstBatches;
  }
  /** Sum over each region's members of the distance to the exemplar. */
  get distanceSums(): Float64Array<ArrayBuffer> {
    return this.#inUse("distanceSums").regions.distanceSums;
  }
  /** Sum over each region's members of the squared distance to the exemplar. */
  get distanceSquareSums(): Float64Array<ArrayBuffer> {
    return this.#inUse("distanceSquareSums").regions.distanceSquareSums;
  }
  /**
   * Members nearest to a region's exemplar, nearest first, at most 10.
   *
   * @throws {RangeError} if there is no such region.
   */
  nearestContexts(region: number): readonly Context[] {
    return this.#contextsOf("nearestContexts", region).nearest(region);
  }
  /**
   * Members farthest from a region's exemplar, farthest first, at most 10.
   *
   * @throws {RangeError} if there is no such region.
   */
  farthestContexts(region: number): readonly Context[] {
    return this.#contextsOf("farthestContexts", region).farthest(region);
  }
  /** Unit directions that stand for the regions, `size x dim`. */
  directions(basis: Basis): Float32Array<ArrayBuffer> {
    return this.#readBack("directions").directions(basis);
  }

  /**
   * Adds a batch in stream order: each row joins a region within the threshold or founds one.
   *
   * @example Count what a finished dictionary covers of a stream, without new regions
   * ```ts
   * import { Dictionary } from "./dictionary.ts";
   *
   * using dictionary = await Dictionary.create({ center: new Float32Array(2), threshold: 0.1 }, { backend: "cpu" });
   * await dictionary.add({ data: Float32Array.of(1, 0), rows: 1, dim: 2 });
   * const { regions } = await dictionary.add({ data: Float32Array.of(5, 0.1, 0, 2), rows: 2, dim: 2 }, { found: false });
   * if (regions.join() !== "0,-1" || dictionary.size !== 1 || dictionary.beyond !== 1) throw new Error(`${regions}`);
   * ```
   *
   * @throws {RangeError} if the rows are of another length. @throws {Error} if a row is not finite, or lies on the
   * center; names where it comes from. Either way the dictionary stays as it was.
   */
  add(batch: ActivationBatch, options: AddOptions = {}): Promise<Assignment> {
    return this.#inTurn("add", async (parts) => {
      assertOptions("Dictionary.add", options, { replace: "boolean", found: "boolean" });
      assertReadAs("dictionary", parts.calibration.source, batch.provenance?.source);
      using directions = await directionsOf(parts.backend, batch, parts.calibration.center);
      const wasBehind = this.#isBehind;
      // Before the first change: what fails half-way must not read as up to date.
      this.#isBehind = true;
      const assignment = await ingestBatch(parts, directions, batch.provenance, options);
      // Only what the batch touched, where all else is there already.
      await this.#refresh(wasBehind ? undefined : groupRows(assignment.regions, parts.regions.size).regions);
      return assignment;
    });
  }

  /**
   * Like {@linkcode Dictionary.add} for directions that are already centred, shared by several dictionaries, and
   * without reading the changed regions back: call {@linkcode Dictionary.refresh} before looking at the values.
   *
   * @throws {RangeError} if the rows are of another length. @throws {Error} if they tell that they are of another model,
   * hook or layer. Either way the dictionary stays as it was.
   */
  ingest(
    directions: Matrix,
    provenance?: Provenance,
    options: Pick<AddOptions, "found"> = {},
  ): Promise<Assignment> {
    return this.#inTurn("ingest", (parts) => {
      assertOptions("Dictionary.ingest", options, { found: "boolean" });
      assertOwned(directions, parts.backend.name);
      assertSameDim(directions, parts.exemplars);
      // Before the first change; asked of a disposed matrix, it throws.
      const { rows } = directions;
      if (provenance) assertProvenance(provenance, rows);
      assertReadAs("dictionary", parts.calibration.source, provenance?.source);
      this.#isBehind = true;
      return ingestBatch(parts, directions, provenance, options);
    });
  }

  /** Reads exemplars and sums back from the device. */
  refresh(): Promise<void> {
    return this.#inTurn("refresh", () => this.#refresh());
  }

  /**
   * Nearest region of each row and its distance, changing nothing. An empty dictionary gives -1 and infinity.
   *
   * @example The regions that each text touches
   * ```ts
   * import { batchAt, Dictionary, extract, loadModel } from "../../mod.ts";
   *
   * await using model = await loadModel("fixtures/gemma-2-toy", { device: "cpu" });
   * const calibration = { center: new Float32Array(model.dim), threshold: 0.5 };
   * using dictionary = await Dictionary.create(calibration, { backend: "cpu" });
   * for await (using read of extract(model, ["The cat sat.", "A dog"], { layers: [3], context: 8 })) {
   *   const batch = batchAt(read, 3);
   *   await dictionary.add(batch);
   *   const { regions } = await dictionary.assign(batch);
   *   // Streams of a model always say where their rows come from.
   *   const ofText = Map.groupBy(regions.keys(), (row) => batch.provenance!.prompt[row]);
   *   const touched = [...ofText.values()].map((rows) => new Set(rows.map((row) => regions[row])).size);
   *   if (touched.length !== 2 || !touched.every((count) => count > 0)) throw new Error(`${touched}`);
   * }
   * ```
   */
  assign(batch: ActivationBatch): Promise<Assignment> {
    return this.#inTurn("assign", async ({ backend, exemplars, calibration: { center, threshold } }) => {
      using directions = await directionsOf(backend, batch, center);
      return await nearestRegions(backend, directions, exemplars, threshold);
    });
  }

  /**
   * Like {@linkcode Dictionary.assign} for directions that are already centred, shared by several dictionaries.
   *
   * @param directions Unit rows on the dictionary's backend, `rows x dim`.
   */
  nearest(directions: Matrix): Promise<Assignment> {
    return this.#inTurn(
      "nearest",
      ({ backend, exemplars, calibration: { threshold } }) => nearestRegions(backend, directions, exemplars, threshold),
    );
  }

  /**
   * Exemplars in a matrix on the dictionary's backend, `regions x dim`: a copy, which the caller disposes.
   *
   * @param regions Which, in this order; default all.
   * @throws {RangeError} if there is no such region.
   */
  exemplarMatrix(regions?: ArrayLike<number>): Promise<Matrix> {
    return this.#inTurn("exemplarMatrix", ({ backend, exemplars }) => {
      const rows = regions ? Int32Array.from(regions) : rowNumbers(0, exemplars.rows);
      const matrix = backend.create(exemplars.dim, rows.length);
      try {
        backend.copyRows(exemplars, rows, matrix, rowNumbers(0, rows.length));
        return matrix;
      } catch (error) {
        matrix.dispose();
        throw error;
      }
    });
  }

  /** Cosine similarity of each row to each exemplar, `rows x size`. */
  similarities(batch: ActivationBatch): Promise<Float32Array<ArrayBuffer>> {
    return this.#reading(
      "similarities",
      ({ backend, calibration: { center } }, { exemplars }) =>
        readFeatures(backend, center, exemplars, batch, { kind: "cosine" }),
    );
  }

  /** Activations as features, `rows x size`; see {@linkcode ReadoutOptions}. */
  readout(batch: ActivationBatch, options: ReadoutOptions): Promise<Float32Array<ArrayBuffer>> {
    return this.#reading(
      "readout",
      ({ backend, calibration: { center } }, host) =>
        readFeatures(backend, center, host.directions(options.basis ?? "mean"), batch, options),
    );
  }

  /** Features (`rows x size`) as activations, `rows x dim`: `features W + center`. */
  decode(features: Float32Array<ArrayBuffer>, options: { basis?: Basis } = {}): Promise<Float32Array<ArrayBuffer>> {
    assertOptions("Dictionary.decode", options, { basis: "string" });
    const { basis = "mean" } = options;
    return this.#reading(
      "decode",
      ({ backend, calibration: { center } }, host) => decodeFeatures(backend, center, host.directions(basis), features),
    );
  }

  /**
   * Unites regions whose exemplars lie within `threshold` (default: the dictionary's own) of each other; the largest
   * keeps its exemplar.
   *
   * @returns For each region of before, its region now.
   * @throws {RangeError} if the threshold is no cosine distance, 0 to 2; the dictionary stays as it was.
   */
  merge(threshold?: number): Promise<Int32Array<ArrayBuffer>> {
    return this.#inTurn("merge", async (parts) => {
      const within = threshold ?? parts.calibration.threshold;
      if (!(within >= 0 && within <= 2)) {
        throw new RangeError(`Expected a cosine distance from 0 to 2 to merge within but found ${within}`);
      }
      this.#isBehind = true;
      const regions = await mergeRegions(parts, within);
      await this.#refresh();
      return regions;
    });
  }

  /**
   * A dictionary whose exemplars are the members nearest to each region's mean direction; all else is the same, also
   * the recorded distances to the exemplars of before.
   *
   * @param stream The activations that the dictionary was grown on, in the same batches, for a second pass that looks
   * at every member; it takes as long as the first and memory for three matrices of exemplars. Without it the sampled
   * members are looked at, if any are kept. Dictionaries that were grown together: {@link
   * "./reanchor_all.ts".reanchorAll}.
   * @throws {Error} A sentence if it is another stream, or if there are neither stream nor members.
   */
  async reanchor(stream?: AsyncIterable<ActivationBatch> | Iterable<ActivationBatch>): Promise<Dictionary> {
    const anchored = await this.#reading("reanchor", async (parts, { sums }) => {
      if (!stream) return fromSample(parts, sums);
      return (await secondPass([{ layer: 0, parts }], atLayerZero(stream)))[0];
    });
    return await Dictionary.of(anchored);
  }

  /**
   * Writes everything to one Arrow file, in one step, with checksums of every column and of the metadata. Sampled
   * members, if any are kept, go to a file `<name>.members.arrow` beside it. Center, threshold, percentile and source,
   * which stand in the metadata, are also written to `<name>.calibration.json`, for people and for tools that drop the
   * metadata; {@linkcode Dictionary.load} does not need it.
   */
  save(path: string): Promise<void> {
    return this.#reading("save", (parts, host) => saveDictionary(parts, host, path));
  }

  /**
   * Writes it as a sparse autoencoder of `size` features, for tools that load one as an encoder and a decoder:
   *
   * - a folder: SAELens's `cfg.json` and `sae_weights.safetensors`, architecture `topk`: exactly the read-out `topk`;
   * - a path that ends in `.npz`: Gemma Scope's names, with thresholds of 0: the positive part of the read-out
   *   `signed`.
   *
   * What they have no place for (sums, counts, thresholds, calibration) goes to a file `regions.safetensors` in the
   * folder, or beside the `.npz`, so that {@linkcode Dictionary.load} reads it back with the same assignments. Contexts
   * and sampled members are not kept.
   *
   * @throws {RangeError} if the dictionary is empty, or k is not from 1 to its size.
   */
  export(path: string, options: ExportOptions = {}): Promise<void> {
    return this.#reading("export", (parts, host) => exportDictionary(parts, host, path, options));
  }

  /**
   * Reads a dictionary of any format, told by the file itself: Arrow ({@linkcode Dictionary.save}), with which adding
   * goes on as if never saved; what {@linkcode Dictionary.export} wrote; a published pickle, as data that executes
   * nothing, be it of `pickle`, packed by gzip or Zstandard, or of `torch.save`. Contexts of Arrow files are read when they are first asked for: the file must then still be there.
   *
   * @param path The file or folder; of the hub as `hf://owner/name/file.arrow`.
   * @throws {Error} A sentence if the file is missing, truncated, damaged or not a dictionary, if members are asked for
   * that it does not have, or if it unpacks to more than is allowed.
   */
  static async load(
    path: string,
    options: Pick<DictionaryOptions, "backend"> & DictionaryLoadOptions = {},
  ): Promise<Dictionary> {
    assertOptions("Dictionary.load", options, { ...LOAD_OPTIONS, backend: ["string", "backend"] });
    return await Dictionary.of(await loadParts(await localPath(path), await openBackend(options.backend), options));
  }

  /**
   * A dictionary that the method's authors publish on the Hugging Face hub, such as `gemma-2-2b` at layer 12 and p 10.
   * It is downloaded once, checked against its checksum then and whenever the file was touched, and read from the cache
   * from then on. Needs `--allow-net=huggingface.co,*.huggingface.co,*.hf.co`; once cached it works offline.
   *
   * @param model Short name of the model.
   * @throws {Error} A sentence; one that lists what is published if there is no such dictionary.
   */
  static async fromHub(model: string, options: FromHubOptions = {}): Promise<Dictionary> {
    return await Dictionary.of(await partsFromHub(model, options, await openBackend(options.backend)));
  }

  /** @ignore The dictionary of parts, for the other files of this room. */
  static async of(parts: DictionaryParts): Promise<Dictionary> {
    const dictionary = new Dictionary(parts);
    await dictionary.refresh();
    return dictionary;
  }

  /** Gives its memory back, after what was asked for before, awaited or not. A second time it does nothing. */
  dispose(): void {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    this.#turns.take(() => {
      for (const matrix of [this.parts.exemplars, this.parts.sums]) matrix.dispose();
    });
  }

  /** As {@linkcode Dictionary.dispose}, for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Its parts, for what is asked for by this name; throws once it is disposed. */
  #inUse(name: string): DictionaryParts {
    if (!this.#isDisposed) return this.parts;
    throw new Error(
      `Expected a dictionary in use but ${name} was asked of a disposed one: dispose it after its last use`,
    );
  }

  #contextsOf(name: string, region: number): DictionaryParts["contexts"] {
    const { contexts, regions: { size } } = this.#inUse(name);
    if (Number.isInteger(region) && region >= 0 && region < size) return contexts;
    throw new RangeError(`Expected a region below ${size}, as many as the dictionary has, but found ${region}`);
  }

  /** Its values on the host; throws while they are not those of all regions. */
  #readBack(name: string): HostValues {
    const { regions: { size } } = this.#inUse(name);
    if (!this.#isBehind) return this.#host;
    throw new Error(
      `Expected the ${name} of ${size} regions but what was last added is not read back: await refresh() before`,
    );
  }

  async #refresh(regions?: Int32Array): Promise<void> {
    await this.#host.readBack(regions);
    this.#isBehind = false;
  }

  /**
   * Runs a task after all that were asked for before. A dictionary disposed by then still has its parts: see `dispose`.
   */
  async #inTurn<T>(name: string, task: (parts: DictionaryParts) => Promise<T> | T): Promise<T> {
    const parts = this.#inUse(name);
    return await this.#turns.take(() => task(parts));
  }

  /** Runs in turn what looks at the values. */
  #reading<T>(name: string, task: (parts: DictionaryParts, host: HostValues) => Promise<T> | T): Promise<T> {
    return this.#inTurn(name, async (parts) => {
      if (this.#isBehind) await this.#refresh();
      return await task(parts, this.#host);
    });
  }
}

/** A plain stream as one of layer 0. */
async function* atLayerZero(stream: AsyncIterable<ActivationBatch> | Iterable<ActivationBatch>) {
  for await (const batch of stream) yield { batches: new Map([[0, batch]]), [Symbol.dispose]() {} };
}
