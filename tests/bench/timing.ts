/** Timing several ways of doing the same work, in turns, so that whatever else the machine does meets all of them. */
import { number, row, type RowOf, whole, words } from "../../src/report/mod.ts";

/** One measured figure. */
export const FIGURE = row({
  name: words("what was measured"),
  way: words("who did it; of a ratio who, against whom"),
  median: number("median over the runs, in `unit`"),
  least: number("least of the runs"),
  most: number("most of the runs"),
  runs: whole("runs that were measured, after one that was not"),
  unit: words("unit of the figure"),
  detail: words("sizes, device"),
});
/** A row of {@linkcode FIGURE}. */
export type BenchRow = RowOf<typeof FIGURE>;

/** A way to do the work. */
export interface Way {
  /** As it stands in tables. */
  readonly name: string;
  /** Does all of it; gives the seconds that it took where another process has measured them. */
  run(): Promise<number | void>;
}

/** Seconds of each run, by the way's name, in the order of the ways. */
export type Times = ReadonlyMap<string, readonly number[]>;

/** What {@linkcode figuresOf} makes of times. */
export interface Work {
  /** What was measured. */
  readonly name: string;
  /** How much of `unit` one run does; a rate is what is shown. */
  readonly amount: number;
  /** Such as `"activations"`. */
  readonly unit: string;
  /** Sizes, device. */
  readonly detail: string;
}

/** Seconds of `repeats` runs of every way, in turns. Each must have run once before, so that nothing is compiled here. */
export async function inTurns(ways: readonly Way[], repeats: number): Promise<Times> {
  const times = new Map(ways.map(({ name }): [string, number[]] => [name, []]));
  for (let turn = 0; turn < repeats; turn++) {
    for (const { name, run } of ways) times.get(name)!.push(await secondsOf(run));
  }
  return times;
}

/** Seconds of one run, by its own clock where it has one. */
export async function secondsOf(run: Way["run"]): Promise<number> {
  const start = performance.now();
  const own = await run();
  return own ?? (performance.now() - start) / 1000;
}

/** The rate of every way, and how many times as fast the first is as each of the others, turn by turn. */
export function figuresOf(times: Times, work: Work): BenchRow[] {
  const [[ours, first], ...others] = times;
  const rates = [...times].map(([way, seconds]) =>
    figure(work.name, way, `${work.unit}/s`, seconds.map((each) => work.amount / each), work.detail)
  );
  const ratios = others.map(([way, seconds]) =>
    figure(work.name, `${ours} against ${way}`, "times as fast", ratiosOf(first, seconds), work.detail)
  );
  return [...rates, ...ratios];
}

/** One figure with its spread over runs. */
export function figure(
  name: string,
  way: string,
  unit: string,
  values: readonly number[],
  detail: string,
): BenchRow {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  return { name, way, median: median(values), least, most, runs: values.length, unit, detail };
}

/** The middle value, the mean of both where there are two. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  return (sorted[Math.floor(middle)] + sorted[Math.ceil(middle)]) / 2;
}

/** The other's seconds over ours, of each turn. */
export function ratiosOf(ours: readonly number[], other: readonly number[]): number[] {
  return ours.map((seconds, i) => other[i] / seconds);
}
