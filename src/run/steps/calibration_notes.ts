/** What a reader should know of the pairs that thresholds are taken of. */
import type { Calibration } from "../../partition/calibration.ts";
import { ASKED, isApart } from "../../partition/calibration_pairs.ts";

/**
 * Share of θ that its standard deviation over batches may be. Over full shuffled batches of the embedded corpora it is at
 * most 0.05 from p 0.5 on; of texts that are sorted by kind it is up to 2.5.
 */
const MOST_SPREAD = 0.1;

/**
 * Sentences about calibrations of one stream: where thresholds are not the published ones though nobody asked for others,
 * and where they depend on the stream's order or its batches.
 */
export function pairsNotes(calibrations: ReadonlyMap<number, Calibration>): string[] {
  // Layers of one stream mostly say the same: each sentence once, with its layers.
  const layersOf = new Map<string, number[]>();
  for (const [layer, calibration] of calibrations) {
    for (const sentence of notesOf(calibration)) layersOf.set(sentence, [...layersOf.get(sentence) ?? [], layer]);
  }
  return [...layersOf].map(([sentence, layers]) => `In layer ${layers.join(", ")} ${sentence}`);
}

function notesOf({ pairs, levels }: Calibration): string[] {
  if (pairs === undefined) return [];
  const { within, because, batchRatio } = pairs;
  // What is 0 gives no dictionary, and is told as that.
  const wide = levels.filter(({ threshold, spread = 0 }) => threshold > 1e-6 && spread > MOST_SPREAD * threshold);
  const spreads = wide.map(({ percentile, threshold, spread }) =>
    `p ${percentile} by ${Math.round(100 * spread! / threshold)} %`
  );
  const notes: string[] = [];
  switch (within) {
    case "batch":
      if (batchRatio !== undefined && isApart(batchRatio)) {
        notes.push(
          `distances within batches are ${
            batchRatio.toFixed(2)
          } times those of the whole sample: the order of the texts, or ` +
            "the size of the batches (--batch), makes thresholds what they are. Shuffle the texts, take larger batches, or " +
            "leave --threshold-pairs batch out.",
        );
      }
      if (spreads.length > 0) {
        notes.push(
          `thresholds vary from batch to batch (standard deviation at ${
            spreads.join(", ")
          }): they depend on the order of ` +
            "the texts and on the size of the batches. Shuffle the texts, take larger batches (--batch), or pairs of the whole " +
            "sample (--threshold-pairs sample).",
        );
      }
      return notes;
    case "sample":
      if (because !== ASKED) {
        notes.push(
          `thresholds are of pairs of the whole sample, not within batches as published, because ${because} ` +
            "(--threshold-pairs batch takes those within batches all the same).",
        );
      }
      if (spreads.length > 0) {
        notes.push(
          `thresholds vary between blocks of the sample (standard deviation at ${
            spreads.join(", ")
          }): calibrate on more ` +
            "activations (--calibration).",
        );
      }
      return notes;
    default:
      return within satisfies never;
  }
}
