/** Refusing rows that are not finite, from numbers on the host. */
import { NonFiniteRowError } from "./backend.ts";

/** Refuses rows by their norms: one is finite exactly when its row is (and does not overflow when squared). */
export function assertFiniteNorms(norms: Float32Array, firstRow: number): void {
  const bad = norms.findIndex((norm) => !Number.isFinite(norm));
  if (bad >= 0) throw new NonFiniteRowError(firstRow + bad);
}

/** Refuses rows, `rows x dim`, whose norm is not finite; the first is the stream's `firstRow`. */
export function assertFiniteRows(data: Float32Array, dim: number, firstRow: number): void {
  for (let start = 0; start < data.length; start += dim) {
    let squares = 0;
    for (let i = start; i < start + dim; i++) squares += data[i] * data[i];
    // As float32 has it: what overflows on one backend is refused on both.
    if (!Number.isFinite(Math.fround(squares))) throw new NonFiniteRowError(firstRow + start / dim);
  }
}
