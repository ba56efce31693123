import { assertEquals, assertThrows } from "@std/assert";
import {
  difference,
  distinct,
  exceeds,
  figure,
  meanOf,
  meansText,
  percent,
  rangeOf,
  rangeText,
  settingsOf,
  signed,
  spreadOf,
  Sweep,
  tallyText,
} from "../../src/report/mod.ts";

interface Measured {
  readonly layer: number;
  readonly percentile: number;
  readonly seed: number;
  readonly set: string;
  readonly auroc: number | null;
}

const measured = (layer: number, percentile: number, seed: number, auroc: number | null, set = "a"): Measured => {
  return { layer, percentile, seed, set, auroc };
};

const SWEEP = new Sweep([
  ...[measured(5, 8, 0, 0.9), measured(5, 2, 0, 0.6), measured(5, 2, 1, null), measured(1, 2, 0, 0.5)],
  ...[measured(1, 8, 0, 0.7), measured(1, 8, 1, 0.8), measured(5, 8, 0, 0.1, "b")],
]);

Deno.test("settings ascend by the first key, then the second, whatever the order of the rows", () => {
  assertEquals(SWEEP.settings.map(({ name }) => name), [
    ...["layer 1, p 2", "layer 1, p 8", "layer 5, p 2", "layer 5, p 8"],
  ]);
  assertEquals(SWEEP.each("layer"), [1, 5]);
  assertEquals(SWEEP.by(({ rows }) => rows.length), [[1, 2], [2, 2]]);
});

Deno.test("means and ranges leave out what is missing", () => {
  assertEquals(SWEEP.at({ layer: 5, percentile: 2 })!.mean("auroc"), 0.6);
  assertEquals(SWEEP.at({ layer: 1, percentile: 8 })!.range("auroc"), [0.7, 0.8]);
  assertEquals(SWEEP.where({ seed: 1, layer: 5 }).mean("auroc"), null);
  assertEquals(SWEEP.at({ layer: 5, percentile: 2 })!.meanRow("auroc"), measured(5, 2, 0, 0.6));
  assertEquals(SWEEP.at({ layer: 1, percentile: 8 })!.meanRow("auroc", "seed"), measured(1, 8, 0.5, 0.75));
  assertEquals(SWEEP.mean(({ auroc }) => auroc && 2 * auroc), 2 * (0.9 + 0.6 + 0.5 + 0.7 + 0.8 + 0.1) / 6);
  assertEquals([meanOf([]), meanOf([null, 3, undefined, NaN]), rangeOf([null, NaN])], [null, 3, null]);
});

Deno.test("a missing figure is above none, and none is above it, also none below 0", () => {
  const missing = [null, undefined, NaN];
  assertEquals([exceeds(0.2, 0.1), exceeds(0.1, 0.1), exceeds(0, -1)], [true, false, true]);
  for (const none of missing) {
    assertEquals([exceeds(none, -1), exceeds(1, none), exceeds(none, none)], Array(3).fill(false));
  }
  for (const none of missing) assertEquals([difference(none, 1), difference(1, none)], [null, null]);
  assertEquals(difference(0.25, 1), -0.75);
});

Deno.test("the middle is of every key's middle value, or the middle setting where that was not run", () => {
  assertEquals(SWEEP.middle.key, { layer: 5, percentile: 8 });
  assertEquals(SWEEP.middle.where({ set: "b" }).values("auroc"), [0.1]);
  const ragged = new Sweep([measured(1, 2, 0, 1), measured(1, 8, 0, 1), measured(3, 2, 0, 1)]);
  assertEquals(ragged.middle.key, { layer: 1, percentile: 8 });
  assertThrows(() => new Sweep<Measured>([]).middle, Error, "at least one setting");
});

Deno.test("how many settings show something, and settings of other keys", () => {
  assertEquals(SWEEP.tally((setting) => exceeds(setting.mean("auroc"), 0.55)), "in 2 of 4 settings of layer and p");
  const bySet = new Sweep(SWEEP.rows, ["set"]);
  assertEquals(bySet.settings.map(({ name, rows }) => [name, rows.length]), [["set a", 6], ["set b", 1]]);
  assertEquals(distinct(["b", "a", "b"]), ["b", "a"]);
});

Deno.test("rows by any of their properties, in the order in which they come, missing values too", () => {
  const rows = [
    { source: "b", k: null, auroc: 0.5 },
    { source: "a", k: 2, auroc: 0.6 },
    { source: "b", k: null, auroc: 0.7 },
  ];
  const [first, second, ...others] = settingsOf(rows, ["source", "k"]);
  assertEquals(others, []);
  assertEquals([first.key, first.mean("auroc")], [{ source: "b", k: null }, 0.6]);
  assertEquals([second.key, second.rows], [{ source: "a", k: 2 }, [rows[1]]]);
});

Deno.test("figures of sentences", () => {
  assertEquals([figure(0.12345), figure(null), figure(12)], ["0.123", "–", "12"]);
  assertEquals([percent(0.125), percent(null)], ["12.5\u00a0%", "–"]);
  assertEquals([signed(0.25), signed(-0.5), signed(0), signed(null)], ["+0.25", "−0.5", "0", "–"]);
  assertEquals([rangeText([0.5, null, 0.25]), rangeText([2, 2]), rangeText([])], ["0.25 to 0.5", "2", "–"]);
});

Deno.test("one of something has no spread, no range and no tally", () => {
  assertEquals([spreadOf([0.3]), spreadOf([0.3, null, undefined]), spreadOf([]), spreadOf([0.3, 0.3])], [
    ...[null, null, null, [0.3, 0.3]],
  ]);
  assertEquals(SWEEP.at({ layer: 5, percentile: 2 })!.spread("auroc"), null, "the other order has no AUROC");
  assertEquals(SWEEP.at({ layer: 1, percentile: 8 })!.spread("auroc"), [0.7, 0.8]);
  assertEquals([rangeText([0.6151, 0.6149]), rangeText([0.615, 0.616])], ["0.615", "0.615 to 0.616"]);
  assertEquals([0, 1].map((count) => tallyText(count, 1, "percentile", "at")), [
    ...["at no percentile", "at the one percentile"],
  ]);
  assertEquals(tallyText(0, 3, "setting of layer and p"), "in 0 of 3 settings of layer and p");
  assertEquals([meansText(1), meansText(2, "orders", 1)], [
    "There is one of the seeds.",
    "Dots are orders (2), strokes their means.",
  ]);
});
