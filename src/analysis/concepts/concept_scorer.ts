import { assertOptions } from "../../compute/known_options.ts";
import { hypot } from "../../compute/long_lists.ts";
import type { TextActivations } from "../../activations/axbench_reader.ts";
import type { Backend, Matrix } from "../../compute/backend.ts";
import { number, row, type RowOf } from "../../report/row.ts";
import { differenceInMeans } from "../interventions/reference_directions.ts";
import { trainProbe } from "../probes/linear_probe.ts";
import { auroc } from "../statistics/roc.ts";
import { textMaxima } from "./maxima.ts";
import {
  bestAmongFirst,
  directionAurocs,
  directionContrasts,
  meanRow,
  SELECTION_RULES,
  type SelectionRule,
} from "./selection.ts";

/**
 * How well a direction detects a concept.
 *
 * @internal
 */
export const DETECTION_FIGURES = row({
  trainAuroc: number("AUROC of the train texts", { heading: "train AUROC" }),
  auroc: number("AUROC of the held-out texts; all but positive ones are negatives", { heading: "AUROC" }),
  hardAuroc: number("AUROC of the positive held-out texts against hard negatives alone", {
    heading: "hard negatives",
    missing: "there are no hard negatives",
  }),
});

/**
 * Unit directions that a concept's may be chosen from; giving it back gives the matrix back.
 *
 * @example A choice of the first two directions and one of all
 * ```ts
 * import { openBackend } from "../../compute/mod.ts";
 * import { randomDirections } from "../geometry/mod.ts";
 *
 * using set = DirectionSet.upload(await openBackend("cpu"), randomDirections(5, 3, 0), 3);
 * const [few, all]: Choice[] = [2, set.size].map((size) => ({ rule: "auroc", from: set, size }));
 * if (few.from !== all.from || all.size !== 5) throw new Error(`${all.size}`);
 * ```
 */
export class DirectionSet implements Disposable {
  /**
   * A set that is on the backend already.
   *
   * @param matrix Them on the backend, `size x dim`; the set's from now on.
   * @param values Them on the host.
   */
  constructor(readonly matrix: Matrix, readonly values: Float32Array<ArrayBuffer>) {}

  /** A set of host values, `size x dim`, which are copied. */
  static upload(backend: Backend, directions: Float32Array, dim: number): DirectionSet {
    const values = Float32Array.from(directions);
    return new DirectionSet(backend.upload(values, values.length / dim, dim), values);
  }

  /** How many they are. */
  get size(): number {
    return this.matrix.rows;
  }

  /** Gives the matrix back. */
  [Symbol.dispose](): void {
    this.matrix.dispose();
  }
}

/** A way to choose: a rule on the first directions of a set. */
export interface Choice {
  /** Which direction is taken. */
  readonly rule: SelectionRule;
  /** The set. */
  readonly from: DirectionSet;
  /** How many of them, 1 to all: dictionaries of one growth lie one in the other. */
  readonly size: number;
}

/** How a direction is learnt from labelled positions: what supervision gives at best. */
export type Training = "difference in means" | "linear probe";

/** How well one way to come by a direction detects one concept. `C` is what the choices are told apart by. */
export type Detection<C extends Choice> =
  & RowOf<typeof DETECTION_FIGURES>
  & (
    | { readonly kind: "chosen"; readonly choice: C; /** Which of the set. */ readonly direction: number }
    | { readonly kind: "trained"; readonly training: Training }
  );

/** Held-out texts, and which of them have the concept or are hard negatives. */
export interface HeldOutTexts {
  /** Their activations. */
  readonly texts: TextActivations;
  /** Whether each has the concept. */
  readonly positive: readonly boolean[];
  /** Whether each is a hard negative. */
  readonly hard: readonly boolean[];
}

/** Train texts without a concept, with what every concept needs of them; see {@linkcode ConceptScorer.negatives}. */
export interface NegativeTexts {
  /** Their activations. */
  readonly texts: TextActivations;
  /** Mean of the centred unit activations. */
  readonly meanDirection: Float64Array;
  /** By set, `texts x directions`. */
  readonly maxima: ReadonlyMap<DirectionSet, Float32Array>;
}

