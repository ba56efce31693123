import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { type LanguageModel, sameTokens } from "../../src/model/mod.ts";
import { numbersOf, withExperiment } from "./child.ts";

const SMALL =
  "--layers 6 --percentiles 8 --seeds 2 --texts 12 --prompts 24 --chat-percentiles 0.001,2 --calibration 2000 " +
  "--new-tokens 8";

Deno.test("drift leaves its tables, charts and report, and findings beside their controls", () =>
  withExperiment("drift", SMALL.split(" "), async ({ code, stdout, out, record }) => {
    assertEquals(code, 0);
    for (const file of record.outputs) assert((await Deno.stat(`${out}/${file}`)).size > 0, file);
    for (const name of ["matches", "final-tokens", "accuracy", "positions"]) {
      assert(record.outputs.includes(`${name}.png`), name);
    }
    const { findings } = record;
    const number = (key: string) => {
      assertEquals(typeof findings[key], "number", key);
      return findings[key] as number;
    };
    assert(numbersOf(findings).every(Number.isFinite));
    assert(number("persisted") + number("dropped") > 0 && number("introduced") >= 0);
    for (const key of ["median_matched_cosine", "noise_floor_cosine"]) {
      assert(number(key) > number("chance_cosine") && number(key) <= 1, `${key}: ${number(key)}`);
    }
    for (const side of ["base", "instruct"]) {
      assert(number(`final_token_regions_${side}`) >= 1);
      const share = number(`max_harmful_share_${side}`);
      assert(share > 0 && share <= 1, `${share}`);
    }
    // A threshold of 0 is a failed setting of either model, not the end of the run.
    assertEquals(findings.failed_settings, 2);
    assertStringIncludes(stdout, "failed: threshold");
    assertStringIncludes(await Deno.readTextFile(`${out}/report.html`), '<p class="answer">On the same texts');
  }));

Deno.test("a model reads with the other's tokenizer and template, if their tokens are the same", () => {
  const model = (id: string, vocab: number, shift = 0) => ({
    id,
    vocab,
    layers: 2,
    encode: (text: string) => Int32Array.from(text, (letter) => letter.charCodeAt(0) + shift),
    encodeChat: () => Int32Array.of(vocab),
  } as unknown as LanguageModel);
  const twin = sameTokens(model("base", 9), { ...model("it", 9), encodeChat: () => Int32Array.of(4, 5) });
  assertEquals([twin.id, [...twin.encodeChat([])], twin.layers], ["base", [4, 5], 2]);
  for (const other of [model("it", 8), model("it", 9, 1)]) {
    assertThrows(() => sameTokens(model("base", 9), other), Error, "Expected two models of one tokenizer but base (9");
  }
});
