/**
 * Measures everything in this folder, prints it, and saves it with the machine's description:
 * `deno task bench` leaves `results/bench/bench.json` and `bench.arrow`.
 */
import { cpus, totalmem } from "node:os";
import { formatNumber, resultTable, row, type RowOf, saveTable, words } from "../../src/report/mod.ts";
import { printTable } from "../../src/run/mod.ts";
import { describeAdapter, gpuAdapter } from "../../src/compute/device.ts";
import { writeJsonAtomic } from "../../src/files/atomic.ts";
import { benchAssignment } from "./assignment.ts";
import { benchCalibration } from "./calibration.ts";
import { benchEndToEnd } from "./end_to_end.ts";
import { benchExtraction } from "./extraction.ts";
import { benchSae } from "./sae.ts";
import { FIGURE } from "./timing.ts";

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

const BENCH = row({ bench: words("file of tests/bench"), ...FIGURE });
const rows: RowOf<typeof BENCH>[] = [];
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
await saveTable(OUT, "bench", resultTable(BENCH, rows), {
  metadata: Object.fromEntries(Object.entries(machine).map(([key, value]) => [key, String(value)])),
});
console.log(`\nSaved in ${OUT}.`);
