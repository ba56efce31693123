/** The page of a run of the benchmarks. */
import {
  beside,
  chart,
  DASH,
  formatNumber,
  line,
  on,
  quantity,
  type Report,
  type ReportTable,
  saveChart,
  type Section,
  seeds,
} from "../../src/report/mod.ts";
import { BEFORE, LIMIT, OURS } from "./contenders.ts";
import { ONE_P } from "./extraction.ts";
import { throughMean } from "./fit.ts";
import { type Curve, type CurvePoint, EXPONENT, grows } from "./growth.ts";
import { type BenchRow, FASTER } from "./timing.ts";
import { FLOATS } from "./webgpu.ts";

/** What was measured. */
export interface Measured {
  readonly machine: Readonly<Record<string, string>>;
  readonly notes: readonly string[];
  /** By bench. */
  readonly figures: ReadonlyMap<string, readonly BenchRow[]>;
  readonly curves: readonly Curve[];
  readonly points: readonly CurvePoint[];
}

/** Figures as a table: each with the digits of its own size, for rates of thousands and ratios stand in one column. */
export function figureTable(rows: readonly BenchRow[]): ReportTable {
  return {
    columns: ["what", "way", "median", "spread", "unit", "by processor time", "detail"],
    rows: rows.map(({ name, way, median, least, most, unit, byProcessor, detail }) => [
      ...[name, way, formatNumber(median), `${formatNumber(least)} to ${formatNumber(most)}`, unit],
      ...[byProcessor === null ? "" : formatNumber(byProcessor), detail],
    ]),
  };
}

/** Draws the curves into `folder`, and gives the page. */
export async function benchReport(folder: string, measured: Measured): Promise<Report> {
  const { machine, notes, figures, curves, points } = measured;
  const sections: Section[] = [...figures].map(([heading, rows]) => ({
    heading,
    blocks: [{
      kind: "table",
      table: figureTable(rows),
      caption: "Medians over runs in turns, and their spread.",
    }],
  }));
  for (const curve of curves) {
    const own = points.filter((point) => point.curve === curve.name);
    const exponents = new Map(
      rowsOf(figures).filter(({ unit }) => unit === EXPONENT).map(({ name, median }) => [name, median]),
    );
    if (own.length > 0) sections.push(await curveSection(folder, curve, own, exponents));
  }
  const machineRows = Object.entries(machine);
  return {
    title: "How fast it is",
    question: "How fast is it, beside what else does the same?",
    answer: answerOf(rowsOf(figures)),
    sections: [
      ...sections,
      {
        heading: "The run",
        blocks: [
          ...notes.map((text) => ({ kind: "text", text }) as const),
          { kind: "table", table: { columns: ["", ""], rows: machineRows } },
        ],
      },
    ],
  };
}

const rowsOf = (figures: Measured["figures"]) => [...figures.values()].flat();

/** What this module is measured in turns with and is no other, or does not do the same work. */
const NO_OTHERS = [OURS, BEFORE, LIMIT, FLOATS, ONE_P];

/** In how many comparisons with others this module is faster, and where it is not. */
export function answerOf(rows: readonly BenchRow[]): string {
  const others = rows.filter(({ way, unit }) =>
    unit === FASTER && !NO_OTHERS.some((name) => way.split(" against ").at(-1)!.startsWith(name))
  );
  const lost = others.filter(({ median }) => median < 1);
  const ahead = `It is faster in ${others.length - lost.length} of ${others.length} comparisons.`;
  const behind = lost.map(({ name, way, median }) => `${name}, ${way}: ${formatNumber(median)}`);
  return behind.length > 0 ? `${ahead} It is not in: ${behind.join("; ")}.` : ahead;
}

async function curveSection(
  folder: string,
  curve: Curve,
  points: readonly CurvePoint[],
  exponents: ReadonlyMap<string, number>,
): Promise<Section> {
  const panel = (of: "seconds" | "memory", title: string) => {
    const law = throughMean(points.map((point) => ({ x: point.x, y: point[of] })), exponents.get(grows(of, curve))!);
    const fitted = curve.places.map((x) => ({ x, y: law.factor * x ** law.exponent }));
    const measured = points.map((point) => ({ x: point.x, y: point[of] }));
    const power = formatNumber(Number(law.exponent.toFixed(2)));
    return chart(measured, {
      x: quantity("x", curve.name, { log: true, ticks: curve.places, format: "~s", nice: false }),
      y: quantity("y", null, logAxis([...measured, ...fitted].map(({ y }) => y))),
      marks: [on(fitted, line({ dash: DASH.dashed })), seeds()],
      title: { text: title, subtitle: `grows with the power ${power} of ${curve.name}` },
      width: 330,
      height: 230,
    });
  };
  const panels = [panel("seconds", "Seconds")];
  // Not every system tells how much memory a process has had.
  if (points.every(({ memory }) => memory > 0)) panels.push(panel("memory", "MiB added to the process"));
  const drawn = await saveChart(folder, `growth-${curve.name.split(" ")[0]}`, beside(panels, { spacing: 40 }));
  const caption =
    `Against ${curve.name}: ${curve.setting}. A dot a run; dashed a power law with the median of the turns' exponents.`;
  return { heading: `Growth with ${curve.name}`, blocks: [{ kind: "chart", chart: drawn, caption }] };
}

/** A logarithmic axis that ends a little beyond the values, with two to five labels a decade, none at its very end. */
function logAxis(values: readonly number[]) {
  const [low, high] = [Math.min(...values) / 1.3, Math.max(...values) * 1.3];
  const steps = high / low > 30 ? [1, 3] : high / low > 6 ? [1, 2, 5] : [1, 2, 3, 5, 7];
  const [first, last] = [low, high].map((end) => Math.floor(Math.log10(end)));
  const ticks = Array.from({ length: last - first + 1 }, (_, i) => steps.map((step) => step * 10 ** (first + i)))
    .flat().filter((tick) => tick >= low && tick <= high / 1.1);
  return { log: true, format: "~g", nice: false, domain: [low, high], ticks } as const;
}
