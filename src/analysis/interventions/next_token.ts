/** Distributions of the next token, as rows of natural log-probabilities, `rows x vocab`. */
import type { Intervention, LanguageModel } from "../../model/types.ts";

/** Prompts of a forward pass: the logits of all their positions are in memory at once. */
const PASS = 16;

/** What says the next tokens: a language model. */
export type NextTokens = Pick<LanguageModel, "logits" | "vocab">;

/**
 * Log-probabilities of the next token at every position after the first (`<bos>`) of every prompt, in the order of `extract`.
 *
 * @param prompts Token ids, each at least one long.
 * @param interventions Changes of activations while the prompts are read.
 * @returns `rows x vocab`, natural logarithms.
 *
 * @example What taking a direction out of layer 4 does to the next token
 * ```ts
 * import { loadModel } from "../../model/mod.ts";
 *
 * await using model = await loadModel("fixtures/gemma-2-toy", { device: "cpu" });
 * const prompts = [model.encode("The king is dead.")];
 * const direction = new Float32Array(model.dim).fill(1 / Math.sqrt(model.dim));
 * const ablation = { layer: 4, ablate: { directions: [direction], center: new Float32Array(model.dim) } };
 *
 * const before = await nextTokenRows(model, prompts);
 * const after = await nextTokenRows(model, prompts, [ablation]);
 * if (before.length !== (prompts[0].length - 1) * model.vocab) throw new Error(`${before.length}`);
 * if (!(meanDivergence(before, after, model.vocab) > 0)) throw new Error("it says something else");
 * ```
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

/**
 * Turns one row of logits into log-probabilities, in place.
 *
 * @example
 * ```ts
 * const row = Float32Array.of(1000, 1000);
 * logSoftmax(row);
 * if (row.some((value) => value !== Math.fround(-Math.log(2)))) throw new Error(`no overflow: ${row}`);
 * ```
 */
export function logSoftmax(logits: Float32Array): void {
  let max = -Infinity;
  for (let i = 0; i < logits.length; i++) max = Math.max(max, logits[i]);
  let sum = 0;
  for (let i = 0; i < logits.length; i++) sum += Math.exp(logits[i] - max);
  const shift = max + Math.log(sum);
  for (let i = 0; i < logits.length; i++) logits[i] -= shift;
}

/**
 * Mean over all rows of the divergence of `after` from `before`, KL(before || after), in nats.
 *
 * @param before Log-probabilities, `rows x vocab`. @param after Log-probabilities of as many rows.
 *
 * @example
 * ```ts
 * const [before, after] = [[0.5, 0.5], [0.25, 0.75]].map((row) => Float32Array.from(row, Math.log));
 * const divergence = meanDivergence(before, after, 2);
 * if (Math.abs(divergence - Math.log(4 / 3) / 2) > 1e-6) throw new Error(`${divergence}`);
 * ```
 */
export function meanDivergence(before: Float32Array, after: Float32Array, vocab: number): number {
  let total = 0;
  for (let i = 0; i < before.length; i++) total += Math.exp(before[i]) * (before[i] - after[i]);
  return total / (before.length / vocab);
}

/**
 * Share of rows whose most likely token is another one; of equal ones the lowest counts.
 *
 * @param before Log-probabilities, `rows x vocab`. @param after Log-probabilities of as many rows.
 * @returns 0..1.
 *
 * @example
 * ```ts
 * const before = Float32Array.from([0.6, 0.4, 0.6, 0.4], Math.log);
 * const after = Float32Array.from([0.4, 0.6, 0.5, 0.5], Math.log);
 * const shift = topTokenShift(before, after, 2);
 * if (shift !== 0.5) throw new Error(`${shift}`);
 * ```
 */
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

/**
 * Mean of the probabilities of chosen rows.
 *
 * @param rows Log-probabilities, `rows x vocab`.
 * @param chosen Row numbers, at least one.
 * @returns Probabilities, length `vocab`.
 *
 * @example
 * ```ts
 * const rows = Float32Array.from([0.5, 0.5, 0.1, 0.9, 1, 0], Math.log);
 * const [first] = meanDistribution(rows, 2, [0, 2]);
 * if (Math.abs(first - 0.75) > 1e-6) throw new Error(`of probabilities, not of logarithms: ${first}`);
 * ```
 */
export function meanDistribution(rows: Float32Array, vocab: number, chosen: readonly number[]): Float64Array {
  const mean = new Float64Array(vocab);
  for (const row of chosen) {
    for (let i = 0; i < vocab; i++) mean[i] += Math.exp(rows[row * vocab + i]) / chosen.length;
  }
  return mean;
}

/**
 * Mean over chosen rows of their divergence from one distribution, KL(distribution || row), in nats.
 *
 * @param distribution Probabilities, length `vocab`.
 * @param rows Log-probabilities, `rows x vocab`.
 * @param chosen Row numbers, at least one.
 *
 * @example
 * ```ts
 * const rows = Float32Array.from([0.5, 0.5, 0.25, 0.75], Math.log);
 * const divergence = divergenceFrom(Float64Array.of(1, 0), rows, 2, [0, 1]);
 * if (Math.abs(divergence - (Math.log(2) + Math.log(4)) / 2) > 1e-6) throw new Error(`${divergence}`);
 * ```
 */
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
