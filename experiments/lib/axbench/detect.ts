/** Every concept in turn, each kept as soon as it is finished. */
import type { AxBench } from "../../../src/activations/mod.ts";
import type { Flags, Run } from "../../../src/run/mod.ts";
import type { ConceptScorer, Detection } from "./score.ts";
import type { ConceptStore } from "./store.ts";
import type { RowReader } from "./texts.ts";

/**
 * Detects concepts, one after the other: the activations of one concept, and of the negatives of each genre, are in memory
 * at a time, whatever the number of concepts. Those that the store has are taken from there.
 *
 * @param scorers By layer.
 */
export async function detectConcepts<F extends Flags>(
  run: Run<F>,
  { concepts, negatives }: AxBench,
  reader: RowReader,
  scorers: ReadonlyMap<number, ConceptScorer>,
  store: ConceptStore,
): Promise<Detection[]> {
  const { manifest, progress, signal } = run;
  const layers = [...scorers.keys()];
  const read = (rows: Parameters<RowReader["read"]>[0]) => manifest.time("extract", () => reader.read(rows, layers));
  const known = new Set<string>();
  const detections: Detection[] = [];
  const stage = progress.stage("concepts", concepts.length, "concepts");
  for (const { id, genre, positives, evaluation } of concepts) {
    signal.throwIfAborted();
    let found = await store.read(id).catch((error: Error) => {
      run.note(`${error.message.replace(/\.?$/, ".")} It is done again.`);
      return undefined;
    });
    if (!found) {
      if (!known.has(genre)) {
        const texts = await read(negatives.get(genre)!);
        for (const [layer, scorer] of scorers) {
          await manifest.time("score", () => scorer.addNegatives(genre, texts.get(layer)!));
        }
        known.add(genre);
      }
      const [own, held] = [await read(positives), await read(evaluation)];
      const positive = evaluation.map((row) => row.positive);
      const hard = evaluation.map(({ category }) => category.startsWith("hard"));
      found = [];
      for (const [layer, scorer] of scorers) {
        const heldOut = { texts: held.get(layer)!, positive, hard };
        found.push(...await manifest.time("score", () => scorer.score(id, genre, own.get(layer)!, heldOut)));
      }
      await store.write(id, found);
    }
    detections.push(...found);
    stage.advance();
  }
  stage.end();
  return detections;
}
