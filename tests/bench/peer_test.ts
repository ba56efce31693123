import { assertAlmostEquals, assertEquals } from "@std/assert";
import { calibrate, Dictionary } from "../../mod.ts";
import { Clustered } from "./data.ts";
import { readIntegers, writeRaw } from "./files.ts";
import { Peer } from "./peer.ts";
import { differenceOf } from "./same_partition.ts";

const [DIM, ROWS, BATCH] = [64, 1500, 300];
const isThere = await Peer.start().then(async (peer) => {
  await peer?.[Symbol.asyncDispose]();
  return peer !== undefined;
});

Deno.test({
  name: "the NumPy port measures the same thresholds and grows the same dictionary",
  ignore: !isThere,
  async fn() {
    const folder = await Deno.makeTempDir();
    await using peer = (await Peer.start())!;
    const batches = [...new Clustered({ dim: DIM, families: 40 }).batches(ROWS, BATCH)];
    const data = Float32Array.from(batches.flatMap(({ data }) => [...data]));
    await peer.load("x", await writeRaw(folder, "x.f32", data), DIM);

    const percentiles = [1, 8, 50];
    const calibration = await calibrate(batches, { percentiles, pairs: "batch", backend: "cpu" });
    for (const task of ["calibrate", ...peer.has("scipy") ? ["calibrate pdist"] : []]) {
      const { thresholds } = await peer.ask({ do: task, x: "x", percentiles, batch: BATCH });
      thresholds.forEach((threshold, i) => assertAlmostEquals(threshold, calibration.thresholds[i], 1e-6));
    }

    const { center, threshold } = calibration.at(8);
    using dictionary = await Dictionary.create({ center, threshold }, { backend: "cpu" });
    const regions: number[] = [];
    for (const batch of batches) regions.push(...(await dictionary.add(batch)).regions);
    await peer.load("c", await writeRaw(folder, "c.f32", Float32Array.from(center)), DIM);
    await peer.ask({ do: "build", x: "x", center: "c", threshold, batch: BATCH, out: folder });
    const other = {
      founders: await readIntegers(folder, "founders.i32"),
      regions: await readIntegers(folder, "regions.i32"),
    };
    const ours = { founders: Array.from(dictionary.founders), regions };
    const difference = differenceOf(ours, other, { data, center: Float32Array.from(center), threshold });
    assertEquals(difference, { founders: 0, members: 0, beyondTies: 0 });
    assertEquals([...await readIntegers(folder, "counts.i32")], Array.from(dictionary.memberCounts));
    await Deno.remove(folder, { recursive: true });
  },
});
