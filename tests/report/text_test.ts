import { assertEquals } from "@std/assert";
import { formatNumber, formatShare, visibleText } from "../../src/report/mod.ts";
import { escapeHtml, formatColumn, validXml } from "../../src/report/text.ts";

Deno.test("text that a reader could not see is shown", () => {
  assertEquals(visibleText("a\nb\tc\u0000\u001b[31m\u007f\u0085"), "a⏎b⇥c␀␛[31m␡<U+0085>");
  assertEquals(visibleText("user\u202eexe.png\u200b\ufeff"), "user<U+202E>exe.png<U+200B><U+FEFF>");
  // Tags, soft hyphens, fillers, selectors, format characters and a blank that is no space: what hidden text rides on.
  for (const code of [0xe0041, 0xad, 0x180e, 0x3164, 0x115f, 0xffa0, 0xfe0f, 0xe0100, 0x70f, 0x1d173, 0x2800, 0x206a]) {
    const shown = `a<U+${code.toString(16).toUpperCase().padStart(4, "0")}>b`;
    assertEquals(visibleText(`a${String.fromCodePoint(code)}b`), shown);
  }
  assertEquals(visibleText("שלום 日本 ▁the 𝄞"), "שלום 日本 ▁the 𝄞");
  assertEquals(visibleText("\ud800x"), "\ufffdx");
});

Deno.test("HTML and XML keep no markup and no forbidden character", () => {
  assertEquals(escapeHtml(`<a href='x'>"&"</a>\u0001`), "&lt;a href=&#39;x&#39;&gt;&quot;&amp;&quot;&lt;/a&gt;\ufffd");
  assertEquals(validXml("a\u0000b\ud834c\n\t\r"), "a\ufffdb\ufffdc\n\t\r");
});

Deno.test("numbers for people", () => {
  assertEquals([20295, 0, -0.96, 0.87441, 1e-7, 123456.7, NaN, Infinity, -5].map((value) => formatNumber(value)), [
    "20,295",
    "0",
    "−0.96",
    "0.8744",
    "1.000e−7",
    "123,457",
    "–",
    "∞",
    "−5",
  ]);
  assertEquals([0.28, 0.99571, 1, 0, 0.00012, NaN].map(formatShare), [
    "28\u00a0%",
    "99.6\u00a0%",
    "100\u00a0%",
    "0\u00a0%",
    "0.012\u00a0%",
    "–",
  ]);
  assertEquals(formatColumn([0.8744, 0.5, 0.00001, 0, NaN]), ["0.8744", "0.5000", "1.0e−5", "0.0000", "–"]);
  assertEquals(formatColumn([88.79, -1.5]), ["88.79", "−1.50"]);
  assertEquals(formatColumn([20295, 3]), ["20,295", "3"]);
  assertEquals(formatColumn([]), []);
});
