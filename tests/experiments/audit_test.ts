import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { auditOrders } from "../../experiments/lib/audit/measure.ts";
import { openBackend, Random } from "../../src/compute/mod.ts";
import { withExperiment } from "./child.ts";

const SMALL = "--layers 6 --percentiles 4 --texts 16 --prompts 24 --calibration 2000 --min-members 3";

Deno.test("audit leaves its tables, charts and report, and findings beside false alarms", () =>
  withExperiment("audit", SMALL.split(" "), async ({ code, stdout, out, record }) => {
    assertEquals(code, 0);
    for (const file of record.outputs) assert((await Deno.stat(`${out}/${file}`)).size > 0, file);
    for (const name of ["audit", "counterparts"]) assert(record.outputs.includes(`${name}.png`), name);
    for (const reading of ["text", "chat"]) {
      const number = (key: string) => {
        const value = record.findings[`${reading}_${key}`];
        assert(typeof value === "number" && Number.isFinite(value), `${reading}_${key}: ${value}`);
        return value;
      };
      assert(number("regions_before") >= 19 && number("regions_after") >= 19);
      for (const key of ["dropped_share", "introduced_share", "false_alarms_before", "false_alarms_after"]) {
        assert(number(key) >= 0 && number(key) <= 1, key);
      }
      assert(number("noise_floor_cosine") > 0 && number("counterpart_cosine") > 0);
    }
    assertStringIncludes(stdout, "false alarms");
    assertStringIncludes(await Deno.readTextFile(`${out}/report.html`), "Introduced");
  }));

Deno.test("an audit finds the regions that were replaced, and as many false alarms as it was told to allow", async () => {
  const [dim, size, replaced] = [48, 200, 40];
  const random = new Random(2);
  const draw = () => Float32Array.from({ length: dim }, () => random.normal());
  const common = Array.from({ length: size }, draw);
  // After finetuning the first regions are others; every stream order sees each direction with some noise.
  const later = common.map((direction, region) => region < replaced ? draw() : direction);
  const ordersOf = (directions: Float32Array[]) =>
    new Map([0, 1, 2, 3].map((seed) => {
      const noisy = directions.map((direction) => direction.map((value) => value + 0.3 * random.normal()));
      const means = Float32Array.from(noisy.flatMap((row) => [...row.map((value) => value / Math.hypot(...row))]));
      const memberCounts = new Int32Array(size).fill(9).fill(1, size - 10);
      return [seed, [{ layer: 1, percentile: 4, threshold: 0.4, dim, size, means, memberCounts }]];
    }));
  const orders = { before: ordersOf(common), after: ordersOf(later) };
  const audits = await auditOrders(await openBackend("cpu"), "text", orders, { minMembers: 2, alpha: 0.1 });
  assertEquals(
    audits.map(({ side, seed }) => `${side} ${seed}`).join(),
    [
      ...[0, 1, 2, 3].map((seed) => `before ${seed}`),
      ...[0, 1, 2, 3].map((seed) => `after ${seed}`),
    ].join(),
  );
  for (const { regions, moved, gone, falseAlarms } of audits) {
    assertEquals(regions.length, size - 10, "regions of a single member are not audited");
    assert(regions.slice(0, replaced).every(({ verdict }) => verdict === "gone"));
    assert(falseAlarms < 0.25, `${falseAlarms}`);
    // Noise leaves the others within the threshold: what of them is called is called moved.
    assertEquals(gone, replaced / regions.length);
    assert(moved < 0.25, `${moved}`);
  }
  const mean = audits.reduce((sum, { falseAlarms }) => sum + falseAlarms, 0) / audits.length;
  assert(Math.abs(mean - 0.1) < 0.04, `${mean}`);
});
