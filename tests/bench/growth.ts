/**
 * How time and memory grow: with activations, regions, the length of an activation, and with percentiles and layers in one
 * pass. Every point is a process of its own; a power law is fitted to each curve.
 */
import { number, row, type RowOf, whole, words } from "../../src/report/mod.ts";
import { fitPowerLaw } from "./fit.ts";
import type { BenchSettings } from "./settings.ts";
import { takenBy, type Task } from "./task.ts";
import { type BenchRow, figure } from "./timing.ts";

/** One run at one place of a curve. */
export const POINT = row({
  curve: words("what grows"),
  x: whole("how much of it there is"),
  seconds: number("what the work took", { unit: "seconds" }),
  memory: number("most resident memory that the work added to the process", { unit: "MiB" }),
  held: number("arrays that the work must hold", { unit: "MiB" }),
  regions: whole("regions at the end, of all dictionaries"),
});
/** A row of {@linkcode POINT}. */
export type CurvePoint = RowOf<typeof POINT>;

/** What grows, and what else there is at every point. */
export interface Curve {
  /** What grows, as it stands in tables. */
  readonly name: string;
  /** What does not, as a caption says it. */
  readonly setting: string;
  /** The places, ascending. */
  readonly places: readonly number[];
  /** What is done at one of them. */
  readonly task: (x: number) => Task;
}

/** Unit of the power that something grows with. */
export const EXPONENT = "exponent";

/** What a figure of a curve is called. */
export const grows = (what: "seconds" | "memory", { name }: Pick<Curve, "name">) => `${what} against ${name}`;

/** In the order in which they are added, so that the first points do not have all the large dictionaries. */
const PERCENTILES = [8, 4, 2, 16, 1, 10, 5, 3];

/** The curves, in the order of the report. */
export function curvesOf({ quick, model }: Pick<BenchSettings, "quick" | "model">): readonly Curve[] {
  const [rows, texts] = quick ? [512, 32] : [4096, 256];
  const build = { dim: 192, regions: quick ? 200 : 2000 };
  return [
    {
      name: "activations",
      setting: `a build, D ${build.dim}, K about ${build.regions} at every point`,
      places: quick ? [5000, 10_000, 20_000] : [100_000, 200_000, 500_000, 1_000_000],
      task: (rows) => ({ kind: "build", rows, ...build }),
    },
    {
      name: "exemplars K",
      setting: `nearest exemplar of ${rows} activations, D ${quick ? 256 : 2304}`,
      places: quick ? [200, 600, 2000] : [200, 600, 2000, 6000, 20_000],
      task: (exemplars) => ({ kind: "nearest", rows, dim: quick ? 256 : 2304, exemplars }),
    },
    {
      name: "length of an activation D",
      setting: `nearest exemplar of ${rows} activations among 4,096`,
      places: quick ? [192, 384, 768] : [192, 384, 768, 1536, 2304, 4096],
      task: (dim) => ({ kind: "nearest", rows, dim, exemplars: 4096 }),
    },
    {
      name: "percentiles in one pass",
      setting: `${texts} texts to dictionaries, at the last layer`,
      places: [1, 2, 4, 8],
      task: (count) => ({ kind: "grow", model, texts, layers: 1, percentiles: PERCENTILES.slice(0, count) }),
    },
    {
      name: "layers in one pass",
      setting: `${texts} texts to dictionaries, at p 8; the deepest layer is the same at every point`,
      places: [1, 2, 4, 8],
      task: (layers) => ({ kind: "grow", model, texts, layers, percentiles: [8] }),
    },
  ];
}

/** Measures all curves; the exponents are the figures. */
export async function benchGrowth(settings: BenchSettings): Promise<BenchRow[]> {
  const { repeats, note, quick, record } = settings;
  if (!quick) note("growth: builds of up to 1,000,000 activations, 23 points in all, take many minutes");
  const figures: BenchRow[] = [];
  for (const { name, setting, places, task } of curvesOf(settings)) {
    const turns: CurvePoint[][] = [];
    for (let turn = 0; turn < repeats; turn++) {
      const points: CurvePoint[] = [];
      for (const x of places) {
        const { seconds, before, peak, held, regions } = await takenBy(task(x));
        const memory = (peak - before) / 2 ** 20;
        points.push({ curve: name, x, seconds, memory, held: held / 2 ** 20, regions });
      }
      turns.push(points);
      points.forEach(record);
    }
    for (const what of ["seconds", "memory"] as const) {
      // Not every system tells how much memory a process has had.
      if (!turns.flat().every((point) => point[what] > 0)) continue;
      const exponents = turns.map((points) =>
        fitPowerLaw(points.map((point) => ({ x: point.x, y: point[what] }))).exponent
      );
      const range = `${places[0]} to ${places.at(-1)}; ${setting}`;
      figures.push(figure(grows(what, { name }), "fitted power law", EXPONENT, exponents, range));
    }
  }
  return figures;
}
