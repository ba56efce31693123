/** Timing several ways of doing the same work, in turns, so that whatever else the machine does meets all of them. */
import { cpuUsage } from "node:process";
import { number, row, type RowOf, whole, words } from "../../src/report/mod.ts";

/** One measured figure. */
export const FIGURE = row({
  name: words("what was measured"),
  way: words("who did it; of a ratio who, against whom"),
  median: number("median over the runs, in `unit`"),
  least: number("least of the runs"),
  most: number("most of the runs"),
  byProcessor: number("the same of processor time, all threads together: other work changes it little", {
    heading: "by processor time",
    missing: "no ratio of times",
  }),
  runs: whole("runs that were measured"),
  unit: words("unit of the figure"),
  detail: words("sizes, device"),
});
/** A row of {@linkcode FIGURE}. */
export type BenchRow = RowOf<typeof FIGURE>;

/** What one run took. */
export interface RunTime {
  /** By the clock. */
  readonly seconds: number;
  /** Of the processor, all threads together: what else the machine does changes it little. */
  readonly processor: number;
}

/** A way to do the work. */
export interface Way {
  /** As it stands in tables. */
  readonly name: string;
  /** Does all of it; gives what it took where another process has measured that. */
  run(): Promise<RunTime | void>;
}

/** What each run took, by the way's name, in the order of the ways. */
export type Times = ReadonlyMap<string, readonly RunTime[]>;

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

/** What `repeats` runs of every way take, in turns. Each has run once before where that compiles or loads anything. */
export async function inTurns(ways: readonly Way[], repeats: number): Promise<Times> {
  const times = new Map(ways.map(({ name }): [string, RunTime[]] => [name, []]));
  for (let turn = 0; turn < repeats; turn++) {
    // Each begins a turn in its turn: what ran before leaves caches and memory in its own state.
    for (const i of ways.keys()) {
      const { name, run } = ways[(turn + i) % ways.length];
      times.get(name)!.push(await timeOf(run));
    }
  }
  return times;
}

/** What one run takes, by its own measure where it has one. */
export async function timeOf(run: Way["run"]): Promise<RunTime> {
  const [start, used] = [performance.now(), cpuUsage()];
  const own = await run();
  const { user, system } = cpuUsage(used);
  return own ?? { seconds: (performance.now() - start) / 1000, processor: (user + system) / 1e6 };
}

/** The rate of every way, and how many times as fast the first is as each of the others, turn by turn. */
export function figuresOf(times: Times, { name, amount, unit, detail }: Work): BenchRow[] {
  const [[ours, first], ...others] = times;
  const rates = [...times].map(([way, runs]) =>
    figure(name, way, `${unit}/s`, runs.map(({ seconds }) => amount / seconds), detail)
  );
  const ratios = others.map(([way, runs]) => ({
    ...figure(name, `${ours} against ${way}`, FASTER, ratiosOf(first, runs, "seconds"), detail),
    byProcessor: median(ratiosOf(first, runs, "processor")),
  }));
  return [...rates, ...ratios];
}

/** Unit of ratios of speeds. */
export const FASTER = "times as fast";

/** One figure with its spread over runs. */
export function figure(
  name: string,
  way: string,
  unit: string,
  values: readonly number[],
  detail: string,
): BenchRow {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  return { name, way, median: median(values), least, most, byProcessor: null, runs: values.length, unit, detail };
}

/** The middle value, the mean of both where there are two. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  return (sorted[Math.floor(middle)] + sorted[Math.ceil(middle)]) / 2;
}

/** What the other took over what we took, of each turn. */
export function ratiosOf(ours: readonly RunTime[], other: readonly RunTime[], of: keyof RunTime): number[] {
  return ours.map((run, i) => other[i][of] / run[of]);
}