/** How a {@linkcode ConceptScorer} works. */
export interface ConceptScorerOptions<C extends Choice> {
  /** Where to compute. */
  readonly backend: Backend;
  /** Subtracted from activations before their cosines are taken, length `dim`. */
  readonly center: Float32Array<ArrayBuffer>;
  /** The ways to choose. */
  readonly choices: readonly C[];
  /** Strengths of the probe's penalty; of several the best on a fifth of the train texts is taken. */
  readonly l2: readonly number[];
}

/**
 * Chooses directions for concepts on their train texts, and scores held-out texts with them: AxBench's concept detection (Wu
 * et al., "AxBench: Steering LLMs? Even Simple Baselines Outperform Sparse Autoencoders", 2025). The score of a text is its
 * largest projection over its positions.
 *
 * @example
 * ```ts
 * import { openBackend } from "../../compute/mod.ts";
 *
 * // Texts of one position each; those with the concept point along the second axis.
 * const texts = (...rows: number[][]) => ({
 *   data: Float32Array.from(rows.flat()),
 *   dim: 2,
 *   offsets: Int32Array.from({ length: rows.length + 1 }, (_, i) => i),
 * });
 * const backend = await openBackend("cpu");
 * using axes = DirectionSet.upload(backend, Float32Array.of(1, 0, 0, 1), 2);
 * const choices = [{ rule: "auroc" as const, from: axes, size: 2 }];
 * const scorer = new ConceptScorer({ backend, center: new Float32Array(2), choices, l2: [0.01] });
 * const negatives = await scorer.negatives(texts([1, 0], [2, 0.1]));
 * const heldOut = { texts: texts([3, 0], [0, 4]), positive: [false, true], hard: [false, false] };
 * const [best] = await scorer.score(texts([0, 1], [0.1, 2]), negatives, heldOut);
 * if (best.kind !== "chosen" || best.direction !== 1 || best.auroc !== 1) throw new Error(JSON.stringify(best));
 * ```
 */
export class ConceptScorer<C extends Choice> {
  readonly #options: ConceptScorerOptions<C>;
  readonly #sets: readonly DirectionSet[];

  /** A scorer of activations of one layer. The sets stay their owner's. */
  constructor(options: ConceptScorerOptions<C>) {
    assertOptions<ConceptScorerOptions<Choice>>("a scorer of concepts", options, {
      backend: "backend",
      center: "array",
      choices: "list",
      l2: "numbers",
    });
    this.#options = options;
    this.#sets = [...new Set(options.choices.map(({ from }) => from))];
  }

