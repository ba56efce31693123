import { assert, assertEquals, assertRejects } from "@std/assert";
import { auditOrders, auditRegions, type SettingDirections } from "../../src/analysis/mod.ts";
import { openBackend, Random } from "../../src/compute/mod.ts";

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
  const [before, after] = [ordersOf(common), ordersOf(later)];
  const backend = await openBackend("cpu");
  const rule = { minMembers: 2, alpha: 0.1 };
  const audits = [
    ...await auditOrders(backend, before, after, rule),
    ...await auditOrders(backend, after, before, rule),
  ];
  assertEquals(audits.map(({ seed }) => seed), [0, 1, 2, 3, 0, 1, 2, 3]);
  for (const { regions, audited, verdicts, moved, gone, falseAlarms } of audits) {
    assertEquals([regions, audited, verdicts.length], [size, size - 10, size - 10], "single members are not audited");
    assert(verdicts.slice(0, replaced).every(({ verdict }) => verdict === "gone"));
    assert(falseAlarms! < 0.25, `${falseAlarms}`);
    // Noise leaves the others within the threshold: what of them is called is called moved.
    assertEquals(gone, replaced / audited);
    assert(moved! < 0.25, `${moved}`);
  }
  const mean = audits.reduce((sum, { falseAlarms }) => sum + falseAlarms!, 0) / audits.length;
  assert(Math.abs(mean - 0.1) < 0.04, `${mean}`);
});

Deno.test("an audit of too few regions tells nothing, of too few orders is refused", async () => {
  const backend = await openBackend("cpu");
  const dictionary: SettingDirections = {
    ...{ layer: 1, percentile: 4, size: 2, dim: 2, threshold: 0.1 },
    means: Float32Array.of(1, 0, 0, 1),
    memberCounts: Int32Array.of(5, 6),
  };
  const others = { across: dictionary, own: [dictionary, dictionary, dictionary] } as const;
  for (const minMembers of [5, 7]) {
    const { moved, gone, falseAlarms } = await auditRegions(backend, dictionary, others, { minMembers, alpha: 0.05 });
    assertEquals([moved, gone, falseAlarms], [null, null, null], `${minMembers} members`);
  }
  const orders = new Map([0, 1, 2].map((seed) => [seed, [dictionary]]));
  await assertRejects(
    () => auditOrders(backend, orders, orders, { minMembers: 5, alpha: 0.05 }),
    RangeError,
    "four stream orders or more but found 3",
  );
});
