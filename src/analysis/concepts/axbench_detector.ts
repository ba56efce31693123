import type { AxBench, AxBenchConcept } from "../../activations/axbench.ts";
import type { AxBenchReader } from "../../activations/axbench_reader.ts";
import type { Choice, ConceptScorer, Detection, NegativeTexts } from "./concept_scorer.ts";

/**
 * Detects AxBench's concepts, one after the other: the activations of one concept, and of the negatives of each genre, are
 * in memory at a time, whatever the number of concepts.
 */
export class AxBenchDetector<C extends Choice> {
  readonly #negatives = new Map<string, ReadonlyMap<number, NegativeTexts>>();

  /**
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
