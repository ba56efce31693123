/** Timing two ways of doing the same work, in turns, so that whatever else the machine does meets both. */

import { number, row, type RowOf, words } from "../../src/report/mod.ts";

/** One measured figure. */
export const FIGURE = row({
  name: words("what was measured"),
  value: number("the figure, in `unit`"),
  unit: words("unit of the figure"),
  detail: words("runs, sizes, device"),
});
/** A row of {@linkcode FIGURE}. */
export type BenchRow = RowOf<typeof FIGURE>;

const [FEWEST, MOST, ENOUGH_SECONDS] = [2, 7, 2];

/**
 * Seconds of each run of `ours` and of `peer`, in turns: at least two, then until two seconds are over. Both must have run
 * once before, so that nothing is compiled here.
 */
export async function inTurns(
  ours: () => Promise<unknown>,
  peer: () => Promise<unknown>,
): Promise<{ ours: number[]; peer: number[] }> {
  const times = { ours: [] as number[], peer: [] as number[] };
  const start = performance.now();
  for (let run = 0; run < MOST && (run < FEWEST || performance.now() - start < ENOUGH_SECONDS * 1000); run++) {
    times.ours.push(await secondsOf(ours));
    times.peer.push(await secondsOf(peer));
  }
  return times;
}

export async function secondsOf(action: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await action();
  return (performance.now() - start) / 1000;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  return (sorted[Math.floor(middle)] + sorted[Math.ceil(middle)]) / 2;
}

/** The peer's time over ours, of each turn. */
export function ratios(times: { ours: readonly number[]; peer: readonly number[] }): number[] {
  return times.ours.map((ours, i) => times.peer[i] / ours);
}
