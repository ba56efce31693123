import { assertEquals } from "@std/assert";
import {
  type Ablation,
  answerRates,
  bestAblation,
  kindShares,
  mostSpecificLayer,
  nullFalls,
  nullHolds,
  RefusalLab,
  type RefusalSetting,
} from "../../src/analysis/mod.ts";
import type { Intervention } from "../../src/model/mod.ts";

const ablation = (delta: number, nullDelta: number | null, rest: Partial<Ablation> = {}): Ablation => ({
  seed: 0,
  layer: 6,
  percentile: 2,
  basis: "mean",
  k: 1,
  refused: 1 + delta,
  loops: 0,
  delta,
  nullDelta,
  nullLoops: 0,
  nullDistance: 0.1,
  members: 50,
  share: 1,
  ...rest,
});
const STANDARD = { nullTolerance: 0.1, matchDistance: 0.3 };

Deno.test("answers are counted as refusals and loops", () => {
  assertEquals(answerRates(["I cannot.", "Sure!", `I cannot${" no".repeat(9)}`, "Yes."]), {
    refused: 0.5,
    loops: 0.25,
  });
});

Deno.test("the best ablation is a large fall beside a null that holds", () => {
  const [falling, matched, far] = [ablation(-1, -0.9), ablation(-0.6, -0.1), ablation(-0.8, 0, { nullDistance: 1 })];
  assertEquals(bestAblation([falling, far, matched], STANDARD), matched);
  assertEquals(bestAblation([matched, ablation(-0.9, 0, { k: 2 })], STANDARD), matched);
  assertEquals(bestAblation([falling, far], STANDARD), far);
  assertEquals(bestAblation([falling, far], { nullTolerance: 1, matchDistance: 0.3 }), falling);
});

Deno.test("without a null that holds, the fall that exceeds its null's most is the best; without nulls, the largest", () => {
  const [both, more, alone] = [ablation(-1, -0.9), ablation(-0.7, -0.2), ablation(-1, null)];
  assertEquals(bestAblation([both, more, alone], STANDARD), more);
  assertEquals(bestAblation([ablation(-0.2, null), alone], STANDARD), alone);
  // A null that holds beside a small fall is no effect.
  assertEquals(bestAblation([more, ablation(-0.1, 0)], STANDARD), more);
  assertEquals(bestAblation([], STANDARD), undefined);
});

Deno.test("the most specific layer is that of the percentile whose falls exceed the nulls', averaged over seeds", () => {
  const ablations = [
    ablation(-1, -0.9, { layer: 5 }),
    ablation(-0.9, 0, { layer: 6 }),
    ablation(-0.1, 0, { layer: 6, seed: 1 }),
    ablation(-0.6, 0, { layer: 7 }),
    ablation(-0.6, null, { layer: 4 }),
  ];
  assertEquals(mostSpecificLayer(ablations), 7);
  assertEquals(mostSpecificLayer(ablations.slice(4)), 4);
  assertEquals(mostSpecificLayer([]), undefined);
});

Deno.test("a null holds within the tolerance, falls below it, and does neither where there is none", () => {
  const held = [-0.11, -0.1, 0.1, 0.2, null].map((nullDelta) => nullHolds({ nullDelta }, STANDARD));
  assertEquals(held, [false, true, true, false, false]);
  const fell = [-0.11, -0.1, 0.2, null].map((nullDelta) => nullFalls({ nullDelta }, STANDARD));
  assertEquals(fell, [true, false, false, false]);
});

Deno.test("kinds of answers are shares of all", () => {
  const shares = kindShares(["Yes.", `Yes${" yes".repeat(9)}`, "I cannot.", "No."], ["Yes.", "Yes.", "Yes.", "Yes."]);
  assertEquals(Object.entries(shares), [
    ...[["unchanged", 0.25], ["degenerate loop", 0.25], ["coherent refusal", 0.25], ["other text", 0.25]],
  ]);
});

