import type { BootstrapOptions, Interval } from "./bootstrap.ts";
import { bootstrapDocuments } from "./bootstrap_documents.ts";

/** Right answers and questions by document. */
export interface DocumentAnswers {
  /** Right answers to the questions about each document. */
  readonly right: Float64Array;
  /** Questions about each document; 0 where it was not asked about. */
  readonly asked: Float64Array;
}

/**
 * Answers of several rounds about the same documents, together.
 *
 * @example
 * ```ts
 * const rounds = [[1, 0], [2, 1]].map((right) => ({ right: Float64Array.from(right), asked: Float64Array.of(2, 2) }));
 * const { right, asked } = pooledAnswers(rounds);
 * if (right.join() !== "3,1" || asked.join() !== "4,4") throw new Error(`${right} of ${asked}`);
 * ```
 */
export function pooledAnswers(rounds: readonly DocumentAnswers[]): DocumentAnswers {
  const sum = (field: "right" | "asked") =>
    rounds[0][field].map((_, document) => rounds.reduce((total, round) => total + round[field][document], 0));
  return { right: sum("right"), asked: sum("asked") };
}

/**
 * A figure of two accuracies on the same documents with its interval: documents are resampled, the same ones for both, so
 * that what makes a document hard for both does not widen it. Those that the first was not asked about are left out.
 *
 * @param figure Of the share of right answers of either, 0..1: their difference, their ratio, the first alone.
 * @param options As of `bootstrapDocuments`.
 *
 * @example
 * ```ts
 * const [a, b] = [[3, 4, 0], [2, 3, 0]].map((right) => {
 *   return { right: Float64Array.from(right), asked: Float64Array.of(4, 5, 0) };
 * });
 * const { mean, low, high } = compareAnswers(a, b, (one, other) => one - other);
 * if (Math.abs(mean - 2 / 9) > 1e-9 || !(low <= mean && mean <= high)) throw new Error(`${low} ${mean} ${high}`);
 * ```
 */
export function compareAnswers(
  a: DocumentAnswers,
  b: DocumentAnswers,
  figure: (a: number, b: number) => number,
  options: BootstrapOptions = {},
): Interval {
  const documents = [...a.asked.keys()].filter((document) => a.asked[document] > 0);
  const share = ({ right, asked }: DocumentAnswers, drawn: Int32Array) => {
    let [hits, all] = [0, 0];
    for (const i of drawn) [hits, all] = [hits + right[documents[i]], all + asked[documents[i]]];
    return hits / all;
  };
  return bootstrapDocuments(documents.length, (drawn) => figure(share(a, drawn), share(b, drawn)), options);
}
