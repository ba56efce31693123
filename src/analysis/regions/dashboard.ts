/**
 * Regions as other people's feature browsers read them: the JSON of SAEDashboard (0.8), which Neuronpedia imports. A
 * region is a feature, its direction the exemplar.
 */
import { type ActivationBatch, Batch, placeText } from "../../activations/batch.ts";
import type { Prompt } from "../../activations/prompt.ts";
import { assertOptions, type OptionKinds } from "../../compute/known_options.ts";
import { writeFileAtomic } from "../../files/atomic.ts";
import { visibleJson } from "../../files/visible_text.ts";
import type { LanguageModel } from "../../model/types.ts";
import type { Context } from "../../partition/contexts.ts";
import type { Dictionary } from "../../partition/dictionary.ts";
import { dashboardFeature, dashboardHead, type Sequence } from "./dashboard_feature.ts";
import { lensTokens } from "./lens_tokens.ts";
import { ValueHistogram } from "./value_histogram.ts";

/** Cosine distance that the same activation may come to lie at in another pass: half precision and padding move it. */
const SAME = 0.01;

/** What a dashboard shows of a region. */
export interface DashboardOptions {
  /** Contexts, nearest first; default 10, which is all that a dictionary keeps. */
  contexts?: number;
  /** Tokens on each side of a context's own; default 32. */
  around?: number;
}

/** What the files of a dashboard say of the dictionary, and how they are cut. */
export interface DashboardFileOptions {
  /** The model's name where features are shown, such as `gemma-2-2b`; default that of the dictionary's source. */
  modelId?: string;
  /** The layer; default that of the dictionary's source. */
  layer?: number;
  /** The set that the features are of; default `exemplar-p` and the percentile. */
  set?: string;
  /** Features of a file; default 128. */
  features?: number;
  /** Tokens of the logit lens at each end; default 10. */
  k?: number;
}

const FILE_OPTIONS: OptionKinds<DashboardFileOptions> = {
  modelId: "string",
  layer: "number",
  set: "string",
  features: "number",
  k: "number",
};

/** Texts of tokens by position, of prompts that several contexts, and several dashboards, show. */
const TOKENS = new WeakMap<Prompt, Map<number, string>>();

/** One file of a dashboard. */
export interface DashboardFile {
  /** `batch-0.json` and so on. */
  readonly name: string;
  /** Writes it, in one step. */
  save(path: string): Promise<void>;
}

/** A context of a region, and what stands around it once its prompt was seen. */
interface Slot {
  readonly region: number;
  readonly context: Context;
  sequence?: Sequence;
  /** How far the distance of the sequence's token is from the recorded one. */
  off: number;
}

