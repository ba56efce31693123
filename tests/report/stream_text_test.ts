import { assert, assertEquals } from "@std/assert";
import { renderReport, RunManifest, type StreamRecord, streamText } from "../../src/report/mod.ts";

const STREAM: StreamRecord = {
  ...{ stream: "", texts: 896, of: 2000, tokens: 12_203, activations: 11_307, ended: "saturated" },
  ...{ dictionaries: 3, saturated: 3, foundedUntil: 11_307, beyond: 0 },
};

Deno.test("how far a stream was read is said with the reason, and what came after founding with its number", () => {
  assertEquals(
    streamText(STREAM),
    "Reading stopped after 896 of 2,000 texts, because all 3 dictionaries were saturated.",
  );
  assertEquals(
    streamText({ ...STREAM, unfinished: 7, dictionaries: 1 }),
    "Reading stopped after 896 of 2,000 texts, 7 of them not to the end, because the dictionary was saturated.",
  );
  assertEquals(
    streamText({ ...STREAM, of: null, ended: "budget", saturated: 1, foundedUntil: 8327, beyond: 40 }),
    "Reading stopped after 896 texts, because the budget was spent. The first dictionary was saturated and founded no " +
      "more after 8,327 of 11,307 activations; up to 40 of those that came later lie beyond θ and belong to no region.",
  );
  assertEquals(
    streamText({ ...STREAM, texts: 2000, ended: "stream", dictionaries: 1, saturated: 1, foundedUntil: 8327 }),
    "All 2,000 texts were read. The dictionary was saturated and founded no more after 8,327 of 11,307 activations; all " +
      "that came later lie within θ.",
  );
});

Deno.test("the page lists every stream that dictionaries grew on", () => {
  const manifest = new RunManifest({ name: "build" });
  const page = () => renderReport({ title: "", question: "", answer: "", sections: [], run: manifest.record() });
  assert(!page().includes("Streams that dictionaries grew on"));
  manifest.streams.push(STREAM, { ...STREAM, stream: "order 1", ended: "budget" });
  const [, table] = page().split("Streams that dictionaries grew on");
  for (
    const cell of ["order 1", "896", "2,000", "11,307", "all 3 dictionaries were saturated", "the budget was spent"]
  ) {
    assert(table.includes(cell), cell);
  }
});
