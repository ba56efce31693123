/**
 * How fast a dictionary grows on the CPU, from activations to exemplars, members and statistics, against the same in NumPy,
 * and whether both have the same exemplars and the same members.
 */
import { calibrate } from "../../src/partition/mod.ts";
import { cpuSearches, OURS } from "./contenders.ts";
import { Clustered } from "./data.ts";
import { readIntegers, writeRaw } from "./files.ts";
import { differenceOf, type Partition } from "./same_partition.ts";
import type { BenchSettings } from "./settings.ts";
import { type BenchRow, figure, figuresOf, inTurns, type Way } from "./timing.ts";

const PERCENTILE = 2;
/** Activations of a published batch: 128 prompts of 127. */
const BATCH = 4064;

/** Measures it at the size of a small real run. */
export async function benchBuild(settings: BenchSettings): Promise<BenchRow[]> {
  const { quick, repeats, peer, folder, note } = settings;
  const contenders = await cpuSearches(settings);
  const [dim, rows, batch] = quick ? [256, 4000, 500] : [2304, 10 * BATCH, BATCH];
  if (!quick) note("build: 40,640 activations at D 2304 take some 10 s a run and way on two cores");
  const data = new Clustered({ dim }).take(rows);
  const part = (start: number) => ({ data: data.subarray(start * dim, (start + batch) * dim), rows: batch, dim });
  const calibration = await calibrate([part(0)], { percentiles: [PERCENTILE], backend: contenders[0].backend });
  const { center, threshold } = calibration.at(PERCENTILE);

  const [ways, partitions]: [Way[], Map<string, Partition>] = [[], new Map()];
  const same: (Partition & { distances: Float32Array })[] = [];
  for (const { name, backend, module, isExact } of contenders) {
    const run = async (): Promise<Partition & { distances: Float32Array }> => {
      const dictionary = await module.Dictionary.create({ center, threshold }, { backend });
      const [regions, distances] = [new Int32Array(rows), new Float32Array(rows)];
      for (let start = 0; start < rows; start += batch) {
        const assignment = await dictionary.add(part(start));
        regions.set(assignment.regions, start);
        distances.set(assignment.distances, start);
      }
      const founders = Array.from(dictionary.founders);
      // Not by `using`: older versions do not know it.
      dictionary.dispose();
      return { founders, regions, distances };
    };
    const partition = await run();
    if (name === OURS || !isExact) partitions.set(name, partition);
    if (isExact) same.push(partition);
    ways.push({ name, run: async () => void await run() });
  }
  if (peer) {
    await peer.load("x", await writeRaw(folder, "activations.f32", data), dim);
    await peer.load("center", await writeRaw(folder, "center.f32", center), dim);
    const run = () => peer.ask({ do: "build", x: "x", center: "center", threshold, batch, out: folder });
    await run();
    const read = (name: string) => readIntegers(folder, name);
    partitions.set(peer.name, { founders: await read("founders.i32"), regions: await read("regions.i32") });
    ways.push({ name: peer.name, run });
  }

  const [[, ours], ...others] = partitions;
  const name = "build of a dictionary";
  const detail = `${rows} x ${dim} in batches of ${batch}, θ at p ${PERCENTILE}: K ${ours.founders.length}`;
  const differences = others.flatMap(([other, partition]) => {
    const difference = differenceOf(ours, partition, { data, center, threshold });
    return Object.entries({
      "founders of one only": difference.founders,
      "members of another exemplar": difference.members,
      "of them no ties within float32": difference.beyondTies,
    }).map(([what, count]) => figure(`${name}, ${what}`, `${OURS} against ${other}`, "activations", [count], detail));
  });
  const [first] = same;
  const apart =
    first.distances.filter((distance, row) =>
      same.some(({ regions, distances }) => distances[row] !== distance || regions[row] !== first.regions[row])
    ).length;
  return [
    ...figuresOf(await inTurns(ways, repeats), { name, amount: rows, unit: "activations", detail }),
    ...differences,
    figure(`${name}, other bytes by integers than in float`, OURS, "activations", [apart], detail),
  ];
}
