import { assertEquals, assertRejects } from "@std/assert";
import { describeStream } from "../../src/activations/mod.ts";
import { describeRegions, lensTokens } from "../../src/analysis/mod.ts";
import type { HookSite, LanguageModel, LensToken } from "../../src/model/mod.ts";
import { Dictionary } from "../../src/partition/mod.ts";

/** A model of which only the lens is asked: its token is the first number of a direction. */
function lensOf(hook: HookSite): LanguageModel {
  const lens = (directions: Float32Array, rows: number): Promise<LensToken[][]> =>
    Promise.resolve(Array.from({ length: rows }, (_, row) => {
      const logit = directions[row * (directions.length / rows)];
      return [{ token: String(logit), id: row, logit }];
    }));
  return { hook, lens } as LanguageModel;
}

Deno.test("the lens reads the stream and what is added to it, and gives no token of anything else", async () => {
  const directions = Float32Array.of(1, 0, 0, 1);
  const read = (hook: HookSite, at?: HookSite) => lensTokens(lensOf(hook), directions, 2, 5, at);
  for (const at of ["resid_pre", "resid_mid", "resid_post", "attn_out", "mlp_out"]) {
    assertEquals((await read(at)).map(([{ token }]) => token), ["1", "0"], at);
  }
  for (const at of ["z", "router", "/model/layers.{layer}/mlp/act"]) assertEquals(await read(at), [[], []], at);
  assertEquals(await read("resid_post", "z"), [[], []], "what is named comes before the model's hook");
  assertEquals((await read("z", "attn_out")).length, 2);
});

Deno.test("regions are described without lens tokens where their dictionary's hook has none", async () => {
  for (const [at, tokens] of [["resid_post", ["1"]], ["z", []]] as const) {
    const source = describeStream({ model: "toy", layer: 2, at, corpus: "none" });
    const dictionary = await Dictionary.create({ center: new Float32Array(2), threshold: 0.5, source }, {
      backend: "cpu",
    });
    await dictionary.add({ data: Float32Array.of(3, 0), rows: 1, dim: 2 });
    const [{ lens, count }] = await describeRegions(dictionary, lensOf("resid_post"));
    assertEquals([lens.map(({ token }) => token), count], [tokens, 1], at);
  }
});

Deno.test("some regions are described, in the order in which they are asked for", async () => {
  using dictionary = await Dictionary.create({ center: new Float32Array(2), threshold: 0.1 }, { backend: "cpu" });
  await dictionary.add({ data: Float32Array.of(3, 0, 0, 2, 0, 5, -1, 0), rows: 4, dim: 2 });
  const model = lensOf("resid_post");
  const some = await describeRegions(dictionary, model, { regions: [2, 1, 2] });
  assertEquals(some.map(({ region, count, lens: [{ token }] }) => [region, count, token]), [
    ...[[2, 1, "-1"], [1, 2, "0"], [2, 1, "-1"]],
  ]);
  assertEquals((await describeRegions(dictionary, model)).map(({ count }) => count), [1, 2, 1], "default all");
  await assertRejects(() => describeRegions(dictionary, model, { regions: [3] }), RangeError, "0 to 2 but found 3");
});
