/**
 * Charts in Vega-Lite, drawn to SVG and PNG without a browser. The description is saved with its data beside the
 * picture, so that anyone can open it in the Vega editor and change it.
 */
import { assertOptions } from "../compute/known_options.ts";
import { join } from "node:path";
import { writeFileAtomic, writeJsonAtomic, writeTextAtomic } from "../files/atomic.ts";
import { visibleLines } from "../files/visible_text.ts";
import { textMeasure } from "./fonts.ts";
import { svgToPng } from "./png.ts";
import { tidySvg } from "./svg.ts";
import { THEME } from "./theme.ts";
import { type Config, loadVega, loadVegaLite, type LoggerInterface, type TopLevelSpec } from "./vega.ts";

/** A chart: a Vega-Lite description with its data inlined as `values`. */
export type ChartSpec = TopLevelSpec;

/** A drawn chart. */
export interface Chart {
  /** The complete description: theme and data included. */
  readonly spec: ChartSpec;
  /** The picture as SVG. */
  readonly svg: string;
  /** The picture as PNG, twice as many pixels a side. */
  readonly png: Uint8Array<ArrayBuffer>;
}

/** How a chart is drawn. */
export interface ChartOptions {
  /** Called with what Vega finds odd (an empty scale, a field that is not there); default `console.warn`. */
  onWarning?: (message: string) => void;
}

const SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json";

/**
 * Draws a chart in the house theme. Nothing is fetched: data must be inlined.
 *
 * @param spec The chart.
 * @param options Who is told what Vega finds odd.
 * @returns The complete description, and the picture as SVG and PNG.
 * @throws {Error} If the chart names data by `url`, or Vega cannot make sense of it.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 *
 * const { svg } = await renderChart({
 *   data: { values: [{ p: 1, regions: 20295 }, { p: 10, regions: 203 }] },
 *   mark: "bar",
 *   encoding: {
 *     x: { field: "p", type: "ordinal", title: "percentile p" },
 *     y: { field: "regions", type: "quantitative" },
 *   },
 * });
 * assert(svg.startsWith("<svg"));
 * ```
 */
export async function renderChart(spec: ChartSpec, options: ChartOptions = {}): Promise<Chart> {
  assertOptions("a drawing", options, { onWarning: "function" });
  const [vega, vegaLite] = await Promise.all([loadVega(), loadVegaLite(), useOwnTextMetrics()]);
  // Through JSON, so that the picture shows exactly what the saved description holds (NaN becomes null).
  const complete: ChartSpec = JSON.parse(JSON.stringify({ $schema: SCHEMA, ...spec }));
  complete.config = vega.mergeConfig(THEME, complete.config ?? {}) as Config;
  refuseUrls(complete);

  const problems: string[] = [];
  const logger = collectingLogger(problems, options.onWarning ?? console.warn);
  const compiled = vegaLite.compile(complete, { logger }).spec;
  const view = new vega.View(vega.parse(compiled), { renderer: "none", logger, loader: REFUSING_LOADER });
  try {
    const svg = tidySvg(await view.toSVG());
    if (problems.length) throw new Error(`Cannot draw the chart: ${problems.join("; ")}.`);
    return { spec: complete, svg, png: await svgToPng(svg) };
  } finally {
    view.finalize();
  }
}

/**
 * Draws a chart and writes `<name>.vl.json`, `<name>.svg` and `<name>.png`.
 *
 * @param folder Where to; made if it is not there.
 * @param name File name without ending.
 * @param spec The chart.
 * @returns The chart, for a report.
 * @throws {Error} As {@link renderChart}, or if a file cannot be written.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { chart, dots, quantity, saveChart } from "./mod.ts";
 *
 * const folder = await Deno.makeTempDir();
 * const x = quantity("members", "members");
 * await saveChart(folder, "sizes", chart([{ members: 3 }, { members: 2 }], { x, marks: [dots()] }));
 * const names = [...Deno.readDirSync(folder)].map(({ name }) => name);
 * assertEquals(names.sort(), ["sizes.png", "sizes.svg", "sizes.vl.json"]);
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export async function saveChart(
  folder: string,
  name: string,
  spec: ChartSpec,
  options?: ChartOptions,
): Promise<Chart> {
  const chart = await renderChart(spec, options);
  const path = join(folder, name);
  await writeJsonAtomic(`${path}.vl.json`, chart.spec);
  await writeTextAtomic(`${path}.svg`, `${chart.svg}\n`);
  await writeFileAtomic(`${path}.png`, chart.png);
  return chart;
}

let metrics: Promise<void> | undefined;

/** Without a canvas Vega guesses widths by the number of letters; it lets its user do better. */
function useOwnTextMetrics(): Promise<void> {
  metrics ??= (async () => {
    const [vega, measure] = await Promise.all([loadVega(), textMeasure()]);
    const widthOf = (item: TextItem, text?: unknown) =>
      measure(String(text ?? item.text ?? "").trim(), item.fontSize ?? 11, isBold(item.fontWeight));
    // Vega's type declarations leave this export out.
    (vega as unknown as { textMetrics: { width: typeof widthOf } }).textMetrics.width = widthOf;
  })();
  return metrics;
}

type TextItem = { text?: unknown; fontSize?: number; fontWeight?: string | number };

const isBold = (weight?: string | number) => weight === "bold" || Number(weight) >= 600;

const REFUSING_LOADER = {
  load: (url: string) => Promise.reject(new Error(`Charts fetch nothing, but this one asked for ${url}.`)),
  sanitize: (url: string) => Promise.reject(new Error(`Charts link to nothing, but this one links to ${url}.`)),
  http: () => Promise.reject(new Error("Charts fetch nothing.")),
  file: () => Promise.reject(new Error("Charts read no files.")),
};

/** Vega logs a load that failed and goes on with no data; this says so before. */
function refuseUrls(value: unknown): void {
  if (typeof value !== "object" || value === null) return;
  for (const [key, child] of Object.entries(value)) {
    if (key === "values") continue;
    if (key === "data" && typeof child?.url === "string") {
      throw new Error(`Expected a chart with its data as values but it names the address ${child.url}. Inline them.`);
    }
    refuseUrls(child);
  }
}

function collectingLogger(problems: string[], onWarning: (message: string) => void): LoggerInterface {
  const text = (parts: readonly unknown[]) =>
    visibleLines(parts.map((part) => part instanceof Error ? part.message : part).join(" "));
  const logger = {
    level: () => logger,
    error: (...parts: unknown[]) => (problems.push(text(parts)), logger),
    warn: (...parts: unknown[]) => (onWarning(`Chart: ${text(parts)}`), logger),
    info: () => logger,
    debug: () => logger,
  };
  return logger as unknown as LoggerInterface;
}
