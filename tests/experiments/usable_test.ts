import { assertEquals, assertStringIncludes } from "@std/assert";
import { openBackend } from "../../src/compute/mod.ts";
import { usableSettings } from "../../src/partition/mod.ts";

Deno.test("percentiles whose threshold is 0 are reported, the others kept", async () => {
  const center = Float32Array.of(1, 2);
  const calibration = { center, percentiles: [0.1, 1, 2], thresholds: [0, 0.2, 0.3], activations: 10 };
  const none = { center, percentiles: [0.1], thresholds: [0], activations: 10 };
  const { calibrations, failed } = await usableSettings(
    new Map([[3, calibration], [5, none]]),
    await openBackend("cpu"),
  );
  assertEquals([...calibrations], [[3, { ...calibration, percentiles: [1, 2], thresholds: [0.2, 0.3] }]]);
  assertEquals(failed.map(({ layer, percentile, threshold }) => [layer, percentile, threshold]), [[3, 0.1, 0], [
    5,
    0.1,
    0,
  ]]);
  assertStringIncludes(failed[0].reason, "found 0 at percentile 0.1");
});
