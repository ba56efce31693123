/**
 * Measures how fast this module is, each question beside its yardstick in the same run, and saves it with the machine's
 * description. README.md beside this file says what each question is, and what is saved.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { formatNumber, resultTable, row, saveTable, words, writeReport } from "../../src/report/mod.ts";
import { printTable } from "../../src/run/mod.ts";
import { writeJsonAtomic } from "../../src/files/atomic.ts";
import { benchBuild } from "./build.ts";
import { benchCalibration } from "./calibration.ts";
import { readCommand } from "./command.ts";
import { benchExtraction } from "./extraction.ts";
import { benchGrowth, type CurvePoint, curvesOf, POINT } from "./growth.ts";
import { describeMachine } from "./machine.ts";
import { benchMemory } from "./memory.ts";
import { benchNearest } from "./nearest.ts";
import { Peer } from "./peer.ts";
import { benchReport } from "./report.ts";
import { benchSae } from "./sae.ts";
import type { BenchSettings } from "./settings.ts";
import { type BenchRow, FIGURE } from "./timing.ts";
import { benchWebGpu } from "./webgpu.ts";

const BENCHES: Readonly<Record<string, (settings: BenchSettings) => Promise<BenchRow[]>>> = {
  nearest: benchNearest,
  build: benchBuild,
  calibration: benchCalibration,
  extraction: benchExtraction,
  sae: benchSae,
  webgpu: benchWebGpu,
  memory: benchMemory,
  growth: benchGrowth,
};
const BENCH = row({ bench: words("file of tests/bench"), ...FIGURE });

const { chosen, before, out, ...command } = readCommand(Deno.args, Object.keys(BENCHES));
const notes: string[] = [];
const note = (sentence: string) => {
  notes.push(sentence);
  console.error(sentence);
};
await using peer = await Peer.start();
if (!peer) note("No Python with NumPy was found: its figures are left out. Debian's python3-numpy is one.");
if (peer && !peer.has("scipy")) note("SciPy was not found: the figures of its pdist are left out.");
if (peer && !peer.has("faiss")) note("faiss was not found: its figures are left out.");
const machine = await describeMachine(peer);
console.log(Object.entries(machine).map(([key, value]) => `${key}: ${value}`).join("\n") + "\n");

const folder = await Deno.makeTempDir({ prefix: "exemplar-bench-" });
// What is measured may lie in files of hundreds of megabytes: they go with a run that is stopped, too.
for (const [signal, code] of [["SIGINT", 130], ...Deno.build.os === "windows" ? [] : [["SIGTERM", 143]]] as const) {
  Deno.addSignalListener(signal as Deno.Signal, () => {
    if (existsSync(folder)) Deno.removeSync(folder, { recursive: true });
    Deno.exit(code as number);
  });
}
const figures = new Map<string, BenchRow[]>();
const points: CurvePoint[] = [];
const settings: BenchSettings = {
  ...{ ...command, folder, peer, note, record: (point) => points.push(point) },
  before: before === undefined ? undefined : await import(pathToFileURL(join(before, "mod.ts")).href),
};
try {
  for (const bench of chosen) {
    console.error(`measuring ${bench} ...`);
    const rows = await BENCHES[bench](settings);
    figures.set(bench, rows);
    printTable(rows.map(({ name, way, median, least, most, byProcessor, unit }) => ({
      ...{ name, way, median: formatNumber(median), spread: `${formatNumber(least)} to ${formatNumber(most)}`, unit },
      "by processor time": byProcessor === null ? "" : formatNumber(byProcessor),
    })));
    // After each: whoever stops a run of an hour has what it measured until then.
    await save();
  }
} finally {
  await Deno.remove(folder, { recursive: true });
}
console.log(`\nSaved in ${out}: report.html, bench.json, bench.arrow.`);

async function save(): Promise<void> {
  const rows = [...figures].flatMap(([bench, own]) => own.map((row) => ({ bench, ...row })));
  await writeJsonAtomic(join(out, "bench.json"), { machine, notes, rows, points });
  await saveTable(out, "bench", resultTable(BENCH, rows), { metadata: machine });
  if (points.length > 0) await saveTable(out, "growth", resultTable(POINT, points), { metadata: machine });
  await writeReport(out, await benchReport(out, { machine, notes, figures, curves: curvesOf(settings), points }));
}
