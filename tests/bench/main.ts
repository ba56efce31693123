/**
 * Measures how fast this module is, each question beside its yardstick in the same run, and saves it with the machine's
 * description. README.md beside this file says what each question is, and what is saved.
 */
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { formatNumber, resultTable, row, saveTable, words, writeReport } from "../../src/report/mod.ts";
import { type Flags, printTable, readFlags } from "../../src/run/mod.ts";
import { helpText } from "../../src/run/command/help.ts";
import { writeJsonAtomic } from "../../src/files/atomic.ts";
import { benchBuild } from "./build.ts";
import { benchCalibration } from "./calibration.ts";
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

const EMBEDDED = new URL("../../fixtures/gemma-2-toy", import.meta.url).pathname;

const FLAGS = {
  only: { type: "string", help: `benches to run, with commas: ${Object.keys(BENCHES).join(", ")}; default all` },
  quick: { type: "boolean", help: "small sizes, to see that everything runs: their figures say little" },
  repeats: { type: "integer", default: 5, min: 1, help: "runs of each way, in turns" },
  before: { type: "string", help: "folder of an older version of this module, to be measured beside this one" },
  model: { type: "string", help: "folder of a model to read in place of the embedded one" },
  out: { type: "string", default: "results/bench", help: "folder for what is measured" },
  help: { type: "boolean", help: "say this" },
} as const satisfies Flags;

const ABOUT = {
  name: "bench",
  question: "How fast is it, beside what else does the same?",
  description: "Measures each question beside its yardstick in the same run, in turns, and saves medians and spreads.",
  examples: [["--only nearest,build", "two of them"], ["--quick", "all of them in minutes"]] as const,
};

const { only, quick, repeats, before, model = EMBEDDED, out, help } = readFlags(Deno.args, FLAGS);
if (help) {
  console.log(helpText(ABOUT, FLAGS).replaceAll("deno task run experiments/bench.ts", "deno task bench"));
  Deno.exit();
}
const chosen = only?.split(",") ?? Object.keys(BENCHES);
const unknown = chosen.find((name) => !Object.hasOwn(BENCHES, name));
if (unknown !== undefined) {
  console.error(`Expected --only to be of ${Object.keys(BENCHES).join(", ")} but got ${unknown}.`);
  Deno.exit(2);
}

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
const figures = new Map<string, BenchRow[]>();
const points: CurvePoint[] = [];
try {
  const settings = {
    ...{ quick, repeats, folder, peer, model, note, record: (point: CurvePoint) => void points.push(point) },
    before: before === undefined ? undefined : await import(pathToFileURL(resolve(before, "mod.ts")).href),
  };
  for (const bench of chosen) {
    console.error(`measuring ${bench} ...`);
    figures.set(bench, await BENCHES[bench](settings));
  }
} finally {
  await Deno.remove(folder, { recursive: true });
}
const rows = [...figures].flatMap(([bench, own]) => own.map((row) => ({ bench, ...row })));
printTable(rows.map(({ name, way, median, least, most, byProcessor, unit }) => ({
  ...{ name, way, median: formatNumber(median), spread: `${formatNumber(least)} to ${formatNumber(most)}`, unit },
  "by processor time": byProcessor === null ? "" : formatNumber(byProcessor),
})));

await writeJsonAtomic(`${out}/bench.json`, { machine, notes, rows, points });
const BENCH = row({ bench: words("file of tests/bench"), ...FIGURE });
await saveTable(out, "bench", resultTable(BENCH, rows), { metadata: machine });
if (points.length > 0) await saveTable(out, "growth", resultTable(POINT, points), { metadata: machine });
const curves = curvesOf({ quick, model });
const page = await writeReport(out, await benchReport(out, { machine, notes, figures, curves, points }));
console.log(`\nSaved in ${out}: ${page}`);
