import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { renderReport, type Report, RunManifest, writeReport } from "../../src/report/mod.ts";

const HOSTILE =
  `</td></table><script src="//evil.example/x.js"></script><img src=x onerror='alert(1)'>&lt;"\u0000\u001b\u202e`;

const svg = `<svg xmlns="http://www.w3.org/2000/svg"><clipPath id="id0"></clipPath><g clip-path="url(#id0)"></g></svg>`;

function sample(text: string): Report {
  const manifest = new RunManifest({ name: text, flags: { model: text }, seed: 1, now: () => 0 });
  manifest.findings[text] = { list: [1, 0.25, null], word: text };
  manifest.device = text;
  manifest.outputs.push(text);
  return {
    title: text,
    question: text,
    answer: text,
    sections: [{
      heading: text,
      blocks: [
        { kind: "text", text: `${text}\n\nsecond paragraph` },
        { kind: "chart", chart: { svg }, caption: text },
        { kind: "chart", chart: { svg }, caption: "again" },
        {
          kind: "table",
          table: {
            columns: [text, "count", "share"],
            rows: [
              [{ before: text, token: text, after: text }, 20295, 0.5],
              [[{ before: "", token: "שלום", after: "\n" }], 1, null],
              [text, 2, 0.25],
            ],
          },
          caption: text,
        },
      ],
    }],
    run: manifest.record(),
  };
}

/** The element names that occur in the page. */
const elements = (html: string) => new Set([...html.matchAll(/<([a-zA-Z][\w-]*)/g)].map(([, name]) => name));

Deno.test("hostile text adds no element and no attribute to a report", () => {
  const hostile = renderReport(sample(HOSTILE));
  const plain = renderReport(sample("plain"));
  assertEquals(elements(hostile), elements(plain));
  assertEquals((hostile.match(/<[^>]+>/g) ?? []).length, (plain.match(/<[^>]+>/g) ?? []).length);
  assertEquals(/<[^>]*\son\w+=/.test(hostile.replace(/"[^"]*"/g, '""')), false);
  // deno-lint-ignore no-control-regex
  assertEquals(/[\u0000-\u0008\u001b\u202e]/.test(hostile), false);
  assertStringIncludes(hostile, "&lt;script");
  assertStringIncludes(hostile, "&lt;U+202E&gt;");
});

Deno.test("a report needs nothing from outside and runs nothing", () => {
  const html = renderReport(sample("plain"));
  assertEquals(elements(html).has("script"), false);
  assertEquals([...html.matchAll(/(?:src|href)="([^"]*)"/g)].length, 0);
  assertEquals(/url\((?!#)/.test(html), false);
  assertEquals(html.includes("@import"), false);
  assertStringIncludes(html, "default-src 'none'");
});

Deno.test("contexts mark their token and stand apart from what runs the other way", () => {
  const html = renderReport(sample("plain"));
  assertStringIncludes(html, '<bdi class="context">plain<mark>plain</mark>plain</bdi>');
  assertStringIncludes(html, '<bdi class="context"><mark>שלום</mark>⏎</bdi>');
});

Deno.test("columns of numbers are set right with points under each other", () => {
  const html = renderReport(sample("plain"));
  assertStringIncludes(html, '<th scope="col" class="number">count</th>');
  assertStringIncludes(html, '<td class="number">20,295</td><td class="number">0.5000</td>');
  assertStringIncludes(html, '<td class="number">–</td>');
});

Deno.test("pictures keep ids of their own", () => {
  const html = renderReport(sample("plain"));
  const ids = [...html.matchAll(/\sid="([^"]+)"/g)].map(([, id]) => id);
  assertEquals(ids, ["figure1-0", "figure2-0"]);
  for (const id of ids) assertStringIncludes(html, `url(#${id})`);
});

Deno.test("findings, settings and device close the report", () => {
  const html = renderReport(sample("plain"));
  assertStringIncludes(html, "<td>plain · list</td><td>1, 0.25, –</td>");
  assertStringIncludes(html, "<td>device</td><td>plain</td>");
});

Deno.test("a row of the wrong length is an error", () => {
  const report: Report = {
    ...sample("x"),
    sections: [{ heading: "", blocks: [{ kind: "table", table: { columns: ["a"], rows: [[1, 2]] } }] }],
  };
  assertThrows(() => renderReport(report), Error, "Expected 1 cells in each row of a table but row 0 has 2");
});

Deno.test("a report is written as report.html", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = await writeReport(`${folder}/new`, sample("plain"));
    assert((await Deno.readTextFile(path)).startsWith("<!DOCTYPE html>"));
    assertEquals(path, `${folder}/new/report.html`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("θ of every experiment stands beside its spread over batches, and of one batch alone", () => {
  const manifest = new RunManifest({ name: "sample", flags: {}, seed: 1, now: () => 0 });
  const levels = [{ percentile: 4, threshold: 0.25, spread: 0.0625 }, { percentile: 8, threshold: 0.5 }];
  const pairs = { within: "sample", because: "asked", parts: 3 } as const;
  manifest.calibrations.push({ stream: "order 0", layer: 3, asked: 100, activations: 60, levels, pairs });
  manifest.calibrations.push({ stream: "of before", layer: 3, asked: 100, activations: 60 });
  const html = renderReport({ title: "", question: "", answer: "", sections: [], run: manifest.record() });
  assertStringIncludes(html, "θ ± its spread by p");
  assertStringIncludes(html, "p 4: 0.25 ± 0.0625, p 8: 0.5</td>");
});
