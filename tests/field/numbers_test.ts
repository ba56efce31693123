/** Numbers that neighbouring tools were reported to get wrong, computed another way. */
import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { auroc, Dictionary, loadModel, match } from "../../mod.ts";
import { Random } from "../../src/compute/mod.ts";
import { backendTest } from "../lib/backends.ts";
import { FIXTURES } from "./models.ts";

const normals = (count: number, seed: number) => {
  const random = new Random(seed);
  return Float32Array.from({ length: count }, () => random.normal());
};
const toy = () => loadModel(`${FIXTURES}gemma-2-toy`, { device: "cpu" });
const largest = (values: Float32Array) => values.reduce((a, b) => Math.max(a, b), -Infinity);

Deno.test("auroc-ties: AUROC counts pairs, ties half; of no positives it is NaN", () => {
  const [low, high] = [normals(60, 1).map((v) => Math.round(2 * v)), normals(40, 2).map((v) => Math.round(2 * v + 1))];
  let wins = 0;
  for (const p of high) for (const n of low) wins += Number(p > n) + Number(p === n) / 2;
  assertAlmostEquals(auroc(low, high), wins / (60 * 40), 1e-12);
  assertEquals([auroc([], [1, 2]), auroc([1, 2], [])], [NaN, NaN]);
});

Deno.test("lens-is-logits: the lens after the last block is the model's logits, soft cap and all", async () => {
  await using model = await toy();
  const tokens = model.encode("The old river runs behind");
  const last = model.layers - 1;
  const { residuals } = await model.capture([tokens], [last]);
  const stream = residuals.get(last)!.data!.slice((tokens.length - 1) * model.dim, tokens.length * model.dim);
  const [lens] = await model.lens(stream, 1, 5);
  const { vocab, data } = await model.logits([tokens]);
  const logits = data.subarray((tokens.length - 1) * vocab, tokens.length * vocab);
  const order = [...logits.keys()].sort((a, b) => logits[b] - logits[a]).slice(0, 5);
  assertEquals(lens.map(({ id }) => id), order);
  lens.forEach(({ id, logit }) => assertAlmostEquals(logit, logits[id], 1e-2));
});

Deno.test("edit-every-token: a direction that is added while a text is generated acts at every token, as without a cache", async () => {
  await using model = await toy();
  const prompt = model.encode("The king");
  const interventions = [{ layer: 4, steer: { direction: normals(model.dim, 12), alpha: 6 } }];
  const [steered] = await model.generate([prompt], { maxNewTokens: 10, interventions });
  const [plain] = await model.generate([prompt], { maxNewTokens: 10 });
  assert(steered !== plain, "the direction changes the text");
  const tokens = [...prompt];
  for (let i = 0; i < 10; i++) {
    const { vocab, data } = await model.logits([Int32Array.from(tokens)], interventions);
    const row = data.subarray((tokens.length - 1) * vocab, tokens.length * vocab);
    const next = row.indexOf(largest(row));
    if (next === 1) break;
    tokens.push(next);
  }
  assertEquals(steered, model.decode(tokens.slice(prompt.length)));
});

backendTest("matching: a matching has the largest sum of cosines of all assignments", async (backend) => {
  const make = async (rows: number, seed: number) => {
    const dictionary = await Dictionary.create({ center: new Float32Array(6), threshold: 1e-5 }, { backend });
    const data = normals(rows * 6, seed);
    await dictionary.add({ rows, dim: 6, data });
    return { dictionary, data };
  };
  const [a, b] = [await make(4, 21), await make(6, 22)];
  using _a = a.dictionary;
  using _b = b.dictionary;
  const cosine = (i: number, j: number) => {
    const [x, y] = [a.data.subarray(i * 6, i * 6 + 6), b.data.subarray(j * 6, j * 6 + 6)];
    return x.reduce((sum, value, d) => sum + value * y[d], 0) / Math.hypot(...x) / Math.hypot(...y);
  };
  const best = (i: number, used: readonly number[]): number =>
    i === 4 ? 0 : Math.max(
      ...[0, 1, 2, 3, 4, 5].filter((j) => !used.includes(j)).map((j) => cosine(i, j) + best(i + 1, [...used, j])),
    );
  const { total } = await match(a.dictionary, b.dictionary, { basis: "exemplar" });
  assertAlmostEquals(total, best(0, []), 1e-5);
});
