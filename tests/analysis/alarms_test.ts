import { assert, assertEquals, assertThrows } from "@std/assert";
import { alarmRates, handleRates, promptDistances, refusalHandle, type Verdict } from "../../src/analysis/mod.ts";

Deno.test("alarms of the reference are counted on the half that did not set the threshold", () => {
  const text = Array.from({ length: 2000 }, (_, i) => (i * 7919) % 2000);
  const scores = new Map([["text", text], ["far", [5000, 6000]], ["none", []]]);
  const rows = alarmRates(scores, { reference: "text", rates: [0.1, 0.0001, 0.1], seeds: [0, 1] });
  assertEquals(rows.map(({ set, rate, seed }) => `${set} ${rate} ${seed}`), [
    ...["text 0.1 0", "far 0.1 0", "none 0.1 0"],
    ...["text 0.1 1", "far 0.1 1", "none 0.1 1"],
  ]);
  for (const { set, alarms } of rows) {
    if (set === "text") assert(alarms !== null && alarms > 0.05 && alarms < 0.15, `${alarms}`);
    else assertEquals(alarms, set === "far" ? 1 : null);
  }
  assert(rows[0].alarms !== rows[3].alarms, "each seed has its own half");
  assertThrows(() => alarmRates(scores, { reference: "texts", rates: [0.1], seeds: [0] }), RangeError, "text, far");
});

Deno.test("distances are of the prompts that have one, in order, a batch at a time", async () => {
  const sizes: number[] = [];
  const read = (prompts: readonly unknown[]) => {
    sizes.push(prompts.length);
    return Promise.resolve(prompts.map((text): Verdict => {
      const distance = text === "" ? null : Number(text);
      return { tokens: 2, truncated: false, distance, beyond: 0, region: 0, farthest: null, alarms: [] };
    }));
  };
  const done: number[] = [];
  const prompts = Array.from({ length: 70 }, (_, i) => i === 3 ? "" : `${i}`);
  const distances = await promptDistances({ read }, prompts, (count) => done.push(count));
  assertEquals(distances, [...Array(70).keys()].filter((i) => i !== 3));
  assertEquals([sizes, done], [[16, 16, 16, 16, 6], [16, 32, 48, 64, 70]]);
});

Deno.test("a handle needs five instructions, and has no accuracy where all or none are refused", () => {
  const regions = [1, 1, 1, 1, 2, 2, 2, 2, 2, 3];
  const refused = [true, true, true, true, true, true, true, false, false, false];
  const { regions: telling, occupied } = refusalHandle(regions, refused);
  assertEquals([[...telling], occupied], [[], 3]);
  assertEquals(refusalHandle(regions, refused.map(() => true)).accuracy, null);
  assertEquals(handleRates({ regions: new Set([2]) }, [2, 1], [true, true]), {
    ...{ refused: 2, sensitivity: 0.5, answered: 0, falseAlarms: null },
  });
});
