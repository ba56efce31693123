import { assertEquals, assertThrows } from "@std/assert";
import { tokenWindows } from "../../src/activations/mod.ts";

// A token a letter, <bos> (9) first.
const model = { encode: (text: string) => Int32Array.of(9, ...Array.from(text, Number)) };

Deno.test("windows are whole, start with <bos> and do not overlap", () => {
  const windows = tokenWindows(
    model,
    [{ id: "a", text: "1234567" }, { id: "b", text: "12" }, { id: "c", text: "123" }],
    4,
  );
  assertEquals(windows.map(({ id, tokens }) => [id, ...tokens]), [
    ["a#0", 9, 1, 2, 3],
    ["a#1", 9, 4, 5, 6],
    ["c#0", 9, 1, 2, 3],
  ]);
  assertEquals(tokenWindows(model, [{ id: "a", text: "" }], 2), []);
});

Deno.test("without <bos> a window starts with the last token of the one before", () => {
  const model = { encode: (text: string) => Int32Array.from(text, Number) };
  const texts = [{ id: "a", text: "1234567" }, { id: "b", text: "123" }, { id: "c", text: "" }];
  assertEquals(tokenWindows(model, texts, 4).map(({ id, tokens }) => [id, ...tokens]), [
    ["a#0", 1, 2, 3, 4],
    ["a#1", 4, 5, 6, 7],
  ]);
});

Deno.test("a window holds <bos> and a token at least", () => {
  for (const length of [1, 2.5, NaN]) {
    assertThrows(
      () => tokenWindows(model, [], length),
      RangeError,
      `at least 2 tokens, the first included, but found ${length}`,
    );
  }
});
