import { assertAlmostEquals, assertEquals } from "@std/assert";
import { extract } from "../../src/activations/mod.ts";
import { meansByPrompt, nearestDistances, RandomExemplars } from "../../src/analysis/mod.ts";
import { fakeActivation, FakeModel } from "../activations/fake_model.ts";
import { backendTest } from "../lib/backends.ts";

const unit = (x: readonly number[]) => x.map((value) => value / Math.hypot(...x));

backendTest("distances are to the nearest exemplar of each set, layer by layer, in stream order", async (backend) => {
  const model = new FakeModel();
  const center = Float32Array.of(1, 2, 3);
  const exemplars = [unit([1, 1, 1]), unit([1, -2, 0.5]), unit([0, 0, 1])];
  const random = (rows: number[][], threshold: number) =>
    new RandomExemplars(backend, backend.upload(Float32Array.from(rows.flat()), rows.length, 3), center, threshold);
  const sets = [
    { layer: 3, exemplars: random(exemplars, 0.2) },
    { layer: 0, exemplars: random(exemplars.slice(0, 1), 0.1) },
  ];
  const texts = ["abc", "", "xy", "q"];
  const stream = extract(model, texts, { layers: [0, 3], batchPrompts: 2 });
  const results = await nearestDistances(backend, stream, sets);
  assertEquals(model.held, 0);

  for (const [i, { layer }] of sets.entries()) {
    const choices = i === 0 ? exemplars : exemplars.slice(0, 1);
    const expected = texts.map((text) =>
      [...text].map((_, at) => {
        const direction = unit(fakeActivation(model.encode(text), at + 1, layer).map((value, j) => value - center[j]));
        return Math.min(...choices.map((e) => 1 - e.reduce((dot, value, j) => dot + value * direction[j], 0)));
      })
    );
    const { activations, prompts } = results[i];
    assertEquals(activations.length, 6);
    expected.flat().forEach((distance, row) => assertAlmostEquals(activations[row], distance, 1e-5));
    const means = expected.filter((d) => d.length > 0).map((d) => d.reduce((a, b) => a + b) / d.length);
    assertEquals(prompts.length, 3, "the empty prompt has no activation");
    means.forEach((mean, p) => assertAlmostEquals(prompts[p], mean, 1e-5));
  }
});

Deno.test("means by prompt pass over prompts without rows", () => {
  assertEquals(meansByPrompt([1, 3, 10], Int32Array.of(0, 0, 2), 4), [2, 10]);
});
