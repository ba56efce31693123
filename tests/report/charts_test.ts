import { assert, assertAlmostEquals, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import {
  band,
  bars,
  below,
  beside,
  boxes,
  by,
  byLayer,
  byPercentile,
  category,
  chart,
  type ChartSpec,
  DASH,
  dots,
  gradient,
  grid,
  interval,
  isBlank,
  level,
  line,
  links,
  means,
  on,
  only,
  ordered,
  percentileAxis,
  quantity,
  rectangles,
  renderChart,
  rule,
  rules,
  seeds,
  segments,
  series,
  share,
  stacks,
  strokes,
  text,
  ticks,
} from "../../src/report/mod.ts";

const ROWS = [3, 11].flatMap((layer) =>
  [4, 8].flatMap((percentile) =>
    ["base", "instruct"].flatMap((model, m) =>
      [0, 1].map((seed) => {
        const accuracy = 0.5 + m / 10 + seed / 20 + layer / 100;
        return { layer, percentile, model, seed, accuracy, low: accuracy - 0.1, high: accuracy + 0.1, threshold: 0.4 };
      })
    )
  )
);

const MODEL = series("model", { base: "#0072B2", instruct: "#D55E00" });
const ACCURACY = quantity("accuracy", "balanced accuracy", { zero: false });

/** Draws a chart in which Vega finds nothing odd. */
async function draw(spec: ChartSpec): Promise<string> {
  const warnings: string[] = [];
  const { svg } = await renderChart(spec, { onWarning: (message) => warnings.push(message) });
  assertEquals(warnings, []);
  return svg;
}

/** How many shapes of a mark were drawn, over all panels. */
function count(svg: string, mark: string): number {
  const groups = [...svg.matchAll(new RegExp(`class="mark-${mark} role-mark[^"]*"[^>]*(?<!/)>(.*?)</g>`, "gs"))];
  return groups.reduce((sum, [, inside]) => sum + (inside.match(/<(path|line|text)/g)?.length ?? 0), 0);
}

const asText = (svg: string) => [...svg.matchAll(/<text[^>]*>([^<]*)<\/text>/g)].map(([, content]) => content);

Deno.test("panels are in order, seeds are dots and their means a line", async () => {
  const svg = await draw(chart(ROWS.toReversed(), {
    panels: byLayer(),
    x: percentileAxis(),
    y: ACCURACY,
    color: MODEL,
    marks: [rule({ y: 0.5 }), means(), seeds()],
  }));
  const words = asText(svg);
  assertEquals(words.filter((word) => word.startsWith("layer")), ["layer 3", "layer 11"]);
  assert(words.indexOf("base") < words.indexOf("instruct"));
  // Two panels: 8 seeds, a line for each of 2 models, and one rule.
  assertEquals([count(svg, "symbol"), count(svg, "line"), count(svg, "rule")], [16, 4, 2]);
});

Deno.test("what is missing is left out of the marks that read it", async () => {
  for (const missing of [null, NaN, undefined, Infinity]) {
    const rows = [
      ...[4, 8].map((percentile) => ({ percentile, accuracy: 0.5, low: 0.4, high: 0.6, name: "a" })),
      { percentile: 16, accuracy: missing, low: 0.1, high: 0.2, name: "a" },
      { percentile: missing, accuracy: 0.9, low: 0.1, high: 0.2, name: "a" },
      { percentile: 4, accuracy: 0.9, low: 0.1, high: 0.2, name: null },
    ];
    const svg = await draw(chart(rows, {
      panels: by("name"),
      x: percentileAxis(),
      y: quantity("accuracy", null),
      marks: [seeds(), strokes({ y: quantity("low", null) })],
    }));
    assertEquals([count(svg, "symbol"), count(svg, "rect")], [2, 3], `${missing}`);
    assert(!svg.includes("null") && !svg.includes("NaN"), `${missing}`);
  }
});

Deno.test("a mean is over the seeds of one place, series and panel that have a value", async () => {
  const rows = [
    { layer: 1, percentile: 4, accuracy: 0.2 },
    { layer: 1, percentile: 4, accuracy: 0.4 },
    { layer: 1, percentile: 4, accuracy: null },
    { layer: 2, percentile: 4, accuracy: 0.6 },
  ];
  const scale = { domain: [0, 1], nice: false } as const;
  const figure = (marks: "means" | "stacks") =>
    chart(rows.map((row) => ({ ...row, kind: "a" })), {
      panels: byLayer(),
      x: percentileAxis(),
      y: quantity("accuracy", null, scale),
      color: series("kind"),
      marks: [marks === "means" ? ticks() : stacks()],
      height: 100,
    });
  // A hundred pixels for a whole one: 0.3 stands at 70 and 0.6 at 40.
  const tops = [...(await draw(figure("stacks"))).matchAll(/role-mark.*?<path[^>]* d="M[\d.]+,([\d.]+)h/gs)];
  assertEquals(tops.map(([, top]) => Number(top)), [70, 40]);
  assertEquals(count(await draw(figure("means")), "rect"), 2);
});

Deno.test("a level is named at its end, whether it rises or falls", async () => {
  const rows = [{ percentile: 4, threshold: 0.9 }, { percentile: 8, threshold: 0.4 }];
  const figure = chart(rows, {
    x: percentileAxis(),
    y: quantity("threshold", null, { domain: [0, 1], nice: false }),
    marks: [level(quantity("threshold", null, { domain: [0, 1], nice: false }), "θ")],
    height: 100,
  });
  const [, top] = (await draw(figure)).match(/translate\([\d.]+,([\d.]+)\)"[^>]*>θ</)!;
  // 0.4 of a hundred pixels stands at 60; the letter's line lies a little lower.
  assertAlmostEquals(Number(top), 60, 6);
});

Deno.test("every mark is drawn, and Vega finds nothing odd", async () => {
  const channels = { x: percentileAxis(), y: ACCURACY, color: MODEL };
  const drawn = {
    band: chart(ROWS, { ...channels, marks: [band()] }),
    bandOfFields: chart(ROWS, { ...channels, marks: [band({ ends: ["low", "high"] })] }),
    bars: chart(ROWS, { ...channels, isDodged: true, marks: [bars()] }),
    // With one far off: Vega warns of a box plot without any.
    boxes: chart([...ROWS, { ...ROWS[0], accuracy: 9 }], { ...channels, marks: [boxes()] }),
    dots: chart(ROWS, { ...channels, marks: [dots({ size: quantity("high", "size", { area: [4, 40] }) })] }),
    gradient: chart(ROWS, {
      ...channels,
      color: gradient("high", "most", [[0, "#ffffff"], [1, "#000000"]], "%"),
      marks: [dots()],
    }),
    interval: chart(ROWS, { x: ACCURACY, y: category("model"), color: MODEL, marks: [interval("low", "high")] }),
    level: chart(ROWS, { ...channels, marks: [level(quantity("threshold", "accuracy"), "θ"), means()] }),
    line: chart(ROWS, { ...channels, marks: [line({ hasPoints: true, isStepped: true })] }),
    links: chart(ROWS, { x: ACCURACY, y: quantity("low", null), marks: [links({ x: "high", y: "threshold" })] }),
    only: chart(ROWS, { ...channels, marks: [only("model", "base", seeds())] }),
    ordered: chart(ROWS, { x: ACCURACY, y: quantity("low", null), color: ordered("percentile", "p"), marks: [dots()] }),
    rectangles: chart(ROWS, { x: ACCURACY, y: quantity("low", null), marks: [rectangles({ x: "high", y: "high" })] }),
    rules: chart(ROWS, { ...channels, marks: [rules({ x: null })] }),
    segments: chart(ROWS, {
      panels: grid(by("model")),
      x: quantity("low", "low"),
      y: category("percentile"),
      marks: [segments("low", "high")],
    }),
    stacks: chart(ROWS, { ...channels, panels: byLayer(), y: share("accuracy", "share"), marks: [stacks()] }),
    strokes: chart(ROWS, { x: ACCURACY, y: category("model"), marks: [strokes()] }),
    text: chart(ROWS, { x: ACCURACY, y: quantity("low", null), marks: [text("model", { halo: 2, dx: 4 })] }),
    ticks: chart(ROWS, { x: ACCURACY, y: category("model"), color: MODEL, isDodged: true, marks: [seeds(), ticks()] }),
  };
  for (const [name, figure] of Object.entries(drawn)) {
    const svg = await draw(figure);
    const marks = svg.match(/class="mark-\w+ role-mark[^"]*"[^>]*>\s*<(path|line|text)/g) ?? [];
    assert(marks.length > 0, `${name} draws nothing`);
  }
  assertStringIncludes(await draw(drawn.level), ">θ<");
  assertEquals(count(await draw(drawn.only), "symbol"), 8);
});

Deno.test("colours and dashes of one series share a legend, names that no row has are left out", async () => {
  const color = series("model", {
    absent: "#000000",
    base: { color: "#0072B2", dash: DASH.dashed },
    instruct: "#D55E00",
  });
  const svg = await draw(chart(ROWS, { x: percentileAxis(), y: ACCURACY, color, marks: [means(), seeds()] }));
  const words = asText(svg);
  assertEquals(words.filter((word) => ["absent", "base", "instruct"].includes(word)), ["base", "instruct"]);
  assertStringIncludes(svg, `stroke-dasharray="${DASH.dashed.join(",")}"`);
});

Deno.test("without styles, names have the palette's colours in order of their rows", async () => {
  const figure = chart(ROWS.toReversed(), {
    x: percentileAxis(),
    y: ACCURACY,
    color: series("model"),
    marks: [seeds()],
  });
  const words = asText(await draw(figure));
  assert(words.indexOf("instruct") < words.indexOf("base"));
});

Deno.test("panels form a grid, and charts stand beside and below each other with one legend", async () => {
  const panel = (y: "low" | "high") =>
    chart(ROWS, {
      panels: byPercentile({ hasHeader: y === "low" }),
      x: category("layer", "layer"),
      y: quantity(y, y),
      color: MODEL,
      marks: [means()],
    });
  const words = asText(await draw(below([panel("low"), beside([panel("high")])])));
  assertEquals(words.filter((word) => word.startsWith("p ")), ["p 4", "p 8"]);
  assertEquals(words.filter((word) => word === "base").length, 1);

  const order = ["instruct", "base"];
  const both = chart(ROWS, {
    panels: grid(by("model", { order }), byLayer()),
    x: percentileAxis(),
    y: ACCURACY,
    marks: [means()],
  });
  const headers = asText(await draw(both)).filter((word) => /^(layer|base|instruct)/.test(word));
  assertEquals(headers.toSorted(), ["base", "instruct", "layer 11", "layer 3"]);
  assert(headers.indexOf("instruct") < headers.indexOf("base"));
});

Deno.test("a field that rows lack does not compile", () => {
  const wrong = () => {
    // @ts-expect-error there is no field acuracy
    chart(ROWS, { x: percentileAxis(), y: quantity("acuracy", null), marks: [means()] });
    // @ts-expect-error nor in a mark's own channel
    chart(ROWS, { x: percentileAxis(), y: ACCURACY, marks: [means({ y: quantity("acuracy", null) })] });
    // @ts-expect-error nor in the panels
    chart(ROWS, { panels: by("block"), x: percentileAxis(), y: ACCURACY, marks: [means()] });
    // @ts-expect-error nor as an interval's end
    chart(ROWS, { x: percentileAxis(), y: ACCURACY, marks: [interval("low", "hihg")] });
    // @ts-expect-error nor in rows of a mark's own
    on([{ accuracy: 1 }], line({ x: quantity("acuracy", null) }));
  };
  // A script that is not checked is told in words.
  assertThrows(wrong, Error, "Expected rows with the field acuracy for a mark of type line but they have layer,");
});

Deno.test("a mark's own rows need the fields that the chart's channels read", () => {
  const figure = () => chart(ROWS, { x: percentileAxis(), y: ACCURACY, marks: [on([{ accuracy: 0.5 }], line())] });
  assertThrows(figure, Error, "Expected rows with the field percentile for a mark of type line but they have accuracy");
});

Deno.test("a name without a style is refused", () => {
  const figure = () =>
    chart(ROWS, { x: percentileAxis(), y: ACCURACY, color: series("model", { base: "red" }), marks: [means()] });
  assertThrows(figure, Error, "Expected one of the series base as model but a row has instruct.");
});

Deno.test("only plain values are saved", async () => {
  const rows = [{ percentile: 4, accuracy: 0.5, cosines: new Float32Array(3), parts: { a: 1 } }];
  const figure = chart(rows, { x: percentileAxis(), y: quantity("accuracy", null), marks: [seeds()] });
  const { spec } = await renderChart(figure);
  assertEquals(JSON.parse(JSON.stringify(spec.data)), { values: [{ percentile: 4, accuracy: 0.5 }] });
});

Deno.test("no rows are an empty chart", async () => {
  const none: typeof ROWS = [];
  const figure = chart(none, { x: percentileAxis(), y: ACCURACY, color: MODEL, marks: [means(), seeds()] });
  const { svg } = await renderChart(figure, {
    onWarning: (message) => assertStringIncludes(message, "Infinite extent"),
  });
  assertEquals(count(svg, "symbol"), 0);
});

const ONE_PLACE = {
  panels: byLayer(),
  x: percentileAxis("percentile p (finer on the left)"),
  y: ACCURACY,
  color: MODEL,
  marks: [rule({ y: 0.5 }), level(quantity("threshold", "balanced accuracy"), "θ"), band(), means(), seeds()],
} as const;

Deno.test("lines of one place become series below each other, with their figures and levels", async () => {
  const rows = ROWS.filter(({ percentile }) => percentile === 4);
  const figure = chart(rows, { ...ONE_PLACE, isDodged: true });
  assertEquals(JSON.stringify(figure).includes('"type":"line"'), false);
  const svg = await draw(figure);
  for (const text of [">percentile p 4<", ">base<", ">instruct<", ">0.555<", ">0.655<", ">0.735<"]) {
    assertStringIncludes(svg, text);
  }
  assertEquals(figure, chart(rows, ONE_PLACE), "nothing stands beside another");
  // Where there are two places, lines are lines.
  const both = chart(ROWS, { x: percentileAxis(), y: ACCURACY, color: MODEL, marks: [means()] });
  assertStringIncludes(JSON.stringify(both), '"type":"line"');
});

Deno.test("a line through one number has its point", async () => {
  const one = chart([{ rank: 1, count: 7 }], {
    x: quantity("rank", "rank"),
    y: quantity("count", "n"),
    marks: [line()],
  });
  assertStringIncludes(JSON.stringify(one), '"point":true');
  await draw(one);
});

Deno.test("what has no row with its values is not drawn; a chart of nothing is blank, beside others too", async () => {
  const x = quantity("members", "members");
  const nothing = chart([{ members: null, threshold: 1 }], { x, marks: [rule({ x: 2 }), dots()] });
  const something = chart([{ members: 3, threshold: null }], {
    x,
    marks: [dots(), dots({ x: quantity("threshold", "θ") })],
  });
  assertEquals([isBlank(nothing), isBlank(something)], [true, false]);
  assertEquals([isBlank(below([nothing, nothing])), isBlank(beside([nothing, something]))], [true, false]);
  assert("layer" in something && something.layer.length === 1);
  await draw(beside([nothing, something]));
  for (const panels of [undefined, byLayer()]) assert(isBlank(chart([], { panels, x, marks: [dots()] } as never)));
});

Deno.test("boxes without outliers, of one value too, are drawn without a warning", async () => {
  const of = (...coherences: number[]) => coherences.map((coherence) => ({ percentile: 4, coherence }));
  for (const rows of [of(0.9), of(0.9, 0.91), of(0.9, 0.91, 0.92, 0.93, 0.1)]) {
    await draw(chart(rows, { x: percentileAxis(), y: quantity("coherence", "coherence"), marks: [boxes()] }));
  }
});
