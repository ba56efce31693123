import { balancedRows } from "./balanced_rows.ts";
import { splitDocuments } from "./document_split.ts";
import type { Label, LabelledActivations } from "./labelled_activations.ts";
import { shuffledLabels } from "./shuffled_labels.ts";

/** A label with the rows that its probes learn from and are tested on. */
export interface ProbeTask {
  /** What is told. */
  readonly label: Label;
  /** Rows to train on, as many of every class. */
  readonly train: Int32Array<ArrayBuffer>;
  /** Rows to test on, as many of every class, of documents that no row to train on is of. */
  readonly test: Int32Array<ArrayBuffer>;
  /** The label's values, those of the rows to train on exchanged, several times. */
  readonly shuffled: readonly Int32Array<ArrayBuffer>[];
}

/** How documents are parted and rows drawn. */
export interface ProbeDraw {
  /** Share of the documents that test, 0..1. */
  readonly share: number;
  /** Rows to train on at most. */
  readonly train: number;
  /** Rows to test on at most. */
  readonly test: number;
  /** How often labels are shuffled for the control. */
  readonly shuffles: number;
  /** Parts documents, draws rows, shuffles labels. */
  readonly seed: number;
}

/**
 * A task for every label: documents parted, the same way for all labels, then rows drawn of either side.
 *
 * @throws {RangeError} if a kind has fewer than two documents, or a class no row on one side; names label and class.
 *
 * @example
 * ```ts
 * const labels = [{ name: "parity", classes: ["even", "odd"], values: Int32Array.of(0, 1, 0, 1), ofDocument: false }];
 * const rows = { documents: Int32Array.of(0, 0, 1, 1), kinds: ["a", "a"], labels };
 * const [{ train, test }] = probeTasks(rows, { share: 0.5, train: 2, test: 2, shuffles: 0, seed: 0 });
 * if (train.length !== 2 || test.length !== 2 || test.includes(train[0])) throw new Error(`${train} ${test}`);
 * ```
 */
export function probeTasks(
  { labels, documents, kinds }: Pick<LabelledActivations, "labels" | "documents" | "kinds">,
  { share, train, test, shuffles, seed }: ProbeDraw,
): ProbeTask[] {
  const tests = splitDocuments(kinds, share, seed);
  const rows = Array.from(documents, (_, row) => row);
  const [learned, told] = [false, true].map((side) => rows.filter((row) => tests[documents[row]] === side));
  return labels.map((label) => {
    const { values, classes: { length }, ofDocument } = label;
    assertEveryClass(label, learned, train, "train");
    assertEveryClass(label, told, test, "test");
    const own = balancedRows(values, length, learned, train, seed);
    return {
      label,
      train: own,
      test: balancedRows(values, length, told, test, seed),
      shuffled: Array.from(
        { length: shuffles },
        (_, i) => shuffledLabels(values, own, seed * shuffles + i, ofDocument ? documents : undefined),
      ),
    };
  });
}

/** A probe is not trained on a class that it never sees, nor tested without one. */
function assertEveryClass({ name, classes, values }: Label, rows: readonly number[], most: number, use: string): void {
  const seen = new Set(rows.map((row) => values[row]));
  const missing = classes.find((_, i) => !seen.has(i));
  if (missing !== undefined) {
    throw new RangeError(
      `Expected activations of every class of the label "${name}" to ${use} a probe on but found none of "${missing}"`,
    );
  }
  if (most < classes.length) {
    throw new RangeError(
      `Expected to ${use} a probe of the label "${name}" on at least ${classes.length} activations, one of each class, but ` +
        `found room for ${most}`,
    );
  }
}
