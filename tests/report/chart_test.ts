import {
  assert,
  assertEquals,
  assertGreater,
  assertLess,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { type ChartSpec, renderChart, saveChart } from "../../src/report/mod.ts";
import { textMeasure } from "../../src/report/fonts.ts";
import { svgToPng } from "../../src/report/png.ts";
import { prefixIds } from "../../src/report/svg.ts";

const bars = (labels: readonly string[]): ChartSpec => ({
  data: { values: labels.map((label, i) => ({ label, score: (i + 1) / labels.length })) },
  mark: { type: "bar", clip: true },
  encoding: {
    y: { field: "label", type: "nominal", title: null },
    x: { field: "score", type: "quantitative", title: "AUROC" },
  },
});

/** Width and height in a PNG's header. */
function pngSize(png: Uint8Array<ArrayBuffer>): [number, number] {
  assertEquals([...png.subarray(0, 8)], [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  const view = new DataView(png.buffer, png.byteOffset);
  return [view.getUint32(16), view.getUint32(20)];
}

Deno.test("a chart becomes SVG, PNG and a description that opens in the Vega editor", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const { svg } = await saveChart(folder, "bars", bars(["a", "b"]));
    const saved = JSON.parse(await Deno.readTextFile(`${folder}/bars.vl.json`));
    assertEquals(saved.$schema, "https://vega.github.io/schema/vega-lite/v6.json");
    assertEquals(saved.data.values.length, 2);
    assertEquals(saved.config.background, "white");
    assertEquals(await Deno.readTextFile(`${folder}/bars.svg`), `${svg}\n`);
    const [, width, height] = svg.match(/width="(\d+)" height="(\d+)"/)!.map(Number);
    assertEquals(pngSize(await Deno.readFile(`${folder}/bars.png`)), [2 * width, 2 * height]);
    assertMatch(svg, />AUROC</);
    const again = await renderChart(saved as ChartSpec);
    assertEquals(again.svg, svg, "the saved description draws the same picture");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("equal charts are equal bytes, whatever was drawn before", async () => {
  const first = await renderChart(bars(["x", "y"]));
  await renderChart(bars(["other"]));
  const second = await renderChart(bars(["x", "y"]));
  assertEquals(second.svg, first.svg);
  assertEquals(second.png, first.png);
  assertMatch(first.svg, /id="id0"/);
  assertEquals(first.svg.includes("url(#id0)"), true);
  const prefixed = prefixIds(first.svg, "figure1-");
  assert(prefixed.includes('id="figure1-0"') && prefixed.includes("url(#figure1-0)"));
});

Deno.test("labels are measured in the typeface that draws them", async () => {
  const measure = await textMeasure();
  // Advance widths of Arial, whose metrics Arimo shares: i 0.222, W 0.944 of the size.
  assert(Math.abs(measure("iiii", 12, false) - 4 * 12 * 0.2222) < 0.05);
  assert(Math.abs(measure("WWWW", 12, false) - 4 * 12 * 0.9439) < 0.05);
  assertGreater(measure("regions", 12, true), measure("regions", 12, false));
  assertEquals(measure("日本", 10, false), 20);
  assertGreater(measure("▁the", 10, false), measure("the", 10, false));

  // The axis makes room for what its labels take: wide letters more than narrow ones, by their difference.
  const width = async (label: string) => Number((await renderChart(bars([label]))).svg.match(/width="(\d+)"/)![1]);
  const difference = await width("W".repeat(12)) - await width("i".repeat(12));
  assert(Math.abs(difference - 12 * 12 * (0.9439 - 0.2222)) <= 2, `difference ${difference}`);
});

Deno.test("text is drawn on a machine without fonts", async () => {
  const text = (content: string) =>
    svgToPng(`<svg xmlns="http://www.w3.org/2000/svg" width="60" height="20"><text y="15">${content}</text></svg>`, 1);
  const [blank, arimo, fallback] = await Promise.all([text(""), text("abc"), text("▁")]);
  assertGreater(arimo.length, blank.length + 50);
  assertGreater(fallback.length, blank.length + 10);
});

Deno.test("any label is valid XML and only text", async () => {
  const { svg, png } = await renderChart(bars(["<script>alert(1)</script>", "a\u0000b\u001b", "\ud800", "&amp; \"'"]));
  assertEquals(svg.includes("<script>"), false);
  assert(svg.includes("a\ufffdb\ufffd"));
  assertGreater(png.length, 1000);
});

Deno.test("nothing is fetched", async () => {
  const remote = { ...bars(["a"]), data: { url: "https://example.com/data.json" } } as ChartSpec;
  await assertRejects(() => renderChart(remote), Error, "names the address https://example.com/data.json");
  const lookup = {
    ...bars(["a"]),
    transform: [{
      lookup: "label",
      from: { data: { url: "file:///etc/passwd" }, key: "label", fields: ["x"] },
    }],
  } as ChartSpec;
  await assertRejects(() => renderChart(lookup), Error, "names the address file:///etc/passwd");
  // Data may hold a field called data.url; that is not an address to fetch.
  await renderChart({ ...bars([]), data: { values: [{ label: "a", score: 1, data: { url: "x" } }] } } as ChartSpec);
});

Deno.test("what Vega cannot draw is an error, what it finds odd a warning", async () => {
  const broken = { ...bars(["a"]), transform: [{ calculate: "datum.(", as: "x" }] } as ChartSpec;
  await assertRejects(() => renderChart(broken), Error);
  const warnings: string[] = [];
  const odd = JSON.parse(JSON.stringify(bars(["a"])));
  odd.encoding.colour = { field: "label" };
  await renderChart(odd, { onWarning: (message) => warnings.push(message) });
  assertEquals(warnings.length > 0 && warnings[0].includes("colour"), true, warnings.join());
});

Deno.test("5,000 points are drawn soon, in less than 1 MB", async () => {
  const values = Array.from({ length: 5000 }, (_, i) => ({ x: Math.sin(i) * i, y: Math.cos(i * 1.7) * i }));
  const spec: ChartSpec = {
    data: { values },
    mark: "circle",
    encoding: { x: { field: "x", type: "quantitative" }, y: { field: "y", type: "quantitative" } },
  };
  const { svg } = await renderChart(spec);
  assertEquals(svg.match(/<path /g)!.length >= 5000, true);
  assertLess(svg.length, 1_000_000);
});

Deno.test("labels stay what they are in an SVG, whatever they look like", async () => {
  const labels = ["url(#gradient_0)", 'x="1.23456" id="a"', 'href="#b"', "a  b", "<b>0.123456</b>", "3.14159265"];
  const { svg } = await renderChart({
    data: { values: labels.map((label, size) => ({ label, size })) },
    mark: "bar",
    encoding: {
      y: { field: "label", type: "nominal" },
      x: { field: "size", type: "quantitative" },
      color: { field: "size", type: "quantitative" },
    },
  });
  const page = prefixIds(svg, "figure1-");
  for (const label of labels) {
    const escaped = label.replaceAll("<", "&lt;").replaceAll(">", "&gt;");
    for (const text of [svg, page]) assertStringIncludes(text, `>${escaped}</text>`);
  }
  assertStringIncludes(svg, ' xml:space="preserve"', "spaces within a label are kept");
  assertStringIncludes(page, 'fill="url(#figure1-0)"', "the legend's colors are found");
});
