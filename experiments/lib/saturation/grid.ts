import type { Stream, StreamCurve } from "./curves.ts";
import { meanOfAll as meanOf } from "../../../src/report/mod.ts";

/** One percentile: streams by layers. */
export class Grid {
  readonly layers: readonly number[];
  readonly curves: readonly StreamCurve[];

  constructor(curves: readonly StreamCurve[], readonly percentile: number) {
    this.curves = curves.filter((curve) => curve.percentile === percentile);
    this.layers = distinct(this.curves.map(({ layer }) => layer));
  }

  at(stream: Stream, layer: number): StreamCurve[] {
    return this.curves.filter((curve) => curve.stream === stream && curve.layer === layer);
  }

  /** Mean over orders, by layer. */
  means(stream: Stream, value: (curve: StreamCurve) => number = ({ regions }) => regions): number[] {
    return this.layers.map((layer) => meanOf(this.at(stream, layer).map(value)));
  }

  /** Range over orders, by layer. */
  ranges(stream: Stream): [low: number, high: number][] {
    return this.layers.map((layer) => {
      const regions = this.at(stream, layer).map(({ regions }) => regions);
      return [Math.min(...regions), Math.max(...regions)];
    });
  }

  /** Chat's regions over code's, by layer. */
  get ratios(): number[] {
    const code = this.means("code");
    return this.means("chat").map((regions, i) => regions / code[i]);
  }

  /** Dictionaries of this percentile that had two empty batches in a row (saturation, window 1). */
  get saturated(): number {
    return this.curves.filter(({ saturatedAt }) => !Number.isNaN(saturatedAt)).length;
  }
}

/** Each number once, ascending. */
export function distinct(values: readonly number[]): number[] {
  return [...new Set(values)].sort((a, b) => a - b);
}