const region = (number: number) => {
  const direction = Float32Array.of(number, 0);
  return {
    ...{ region: number, members: 10 - number, share: 1, count: 20, coherence: 0.9 },
    directions: { mean: direction, exemplar: direction, "re-anchored": direction },
  };
};
const setting = (rest: Partial<RefusalSetting> = {}): RefusalSetting => ({
  ...{ seed: 0, layer: 6, percentile: 2, threshold: 0.2, size: 9, occupied: 4, center: new Float32Array(2) },
  candidates: [region(1), region(2)],
  matched: { ...region(5), distance: 0.1 },
  ...rest,
});

/** A model that refuses two harmful prompts in three; one of these as long as region 1's direction is there. */
function answered(asked: string[] = []) {
  return (set: string, name: string, intervention?: Intervention): Promise<string[]> => {
    asked.push(`${set}: ${name}`);
    if (set === "harmless") return Promise.resolve(["Sure."]);
    const isGone = intervention?.ablate?.directions.some(([x]) => x === 1);
    return Promise.resolve([isGone ? "Sure." : "I cannot.", "I cannot.", "Sure."]);
  };
}

Deno.test("the lab ablates regions beside their null, and has nothing answered twice", async () => {
  const asked: string[] = [];
  const lab = await RefusalLab.create(answered(asked));
  assertEquals(asked.length, 3);
  const { refused, delta, nullDelta, nullDistance, members } = await lab.ablate(setting(), "mean", 1);
  assertEquals([refused, delta, nullDelta, nullDistance, members], [1 / 3, 1 / 3 - 2 / 3, 0, 0.1, 9]);
  await lab.ablate(setting(), "mean", 2);
  assertEquals(asked.length, 6);
  const none = await lab.ablate(setting({ matched: null, seed: 1 }), "mean", 1);
  assertEquals([none.nullDelta, none.nullLoops, none.nullDistance], [null, null, null]);
});

Deno.test("a sweep ablates all first regions, and more where these do most", async () => {
  const settings = [setting({ layer: 5, candidates: [region(2)] }), setting(), setting({ seed: 1, candidates: [] })];
  const counts: number[] = [];
  const ablations = await (await RefusalLab.create(answered())).sweep(settings, [1, 2, 3], (done) => counts.push(done));
  assertEquals(ablations.map(({ layer, basis, k }) => `${layer} ${basis} ${k}`), [
    ...["5 mean 1", "6 mean 1", "6 mean 2"],
    ...["6 exemplar 1", "6 exemplar 2", "6 re-anchored 1", "6 re-anchored 2"],
  ]);
  assertEquals(counts, [1, 2, 3, 4, 5, 6, 7]);
});

Deno.test("the best ablation is confirmed beside its null, on other prompts and on harmless ones", async () => {
  const lab = await RefusalLab.create(answered());
  const { others, harmless, answers } = await lab.confirm(setting(), "mean", 1);
  assertEquals([others.before, others.region, others.null], [2 / 3, 1 / 3, 2 / 3]);
  assertEquals([harmless.region.unchanged, answers.region[0], answers.null?.[0]], [1, "Sure.", "I cannot."]);
  assertEquals((await lab.confirm(setting({ matched: null }), "mean", 1)).others.null, null);
});

Deno.test("references and steering name their directions, in mean distances from the center", async () => {
  const strengths: (number | undefined)[] = [];
  const lab = await RefusalLab.create((set, name, intervention) => {
    if (intervention?.steer) strengths.push(intervention.steer.alpha);
    return answered()(set, name, intervention);
  });
  const finals = { finals: { data: Float32Array.of(4, 0, 2, 0), rows: 2, dim: 2 }, isHarmful: [true, false] };
  const references = await lab.references(6, new Float32Array(2), finals, 0);
  assertEquals(references.map(({ direction }) => direction), [
    ...["difference in means", "mean of all final positions", "random direction"],
  ]);
  assertEquals(references.slice(0, 2).map(({ delta, vector }) => [delta, [...vector]]), [
    [1 / 3 - 2 / 3, [1, 0]],
    [1 / 3 - 2 / 3, [1, 0]],
  ]);
  const steered = await lab.steer(setting({ matched: null }), "mean", finals, [0.5, 1]);
  assertEquals(steered.map(({ direction, alpha }) => `${direction} ${alpha}`), [
    ...["region of refusal 0.5", "region of refusal 1", "difference in means 0.5", "difference in means 1"],
  ]);
  assertEquals(strengths, [1.5, 3, 1.5, 3]);
});