/**
 * What feature browsers show of a dictionary's regions: its contexts with a value for every token, what the logit lens
 * reads, how often the region is met. It is gathered in one pass over the stream that the dictionary was grown on; several
 * dictionaries can share the pass.
 *
 * - `values` of a context's `tokens` are the read-out `signed` on the basis `exemplar`, `<x - center, exemplar>`, in the
 *   activations' own units; negative ones too, which autoencoders do not have. Tokens without an activation, such as
 *   `<bos>`, are left out.
 * - `frac_nonzero` is the share of the pass's activations that are nearest to the region's exemplar and within the
 *   threshold of it, and the frequency histogram is of these activations' values. Those beyond the threshold of all, which
 *   come once a dictionary founds no more, count in none.
 * - `pos_str` and `pos_values` are what the logit lens reads off the exemplar, `neg_str` and `neg_values` what it reads off
 *   the opposite direction, with the logits' sign changed: the least logits, if the model's final norm has no bias. They
 *   are empty where the lens cannot read the hook.
 * - Alignment with neurons, correlations and the histogram of logits are empty.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { atLayer, extract } from "../../activations/mod.ts";
 * import { loadModel } from "../../model/mod.ts";
 * import { Dictionary } from "../../partition/mod.ts";
 *
 * await using model = await loadModel("fixtures/gemma-2-toy", { device: "cpu" });
 * const calibration = { center: new Float32Array(model.dim), threshold: 0.3 };
 * using dictionary = await Dictionary.create(calibration, { backend: "cpu" });
 * const stream = () => atLayer(extract(model, ["The king and the queen"], { layers: [3], context: 8 }), 3);
 * for await (const batch of stream()) await dictionary.add(batch);
 *
 * const dashboard = new Dashboard(dictionary);
 * for await (const batch of stream()) await dashboard.add(batch);
 * const folder = await Deno.makeTempDir();
 * for (const { name, save } of dashboard.files(model, { layer: 3 })) await save(`${folder}/${name}`);
 *
 * const { features } = JSON.parse(await Deno.readTextFile(`${folder}/batch-0.json`));
 * const [{ tokens, values, qualifying_token_index: own }] = features[1].activations;
 * assertEquals([tokens.join(""), tokens[own], values.length], ["The king and the queen", " king", tokens.length]);
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export class Dashboard {
  readonly #dictionary: Dictionary;
  readonly #center: Float32Array<ArrayBuffer>;
  readonly #exemplars: Float32Array<ArrayBuffer>;
  readonly #around: number;
  readonly #slots: readonly (readonly Slot[])[];
  /** The contexts to be found, by prompt. */
  readonly #wanted: ReadonlyMap<string, readonly Slot[]>;
  readonly #histograms: readonly ValueHistogram[];
  #activations = 0;
  #prompts = 0;

  /**
   * Of a dictionary, which stays as it is while it is shown.
   *
   * @throws {RangeError} if an option is no whole number, or contexts are none.
   */
  constructor(dictionary: Dictionary, options: DashboardOptions = {}) {
    assertOptions("a dashboard", options, { contexts: "number", around: "number" });
    const { contexts = 10, around = 32 } = options;
    assertWhole("contexts", contexts, 1);
    assertWhole("tokens around", around, 0);
    this.#dictionary = dictionary;
    this.#center = dictionary.center;
    this.#exemplars = dictionary.exemplars;
    this.#around = around;
    const regions = Array.from({ length: dictionary.size }, (_, region) => region);
    this.#slots = regions.map((region) =>
      dictionary.nearestContexts(region).slice(0, contexts).map((context) => ({ region, context, off: Infinity }))
    );
    this.#wanted = Map.groupBy(this.#slots.flat(), ({ context }) => context.prompt);
    this.#histograms = regions.map(() => new ValueHistogram());
  }

  /**
   * Takes a batch of the stream into account; the batch is not disposed.
   *
   * @throws {RangeError} if the rows are of another length. @throws {Error} if a row is not finite, or the batch does not
   * say where its rows come from.
   */
  async add(batch: ActivationBatch): Promise<void> {
    const { provenance } = batch;
    if (!provenance) {
      throw new Error("Expected a batch that says where its rows come from but it has no provenance: give it one");
    }
    const { regions, distances } = await this.#dictionary.assign(batch);
    const { threshold } = this.#dictionary;
    const x = await Batch.of(batch).values();
    for (let row = 0; row < batch.rows && this.#dictionary.size > 0; row++) {
      if (distances[row] > threshold) continue;
      // <x - c, e> = ||x - c|| cos, and the cosine is 1 less the distance.
      this.#histograms[regions[row]].add(this.#norm(x, row) * (1 - distances[row]));
    }
    const rowsOf = Map.groupBy(provenance.prompt.keys(), (row) => provenance.prompt[row]);
    for (const [index, rows] of rowsOf) {
      const prompt = provenance.prompts[index];
      for (const slot of this.#wanted.get(prompt.id) ?? []) {
        this.#fill(slot, { prompt, rows, position: provenance.position, x });
      }
    }
    this.#activations += batch.rows;
    this.#prompts += provenance.prompts.length;
  }

  /**
   * The files that hold it, a batch of features each, for when the stream has passed.
   *
   * @param model Its final norm and unembedding are the lens.
   * @throws {RangeError} if a number of features or tokens is none.
   * @throws {Error} if the stream did not hold a context of the dictionary or was of another model, layer or hook, or if
   * nobody says which layer it is of.
   */
  files(model: LanguageModel, options: DashboardFileOptions = {}): DashboardFile[] {
    assertOptions("a dashboard's files", options, FILE_OPTIONS);
    const { size, source, percentile } = this.#dictionary;
    const { features = 128, k = 10, layer = source?.hook.layer, modelId = source?.model ?? model.id } = options;
    const { set = percentile === undefined ? "exemplar" : `exemplar-p${percentile}` } = options;
    assertWhole("features of a file", features, 1);
    assertWhole("tokens of the lens", k, 1);
    if (layer === undefined) {
      throw new Error("Expected the layer of a dictionary that does not say what it was grown on: give it as `layer`");
    }
    this.#assertComplete();
    const head = dashboardHead(modelId, layer, set);
    return Array.from({ length: Math.ceil(size / features) }, (_, i) => ({
      name: `batch-${i}.json`,
      save: (path: string) =>
        writeFileAtomic(path, this.#json(model, head, k, i * features, Math.min(size, (i + 1) * features))),
    }));
  }

  /** A file's text, feature by feature. */
  async *#json(model: LanguageModel, head: object, k: number, from: number, to: number): AsyncGenerator<Uint8Array> {
    const encoder = new TextEncoder();
    const { dim, source } = this.#dictionary;
    const directions = this.#exemplars.slice(from * dim, to * dim);
    const read = (rows: Float32Array<ArrayBuffer>) => lensTokens(model, rows, to - from, k, source?.hook.at);
    const [most, least] = [await read(directions), await read(directions.map((value) => -value))];
    yield encoder.encode(`${visibleJson(head).slice(0, -1)},"features":[\n`);
    for (let region = from; region < to; region++) {
      const lens = { most: most[region - from], least: least[region - from] };
      const feature = dashboardFeature({ ...this.#shown(region), ...lens });
      yield encoder.encode(`${visibleJson(feature)}${region + 1 < to ? "," : ""}\n`);
    }
    yield encoder.encode("]}\n");
  }

  /** What is shown of a region, but for what the lens reads. */
  #shown(region: number) {
    const histogram = this.#histograms[region];
    const { source } = this.#dictionary;
    return {
      region,
      share: this.#activations === 0 ? 0 : histogram.count / this.#activations,
      bars: histogram.bars(),
      sequences: this.#slots[region].map(({ sequence }) => sequence!),
      prompts: this.#prompts,
      context: source?.context ?? 0,
      corpus: source?.corpus ?? "",
    };
  }

  /** Looks for a context among the rows of a prompt of its name. */
  #fill(slot: Slot, { prompt, rows, position, x }: {
    readonly prompt: Prompt;
    readonly rows: readonly number[];
    readonly position: Int32Array;
    readonly x: Float32Array;
  }): void {
    const { region, context } = slot;
    if ((prompt.start ?? 0) !== (context.start ?? 0)) return;
    const own = rows.findIndex((row) => position[row] === context.position);
    if (own < 0) return;
    const distance = 1 - this.#signed(x, rows[own], region) / this.#norm(x, rows[own]);
    const off = Math.abs(distance - context.distance);
    // Of prompts of one name, the one whose distance is the recorded one; of equal ones the first.
    if (slot.sequence && slot.off <= off) return;
    const first = Math.max(0, own - this.#around);
    const shown = rows.slice(first, own + this.#around + 1);
    slot.off = off;
    slot.sequence = {
      tokens: shown.map((row) => tokenAt(prompt, position[row])),
      values: Float64Array.from(shown, (row) => this.#signed(x, row, region)),
      own: own - first,
    };
  }

  /** `<x - c, e>` of a row and a region's exemplar. */
  #signed(x: Float32Array, row: number, region: number): number {
    const [center, exemplars] = [this.#center, this.#exemplars];
    const dim = center.length;
    let sum = 0;
    for (let d = 0; d < dim; d++) sum += (x[row * dim + d] - center[d]) * exemplars[region * dim + d];
    return sum;
  }

  /** Length of a row without the center. */
  #norm(x: Float32Array, row: number): number {
    const center = this.#center;
    const dim = center.length;
    let sum = 0;
    for (let d = 0; d < dim; d++) sum += (x[row * dim + d] - center[d]) ** 2;
    return Math.sqrt(sum);
  }

  #assertComplete(): void {
    const missing = this.#slots.flat().find(({ sequence }) => !sequence)?.context;
    if (missing) {
      throw new Error(
        `Expected the stream that the dictionary was grown on but prompt "${missing.prompt}" with an activation at ` +
          `${
            placeText(missing.position, missing.start)
          } did not come: add every batch of that stream before the files ` +
          "are written",
      );
    }
    // Whatever was done to the dictionary, the exemplar of a region of one member is that member.
    const { memberCounts } = this.#dictionary;
    const other = this.#slots.flat().find(({ region, off }) => memberCounts[region] === 1 && off > SAME);
    if (!other) return;
    throw new Error(
      `Expected the stream that the dictionary was grown on but the activation of prompt "${other.context.prompt}", ` +
        `${placeText(other.context.position, other.context.start)}, which founded region ${other.region}, lies ${
          other.off.toFixed(3)
        } from it: ` +
        "add the batches of the same model, layer and hook",
    );
  }
}

/** The text of a token, decoded once. */
function tokenAt(prompt: Prompt, position: number): string {
  let tokens = TOKENS.get(prompt);
  if (!tokens) TOKENS.set(prompt, tokens = new Map());
  let token = tokens.get(position);
  if (token === undefined) tokens.set(position, token = prompt.excerpt(position).token);
  return token;
}

function assertWhole(what: string, value: number, least: number): void {
  if (Number.isInteger(value) && value >= least) return;
  throw new RangeError(`Expected ${what} to be a whole number of at least ${least} but found ${value}`);
}
