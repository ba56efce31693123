import { assertEquals, assertStringIncludes } from "@std/assert";
import { openBackend } from "../../src/compute/mod.ts";
import { Calibration, usableSettings } from "../../src/partition/mod.ts";

Deno.test("percentiles whose threshold is 0 are reported, the others kept", async () => {
  const center = Float32Array.of(1, 2);
  const levels = [[0.1, 0], [1, 0.2], [2, 0.3]].map(([percentile, threshold]) => ({ percentile, threshold }));
  const calibration = new Calibration({ center, levels, activations: 10 });
  const none = new Calibration({ center, levels: levels.slice(0, 1), activations: 10 });
  const { calibrations, failed } = await usableSettings(
    new Map([[3, calibration], [5, none]]),
    await openBackend("cpu"),
  );
  assertEquals([...calibrations], [[3, new Calibration({ ...calibration, levels: levels.slice(1) })]]);
  assertEquals(failed.map(({ layer, percentile, threshold }) => [layer, percentile, threshold]), [[3, 0.1, 0], [
    5,
    0.1,
    0,
  ]]);
  assertStringIncludes(failed[0].reason, "found 0 at percentile 0.1");
});
