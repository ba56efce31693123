/** Whether the memory of a build grows with the stream, and how it compares with the arrays that it must hold. */
import { OURS } from "./contenders.ts";
import type { BenchSettings } from "./settings.ts";
import { takenBy } from "./task.ts";
import { type BenchRow, figure } from "./timing.ts";

/** Builds from a stream and from ten times as much of it, each in a process of its own. */
export async function benchMemory({ quick, repeats, note }: BenchSettings): Promise<BenchRow[]> {
  if (Deno.build.os !== "linux") {
    note("memory: what a process takes at most is told on Linux only.");
    return [];
  }
  const [dim, regions, rows] = quick ? [256, 1000, 10_000] : [768, 16_000, 100_000];
  if (!quick) note("memory: builds of 100,000 and 1,000,000 activations take minutes");
  const peaks: number[][] = [[], []];
  const [ratios, shares]: number[][] = [[], []];
  let size = 0;
  for (let turn = 0; turn < repeats; turn++) {
    const [short, long] = [
      await takenBy({ kind: "build", rows, dim, regions }),
      await takenBy({ kind: "build", rows: 10 * rows, dim, regions }),
    ];
    peaks[0].push(short.peak / 2 ** 20);
    peaks[1].push(long.peak / 2 ** 20);
    ratios.push(long.peak / short.peak);
    // The program and its runtime are there before the first activation.
    shares.push((long.peak - long.before) / long.held);
    size = long.regions;
  }
  const [name, detail] = ["peak memory of a build", `D ${dim}, K ${size} after ${10 * rows} activations, CPU`];
  return [
    figure(name, `${OURS}, ${rows} activations`, "MiB", peaks[0], detail),
    figure(name, `${OURS}, ${10 * rows} activations`, "MiB", peaks[1], detail),
    figure(name, `${10 * rows} against ${rows} activations`, "times as much", ratios, detail),
    figure(`${name}, what it adds to the process`, OURS, "times the arrays it must hold", shares, detail),
  ];
}
