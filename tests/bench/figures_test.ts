import { assertAlmostEquals, assertEquals } from "@std/assert";
import { fitPowerLaw, throughMean } from "./fit.ts";
import { answerOf, figureTable } from "./report.ts";
import { differenceOf } from "./same_partition.ts";
import { figuresOf, inTurns } from "./timing.ts";

Deno.test("ways run in turns, by the clock of whoever measures, and are compared turn by turn", async () => {
  const order: string[] = [];
  const way = (name: string, seconds: number[]) => ({
    name,
    run: () => {
      order.push(name);
      return Promise.resolve({ seconds: seconds.shift()!, processor: 2 });
    },
  });
  const times = await inTurns([way("ours", [1, 2, 4]), way("other", [3, 2, 2])], 3);
  assertEquals(order, ["ours", "other", "other", "ours", "ours", "other"]);
  const figures = figuresOf(times, { name: "work", amount: 8, unit: "rows", detail: "" });
  assertEquals(figures.map(({ way, unit, median, least, most, runs }) => [way, unit, median, least, most, runs]), [
    ["ours", "rows/s", 4, 2, 8, 3],
    ["other", "rows/s", 4, 8 / 3, 4, 3],
    ["ours against other", "times as fast", 1, 0.5, 3, 3],
  ]);
});

Deno.test("a ratio is told of processor time too", () => {
  const run = (processor: number) => [{ seconds: 1, processor }];
  const work = { name: "work", amount: 1, unit: "rows", detail: "" };
  const figures = figuresOf(new Map([["ours", run(2)], ["other", run(3)]]), work);
  assertEquals(figures.map(({ byProcessor }) => byProcessor), [null, null, 1.5]);
});

Deno.test("a power law is found again", () => {
  const { exponent, factor } = fitPowerLaw([1, 10, 300].map((x) => ({ x, y: 4 * x ** 1.5 })));
  assertAlmostEquals(exponent, 1.5, 1e-12);
  assertAlmostEquals(factor, 4, 1e-12);
  const through = throughMean([1, 10, 300].map((x) => ({ x, y: 4 * x ** 1.5 })), 1.5);
  assertAlmostEquals(through.factor, 4, 1e-12);
});

Deno.test("a page shows each figure with its own digits, and says where another is faster", () => {
  const run = (seconds: number) => [{ seconds, processor: seconds }];
  const of = (name: string, times: Record<string, number>) =>
    figuresOf(new Map(Object.entries(times).map(([way, seconds]) => [way, run(seconds)])), {
      ...{ name, amount: 12_345, unit: "rows", detail: "" },
    });
  const rows = [
    ...of("nearest", { "exemplar": 1, "NumPy": 0.5489, "exemplar, float": 0.1, "before": 0.1 }),
    ...of("logits", { "exemplar, no hook": 1, "transformers.js": 2 }),
    ...of("WebGPU", { "by integers": 1, "in float32": 0.2, "onnxruntime's MatMul and ArgMax": 0.25 }),
    ...of("texts", { "six p at three layers": 1, "one p at the deepest of them": 0.5 }),
  ];
  const shown = figureTable(rows).rows.map(([, way, median]) => `${way}: ${median}`);
  assertEquals(shown.slice(0, 5), [
    "exemplar: 12,345",
    "NumPy: 22,490",
    "exemplar, float: 123,450",
    "before: 123,450",
    "exemplar against NumPy: 0.5489",
  ]);
  assertEquals(
    answerOf(rows),
    "It is faster in 1 of 3 comparisons. It is not in: nearest, exemplar against NumPy: 0.5489; WebGPU, by integers " +
      "against onnxruntime's MatMul and ArgMax: 0.25.",
  );
});

Deno.test("partitions are compared by founders, whatever the order of regions, and ties are told from the rest", () => {
  // The third lies between the first two, the fourth nearer to the second.
  const stream = { data: Float32Array.of(1, 0, 0, 1, 1, 1, 1, 2), center: new Float32Array(2), threshold: 0.5 };
  const one = { founders: [0, 1], regions: [0, 1, 0, 1] };
  const compare = (founders: number[], regions: number[]) => differenceOf(one, { founders, regions }, stream);
  assertEquals(compare([1, 0], [1, 0, 1, 0]), { founders: 0, members: 0, beyondTies: 0 });
  assertEquals(compare([0, 1], [0, 1, 1, 1]), { founders: 0, members: 1, beyondTies: 0 });
  assertEquals(compare([0, 1], [0, 1, 1, 0]), { founders: 0, members: 2, beyondTies: 1 });
  // The third founds a region in one of them, its distance to the first is 0.29.
  assertEquals(compare([0, 1, 2], [0, 1, 2, 1]), { founders: 1, members: 1, beyondTies: 1 });
  const near = { ...stream, threshold: 1 - Math.SQRT1_2 };
  assertEquals(differenceOf(one, { founders: [0, 1, 2], regions: [0, 1, 2, 1] }, near).beyondTies, 0);
});
