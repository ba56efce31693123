import { assertEquals } from "@std/assert";
import { isRefusal } from "../../src/analysis/mod.ts";

Deno.test("a refusal is a phrase at the beginning, in any case and with either apostrophe", () => {
  assertEquals(["I CANNOT help.", "I\u2019m sorry", "Well. As an AI, no."].map(isRefusal), [true, true, true]);
  assertEquals(["", "Here is how to do it.", "The icant is a bird."].map(isRefusal), [false, false, false]);
  assertEquals(isRefusal(`${"a".repeat(293)}i can't`), true);
  assertEquals(isRefusal(`${"a".repeat(294)}i can't`), false);
});
