/** What the probes read: raw activations, and sparse features of them. */
import type { ActivationBatch } from "../../../src/activations/mod.ts";
import { type FeatureRows, joinedRows, oneHotRows, strongestEntries } from "../../../src/analysis/mod.ts";
import type { SparseFeatures } from "../../../src/compute/mod.ts";
import type { ProbeData } from "./data.ts";

/** Where features come from. */
export const SOURCES = [
  "raw activations",
  "EP, exemplars",
  "EP, means",
  "random exemplars",
  "SAE",
  "token id",
] as const;

/** One of {@linkcode SOURCES}. */
export type Source = typeof SOURCES[number];

/** Features of every row of the data. */
export interface Encoding {
  readonly source: Source;
  /** Percentile p of the dictionary, or of the one that random exemplars are as many as; NaN for others. */
  readonly percentile: number;
  /** Features kept of a row: 1 is a one-hot without values; infinite where all are kept. */
  readonly k: number;
  readonly features: FeatureRows;
}

/** Feature values, zeros included, that are held at once. */
const BLOCK = 2 ** 24;

/** The features of every row of the data, of `size` features, a block at a time. */
export async function encodeRows(
  { data, rows, dim }: ProbeData,
  size: number,
  encode: (batch: ActivationBatch & { readonly data: Float32Array }) => Promise<SparseFeatures>,
): Promise<SparseFeatures> {
  const parts: SparseFeatures[] = [];
  const most = Math.ceil(BLOCK / size);
  for (let from = 0; from < rows; from += most) {
    const count = Math.min(most, rows - from);
    parts.push(await encode({ data: data.slice(from * dim, (from + count) * dim), rows: count, dim }));
  }
  return joinedRows(parts);
}

/** The read-outs of one encoder's features: the largest as a one-hot, and the `k` largest with their values. */
export function sparseEncodings(
  encoder: Pick<Encoding, "source" | "percentile">,
  features: SparseFeatures,
  ks: readonly number[],
): Encoding[] {
  return ks.map((k) => {
    const kept = k === Infinity ? features : strongestEntries(features, k);
    return { ...encoder, k, features: k === 1 ? { ...kept, values: kept.values.map(() => 1) } : kept };
  });
}

/** Raw activations, and what the token alone tells: the two that features are held against. */
export function denseAndToken({ data, rows, dim, tokens }: ProbeData, vocab: number): Encoding[] {
  return [
    { source: "raw activations", percentile: NaN, k: Infinity, features: { data, rows, dim } },
    { source: "token id", percentile: NaN, k: 1, features: oneHotRows(tokens, vocab) },
  ];
}

/** Mean number of features that are not zero. */
export function meanActive(features: FeatureRows): number {
  return "data" in features ? features.dim : features.features.length / features.rows;
}
