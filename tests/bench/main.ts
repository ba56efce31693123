/**
 * Measures everything in this folder, prints it, and saves it with the machine's description:
 * `deno task bench` leaves `results/bench/bench.json` and `bench.arrow`.
 */
import { cpus, totalmem } from "node:os";
import { formatNumber, saveTable } from "../../src/report/mod.ts";
import { printTable } from "../../src/run/mod.ts";
import { describeAdapter, gpuAdapter } from "../../src/compute/device.ts";
import { writeJsonAtomic } from "../../src/files/atomic.ts";
import { benchAssignment } from "./assignment.ts";
import { benchCalibration } from "./calibration.ts";
import { benchEndToEnd } from "./end_to_end.ts";
import { benchExtraction } from "./extraction.ts";
import { benchSae } from "./sae.ts";
import type { BenchRow } from "./timing.ts";

const OUT = "results/bench";
const adapter = await gpuAdapter();
const machine = {
  system: `${Deno.build.os} ${Deno.build.arch}`,
  processor: cpus()[0]?.model ?? "unknown",
  cores: navigator.hardwareConcurrency,
  memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
  gpu: adapter ? describeAdapter(adapter.info) : "none",
  deno: Deno.version.deno,
  date: new Date().toISOString(),
};
console.log(Object.entries(machine).map(([key, value]) => `${key}: ${value}`).join("\n") + "\n");

const rows: (BenchRow & { bench: string })[] = [];
for (
  const [bench, measure] of Object.entries({
    extraction: benchExtraction,
    assignment: benchAssignment,
    calibration: benchCalibration,
    "sparse autoencoders": benchSae,
    "end to end": benchEndToEnd,
  })
) {
  console.error(`measuring ${bench} ...`);
  rows.push(...(await measure()).map((row) => ({ bench, ...row })));
}
printTable(rows.map(({ bench, name, value, unit }) => ({ bench, name, figure: formatNumber(value), unit })));

await writeJsonAtomic(`${OUT}/bench.json`, { machine, rows });
await saveTable(OUT, "bench", [
  { name: "bench", type: "utf8", values: rows.map((row) => row.bench), description: "file of tests/bench" },
  { name: "name", type: "utf8", values: rows.map((row) => row.name), description: "what was measured" },
  { name: "value", values: rows.map((row) => row.value), description: "the figure, in `unit`" },
  { name: "unit", type: "utf8", values: rows.map((row) => row.unit), description: "unit of the figure" },
  { name: "detail", type: "utf8", values: rows.map((row) => row.detail), description: "runs, sizes, device" },
], { metadata: Object.fromEntries(Object.entries(machine).map(([key, value]) => [key, String(value)])) });
console.log(`\nSaved in ${OUT}.`);
