/** Distributions of the next token, as rows of natural log-probabilities, `rows x vocab`. */
import type { Intervention, LanguageModel } from "../../model/types.ts";

/** Prompts of a forward pass: the logits of all their positions are in memory at once. */
const PASS = 16;

/** What says the next tokens: a language model. */
export type NextTokens = Pick<LanguageModel, "logits" | "vocab">;

/**
 * Log-probabilities of the next token at every position after the first (`<bos>`) of every prompt, in the order of `extract`.
 *
 * @param interventions Changes of activations while the prompts are read.
 */
export async function nextTokenRows(
  model: NextTokens,
  prompts: readonly Int32Array[],
  interventions: readonly Intervention[] = [],
): Promise<Float32Array<ArrayBuffer>> {
  const { vocab } = model;
  const rows = new Float32Array(prompts.reduce((sum, { length }) => sum + length - 1, 0) * vocab);
  let to = 0;
  for (let from = 0; from < prompts.length; from += PASS) {
    const some = prompts.slice(from, from + PASS);
    const { width, data } = await model.logits(some, interventions);
    for (const [i, { length }] of some.entries()) {
      rows.set(data.subarray((i * width + 1) * vocab, (i * width + length) * vocab), to);
      to += (length - 1) * vocab;
    }
  }
  for (let row = 0; row < rows.length; row += vocab) logSoftmax(rows.subarray(row, row + vocab));
  return rows;
}

/** Turns one row of logits into log-probabilities, in place. */
export function logSoftmax(logits: Float32Array): void {
  let max = -Infinity;
  for (let i = 0; i < logits.length; i++) max = Math.max(max, logits[i]);
  let sum = 0;
  for (let i = 0; i < logits.length; i++) sum += Math.exp(logits[i] - max);
  const shift = max + Math.log(sum);
  for (let i = 0; i < logits.length; i++) logits[i] -= shift;
}

/** Mean over all rows of the divergence of `after` from `before`, KL(before || after), in nats. */
export function meanDivergence(before: Float32Array, after: Float32Array, vocab: number): number {
  let total = 0;
  for (let i = 0; i < before.length; i++) total += Math.exp(before[i]) * (before[i] - after[i]);
  return total / (before.length / vocab);
}

/** Share of rows whose most likely token is another one; of equal ones the lowest counts. */
export function topTokenShift(before: Float32Array, after: Float32Array, vocab: number): number {
  let changed = 0;
  for (let row = 0; row < before.length; row += vocab) {
    changed += Number(topToken(before, row, vocab) !== topToken(after, row, vocab));
  }
  return changed / (before.length / vocab);
}

function topToken(rows: Float32Array, from: number, vocab: number): number {
  let best = from;
  for (let i = from + 1; i < from + vocab; i++) if (rows[i] > rows[best]) best = i;
  return best - from;
}

/** Mean of the probabilities of chosen rows. */
export function meanDistribution(rows: Float32Array, vocab: number, chosen: readonly number[]): Float64Array {
  const mean = new Float64Array(vocab);
  for (const row of chosen) {
    for (let i = 0; i < vocab; i++) mean[i] += Math.exp(rows[row * vocab + i]) / chosen.length;
  }
  return mean;
}

/** Mean over chosen rows of their divergence from one distribution, KL(distribution || row), in nats. */
export function divergenceFrom(
  distribution: Float64Array,
  rows: Float32Array,
  vocab: number,
  chosen: readonly number[],
): number {
  let entropy = 0;
  for (const probability of distribution) if (probability > 0) entropy -= probability * Math.log(probability);
  let cross = 0;
  for (const row of chosen) {
    for (let i = 0; i < vocab; i++) cross -= distribution[i] * rows[row * vocab + i];
  }
  return cross / chosen.length - entropy;
}
