/** Chooses a concept's directions on its train texts and scores its held-out texts with them. */
import {
  auroc,
  bestAmongFirst,
  differenceInMeans,
  directionAurocs,
  directionContrasts,
  meanRow,
  textMaxima,
  trainProbe,
} from "../../../src/analysis/mod.ts";
import type { Backend, Matrix } from "../../../src/compute/mod.ts";
import type { Candidates, Choice, Method } from "./candidates.ts";
import type { Texts } from "./texts.ts";

/** How well one way to come by a direction detects one concept. */
export interface Detection extends Omit<Choice, "method" | "rule" | "bank" | "size"> {
  readonly concept: number;
  readonly layer: number;
  readonly method: Method;
  /** `""` where a direction is trained. */
  readonly rule: Choice["rule"] | "";
  /** Directions that it was chosen from; 1 where it is trained. */
  readonly regions: number;
  /** Which of them. */
  readonly region: number;
  /** AUROC of the train texts. */
  readonly train: number;
  /** AUROC of the held-out texts. */
  readonly auroc: number;
  /** AUROC of the positive held-out texts against the hard negatives alone; NaN where there are none. */
  readonly hard: number;
}

/** Held-out texts, and which of them have the concept or are hard negatives. */
export interface HeldOut {
  readonly texts: Texts;
  readonly positive: readonly boolean[];
  readonly hard: readonly boolean[];
}

/** Train texts without a concept, with what all concepts of the genre need of them. */
interface Negatives {
  readonly texts: Texts;
  readonly meanDirection: Float64Array;
  /** By bank, `texts x directions`. */
  readonly maxima: readonly Float32Array[];
}

/** Scores the concepts of one layer, one after the other. */
export class ConceptScorer {
  readonly #backend: Backend;
  readonly #candidates: Candidates;
  readonly #l2: readonly number[];
  readonly #negatives = new Map<string, Negatives>();

  /** @param l2 Strengths of the probe's penalty; of several the best on a fifth of the train texts is taken. */
  constructor(backend: Backend, candidates: Candidates, l2: readonly number[]) {
    this.#backend = backend;
    this.#candidates = candidates;
    this.#l2 = l2;
  }

