import { assertEquals } from "@std/assert";
import { formatTable } from "../../src/run/mod.ts";

Deno.test("numbers stand right with their points under each other, text left", () => {
  const rows = [
    { region: 0, token: "the", coherence: 0.8123, kept: true },
    { region: 20295, token: "日本\n", coherence: null, kept: false },
  ];
  assertEquals(
    formatTable(rows),
    [
      "region  token  coherence  kept",
      "──────  ─────  ─────────  ────",
      "     0  the       0.8123  yes",
      "20,295  日本⏎          –  no",
    ].join("\n"),
  );
});

Deno.test("columns are chosen, named and may be empty", () => {
  assertEquals(formatTable([{ a: 1, b: "x" }], ["b", { key: "a", label: "size" }]), "b  size\n─  ────\nx     1");
  assertEquals(formatTable([], ["a"]), "a\n─");
  assertEquals(formatTable([{ a: "\u001b[31m" }], ["a"]), "a\n─────\n␛[31m");
});
