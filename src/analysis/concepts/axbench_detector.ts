import type { AxBench, AxBenchConcept } from "../../activations/axbench.ts";
import type { AxBenchReader } from "../../activations/axbench_reader.ts";
import type { Choice, ConceptScorer, Detection, NegativeTexts } from "./concept_scorer.ts";

/**
 * Detects AxBench's concepts, one after the other: the activations of one concept, and of the negatives of each genre, are
 * in memory at a time, whatever the number of concepts.
 *
 * @example Random directions of layer 3 on one concept
 * ```ts
 * import { AxBenchReader, readAxBench } from "../../activations/mod.ts";
 * import { openBackend } from "../../compute/mod.ts";
 * import { loadModel } from "../../model/mod.ts";
 * import { ConceptScorer, DirectionSet } from "./concept_scorer.ts";
 * import { randomDirections } from "../geometry/random_directions.ts";
 *
 * const backend = await openBackend("cpu");
 * await using model = await loadModel("fixtures/gemma-2-toy-it", { device: "cpu" });
 * const { concepts: [concept], negatives } = await readAxBench("fixtures/corpora/axbench", [1]);
 * using from = DirectionSet.upload(backend, randomDirections(5, model.dim, 0), model.dim);
 * const choices = [{ rule: "auroc" as const, from, size: 5 }];
 * const scorer = new ConceptScorer({ backend, center: new Float32Array(model.dim), choices, l2: [0.01] });
 * const detector = new AxBenchDetector(new AxBenchReader(model, "chat", 24), negatives, new Map([[3, scorer]]));
 * const [chosen, ...trained] = (await detector.detect(concept)).get(3)!;
 * if (chosen.kind !== "chosen" || trained.length !== 2) throw new Error(chosen.kind);
 * ```
 */
export class AxBenchDetector<C extends Choice> {
  readonly #negatives = new Map<string, ReadonlyMap<number, NegativeTexts>>();

  /**
   * A detector of concepts of one data set.
   *
   * @param reader Reads its rows.
   * @param negatives Train texts without any concept, by genre.
   * @param scorers By layer.
   */
  constructor(
    readonly reader: AxBenchReader,
    readonly negatives: AxBench["negatives"],
    readonly scorers: ReadonlyMap<number, ConceptScorer<C>>,
  ) {}

  /** Every detection of a concept, by layer. */
  async detect({ genre, positives, evaluation }: AxBenchConcept): Promise<Map<number, Detection<C>[]>> {
    const layers = [...this.scorers.keys()];
    const negatives = await this.#negativesOf(genre);
    const [own, held] = [await this.reader.read(positives, layers), await this.reader.read(evaluation, layers)];
    const positive = evaluation.map((row) => row.positive);
    const hard = evaluation.map(({ category }) => category.startsWith("hard"));
    const detections = new Map<number, Detection<C>[]>();
    for (const [layer, scorer] of this.scorers) {
      const heldOut = { texts: held.get(layer)!, positive, hard };
      detections.set(layer, await scorer.score(own.get(layer)!, negatives.get(layer)!, heldOut));
    }
    return detections;
  }

  /** The negatives of a genre, by layer: they are read and measured once. */
  async #negativesOf(genre: string): Promise<ReadonlyMap<number, NegativeTexts>> {
    const known = this.#negatives.get(genre);
    if (known) return known;
    const measured = new Map<number, NegativeTexts>();
    for (const [layer, texts] of await this.reader.read(this.negatives.get(genre)!, [...this.scorers.keys()])) {
      measured.set(layer, await this.scorers.get(layer)!.negatives(texts));
    }
    this.#negatives.set(genre, measured);
    return measured;
  }
}