  /** Takes the negatives of a genre: they are measured once, whatever the number of concepts. */
  async addNegatives(genre: string, texts: Texts): Promise<void> {
    const { meanDirection, directions } = await this.#directions(texts);
    const maxima: Float32Array[] = [];
    for (const { matrix } of this.#candidates.banks) {
      maxima.push(await textMaxima(this.#backend, directions, texts.offsets, matrix));
    }
    directions.dispose();
    this.#negatives.set(genre, { texts, meanDirection, maxima });
  }

  /** Every detection of a concept. Only train texts choose; held-out texts are scored once, with what was chosen. */
  async score(concept: number, genre: string, positives: Texts, heldOut: HeldOut): Promise<Detection[]> {
    const { layer, banks, choices } = this.#candidates;
    const negatives = this.#negatives.get(genre)!;
    const chosen = new ChosenDirections(positives.dim);
    const detections: (Omit<Detection, "train" | "auroc" | "hard"> & { readonly column: number })[] = [];

    const { meanDirection, directions } = await this.#directions(positives);
    for (const [number, { matrix, values }] of banks.entries()) {
      const maxima = await textMaxima(this.#backend, directions, positives.offsets, matrix);
      const statistics = {
        auroc: directionAurocs(negatives.maxima[number], maxima, matrix.rows),
        contrast: directionContrasts(negatives.meanDirection, meanDirection, values),
      };
      const here = choices.filter(({ bank }) => bank === number);
      for (const rule of ["contrast", "auroc"] as const) {
        const ruled = here.filter((choice) => choice.rule === rule);
        bestAmongFirst(statistics[rule], ruled.map(({ size }) => size)).forEach((region, i) => {
          const { bank: _, size: regions, ...choice } = ruled[i];
          const column = chosen.add(`${number} ${region}`, values, region);
          detections.push({ ...choice, concept, layer, regions, region, column });
        });
      }
    }
    directions.dispose();
    for (const [method, direction] of this.#trained(positives, negatives.texts)) {
      const none = { percentile: NaN, budget: NaN, tokens: NaN, seed: -1, set: -1 };
      const column = chosen.add(method, direction, 0);
      detections.push({ concept, layer, method, rule: "", basis: "", ...none, regions: 1, region: 0, column });
    }

    const scores = await this.#scores(chosen, [positives, negatives.texts, heldOut.texts]);
    return detections.map(({ column, ...detection }) => {
      const [high, low, held] = scores.map((texts) => texts(column));
      const positive = held.filter((_, i) => heldOut.positive[i]);
      const negative = held.filter((_, i) => !heldOut.positive[i]);
      const hard = held.filter((_, i) => heldOut.hard[i]);
      return { ...detection, train: auroc(low, high), auroc: auroc(negative, positive), hard: auroc(hard, positive) };
    });
  }

  /** Directions that are learnt from labelled positions: what supervision gives at best. */
  #trained(positives: Texts, negatives: Texts): [Method, Float32Array][] {
    const { dim } = positives;
    const data = new Float32Array(positives.data.length + negatives.data.length);
    data.set(positives.data);
    data.set(negatives.data, positives.data.length);
    const labels = Int32Array.from({ length: data.length / dim }, (_, i) => i * dim < positives.data.length ? 1 : 0);
    const documents = documentsOf([positives, negatives]);
    const features = { data, rows: labels.length, dim };
    const { weights } = trainProbe(features, labels, { l2: this.#l2, documents, classes: 2 });
    const probe = Float64Array.from({ length: dim }, (_, j) => weights[dim + j] - weights[j]);
    const norm = Math.hypot(...probe);
    return [
      ["difference in means", differenceInMeans(data, dim, Array.from(labels, (label) => label === 1))],
      ["linear probe", Float32Array.from(probe, (weight) => weight / norm)],
    ];
  }

  async #directions({ data, dim, offsets }: Texts): Promise<{ directions: Matrix; meanDirection: Float64Array }> {
    const x = this.#backend.upload(data, offsets.at(-1)!, dim);
    const directions = await this.#backend.directions(x, this.#candidates.center);
    x.dispose();
    return { directions, meanDirection: meanRow(await this.#backend.download(directions), dim) };
  }

  /**
   * Scores of groups of texts on the chosen directions, a function of the column. Activations are not centred here: a
   * direction's projection of the center is the same for all texts, and a constant changes no AUROC.
   */
  async #scores(chosen: ChosenDirections, groups: readonly Texts[]): Promise<((column: number) => Float32Array)[]> {
    const matrix = this.#backend.upload(chosen.values, chosen.count, chosen.dim);
    const scores: ((column: number) => Float32Array)[] = [];
    for (const { data, dim, offsets } of groups) {
      const x = this.#backend.upload(data, offsets.at(-1)!, dim);
      const maxima = await textMaxima(this.#backend, x, offsets, matrix);
      x.dispose();
      const texts = offsets.length - 1;
      scores.push((column) => Float32Array.from({ length: texts }, (_, i) => maxima[i * chosen.count + column]));
    }
    matrix.dispose();
    return scores;
  }
}

/** Directions, each once. */
class ChosenDirections {
  readonly #rows: Float32Array[] = [];
  readonly #columns = new Map<string, number>();

  constructor(readonly dim: number) {}

  get count(): number {
    return this.#rows.length;
  }

  /** `count x dim`. */
  get values(): Float32Array<ArrayBuffer> {
    const values = new Float32Array(this.count * this.dim);
    this.#rows.forEach((row, i) => values.set(row, i * this.dim));
    return values;
  }

  /** Where a row of some directions stands. */
  add(name: string, directions: Float32Array, row: number): number {
    const known = this.#columns.get(name);
    if (known !== undefined) return known;
    this.#columns.set(name, this.count);
    return this.#rows.push(directions.slice(row * this.dim, (row + 1) * this.dim)) - 1;
  }
}

/** Number of the text of every position, over groups of texts. */
function documentsOf(groups: readonly Texts[]): Int32Array {
  const lengths = groups.flatMap(({ offsets }) => Array.from(offsets.subarray(1), (end, i) => end - offsets[i]));
  return Int32Array.from(lengths.flatMap((length, document) => new Array<number>(length).fill(document)));
}
