import { assertEquals } from "@std/assert";
import { recordTable } from "../../src/report/mod.ts";
import { formatTable } from "../../src/run/mod.ts";

Deno.test("numbers stand right with their points under each other, text left", () => {
  const rows = [
    { region: 0, token: "the", coherence: 0.8123, kept: true },
    { region: 20295, token: "日本\n", coherence: null, kept: false },
  ];
  assertEquals(
    formatTable(recordTable(rows)),
    [
      "region  token  coherence  kept",
      "──────  ─────  ─────────  ────",
      "     0  the       0.8123  yes",
      "20,295  日本⏎          –  no",
    ].join("\n"),
  );
});

Deno.test("a table may be empty, contexts are texts, and nothing acts on the terminal", () => {
  assertEquals(formatTable({ columns: ["a"], rows: [] }), "a\n─");
  assertEquals(formatTable(recordTable([{ a: "\u001b[31m" }])), "a\n─────\n␛[31m");
  const context = { before: "at ", token: "last", after: "" };
  assertEquals(formatTable(recordTable([{ nearest: [context, context] }])), "nearest\n───────────\nat [[last]]");
});