  /** Measures train texts without any concept: once for all concepts that share them. */
  async negatives(texts: TextActivations): Promise<NegativeTexts> {
    const { meanDirection, directions } = await this.#directions(texts);
    using own = directions;
    const maxima = new Map<DirectionSet, Float32Array>();
    for (const set of this.#sets) {
      maxima.set(set, await textMaxima(this.#options.backend, own, texts.offsets, set.matrix));
    }
    return { texts, meanDirection, maxima };
  }

  /**
   * Every detection of a concept: of each choice, by set and rule, then of each training. Only train texts choose; held-out
   * texts are scored once, with what was chosen.
   */
  async score(positives: TextActivations, negatives: NegativeTexts, heldOut: HeldOutTexts): Promise<Detection<C>[]> {
    const rows = new ChosenRows(positives.dim);
    const ways: { readonly column: number; readonly way: Way<C> }[] = [];
    for (const { choice, direction } of await this.#choose(positives, negatives)) {
      const column = rows.add(choice.from, choice.from.values, direction);
      ways.push({ column, way: { kind: "chosen", choice, direction } });
    }
    for (const [training, direction] of this.#trained(positives, negatives.texts)) {
      ways.push({ column: rows.add(training, direction, 0), way: { kind: "trained", training } });
    }

    const scores = await this.#scores(rows, [positives, negatives.texts, heldOut.texts]);
    return ways.map(({ column, way }) => {
      const [high, low, held] = scores.map((texts) => texts(column));
      const positive = held.filter((_, i) => heldOut.positive[i]);
      const negative = held.filter((_, i) => !heldOut.positive[i]);
      const hard = held.filter((_, i) => heldOut.hard[i]);
      return {
        ...way,
        trainAuroc: auroc(low, high),
        auroc: auroc(negative, positive),
        hardAuroc: hard.length === 0 ? null : auroc(hard, positive),
      };
    });
  }

  /** The direction of each choice. */
  async #choose(positives: TextActivations, negatives: NegativeTexts) {
    const { backend, choices } = this.#options;
    const { meanDirection, directions } = await this.#directions(positives);
    using own = directions;
    const chosen: { readonly choice: C; readonly direction: number }[] = [];
    for (const set of this.#sets) {
      const maxima = await textMaxima(backend, own, positives.offsets, set.matrix);
      const statistics = {
        auroc: directionAurocs(negatives.maxima.get(set)!, maxima, set.size),
        contrast: directionContrasts(negatives.meanDirection, meanDirection, set.values),
      };
      for (const rule of SELECTION_RULES) {
        const ruled = choices.filter((choice) => choice.from === set && choice.rule === rule);
        const best = bestAmongFirst(statistics[rule], ruled.map(({ size }) => size));
        chosen.push(...ruled.map((choice, i) => ({ choice, direction: best[i] })));
      }
    }
    return chosen;
  }

  #trained(positives: TextActivations, negatives: TextActivations): [Training, Float32Array][] {
    const { dim } = positives;
    const data = new Float32Array(positives.data.length + negatives.data.length);
    data.set(positives.data);
    data.set(negatives.data, positives.data.length);
    const labels = Int32Array.from({ length: data.length / dim }, (_, i) => i * dim < positives.data.length ? 1 : 0);
    const documents = documentsOf([positives, negatives]);
    const features = { data, rows: labels.length, dim };
    const { weights } = trainProbe(features, labels, { l2: this.#options.l2, documents, classes: 2 });
    // Of two classes, the second's weights minus the first's are those of the log odds.
    const probe = Float64Array.from({ length: dim }, (_, j) => weights[dim + j] - weights[j]);
    const norm = hypot(probe);
    return [
      ["difference in means", differenceInMeans(data, dim, Array.from(labels, (label) => label === 1))],
      ["linear probe", Float32Array.from(probe, (weight) => weight / norm)],
    ];
  }

  async #directions({ data, dim, offsets }: TextActivations) {
    const { backend, center } = this.#options;
    using x = backend.upload(data, offsets.at(-1)!, dim);
    const directions = await backend.directions(x, center);
    return { directions, meanDirection: meanRow(await backend.download(directions), dim) };
  }

  /**
   * Scores of groups of texts on the chosen directions, a function of the column. Activations are not centred here: a
   * direction's projection of the center is the same for all texts, and a constant changes no AUROC.
   */
  async #scores(rows: ChosenRows, groups: readonly TextActivations[]) {
    const { backend } = this.#options;
    using matrix = backend.upload(rows.values, rows.count, rows.dim);
    const scores: ((column: number) => Float32Array)[] = [];
    for (const { data, dim, offsets } of groups) {
      using x = backend.upload(data, offsets.at(-1)!, dim);
      const maxima = await textMaxima(backend, x, offsets, matrix);
      const texts = offsets.length - 1;
      scores.push((column) => Float32Array.from({ length: texts }, (_, i) => maxima[i * rows.count + column]));
    }
    return scores;
  }
}

type Way<C extends Choice> =
  | { readonly kind: "chosen"; readonly choice: C; readonly direction: number }
  | { readonly kind: "trained"; readonly training: Training };

/** Chosen directions, each once: many choices take the same. */
class ChosenRows {
  readonly #rows: Float32Array[] = [];
  readonly #columns = new Map<unknown, Map<number, number>>();

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

  /** Where a row of a set stands, added if it is new. */
  add(set: unknown, directions: Float32Array, row: number): number {
    const columns = this.#columns.get(set) ?? new Map<number, number>();
    this.#columns.set(set, columns);
    const known = columns.get(row);
    if (known !== undefined) return known;
    columns.set(row, this.count);
    return this.#rows.push(directions.slice(row * this.dim, (row + 1) * this.dim)) - 1;
  }
}

/** Number of the text of every position, over groups of texts. */
function documentsOf(groups: readonly TextActivations[]): Int32Array {
  const lengths = groups.flatMap(({ offsets }) => Array.from(offsets.subarray(1), (end, i) => end - offsets[i]));
  return Int32Array.from(lengths.flatMap((length, document) => new Array<number>(length).fill(document)));
}
