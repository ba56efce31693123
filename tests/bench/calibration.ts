/**
 * How fast a stream gets its thresholds: centers and percentiles of distances within batches, and percentiles of all pairs
 * of a sample, against SciPy's pdist and against a product and a partition in NumPy.
 */
import { openBackend } from "../../src/compute/mod.ts";
import { calibrate } from "../../src/partition/mod.ts";
import { directionsOf } from "../../src/partition/directions.ts";
import { cpuContenders, OURS } from "./contenders.ts";
import { Clustered } from "./data.ts";
import { writeRaw } from "./files.ts";
import type { BenchSettings } from "./settings.ts";
import { type BenchRow, figure, figuresOf, inTurns, type RunTime, type Way } from "./timing.ts";

const PERCENTILES = [1, 2, 4, 8, 10];
const BATCH = 4064;

/** Measures both on the CPU. */
export async function benchCalibration(settings: BenchSettings): Promise<BenchRow[]> {
  const { quick } = settings;
  const [dim, batch] = quick ? [256, 500] : [2304, BATCH];
  return [
    ...await calibrations(settings, dim, batch),
    ...await percentiles(settings, dim, 5 * batch, batch),
    ...await percentiles(settings, 192, 4 * batch, batch),
  ];
}

/** Thresholds of five batches. */
async function calibrations(settings: BenchSettings, dim: number, batch: number): Promise<BenchRow[]> {
  const { repeats, peer, folder, note } = settings;
  if (peer?.has("scipy") && !settings.quick) note("calibration: pdist takes about half a minute a run");
  const rows = 5 * batch;
  const data = new Clustered({ dim }).take(rows);
  const parts = Array.from({ length: 5 }, (_, i) => ({
    ...{ data: data.subarray(i * batch * dim, (i + 1) * batch * dim), rows: batch, dim },
  }));
  const [ways, answers]: [Way[], Map<string, readonly number[]>] = [[], new Map()];
  for (const { name, backend, module } of await cpuContenders(settings)) {
    // Pairs within batches, as published, whatever the batches are like.
    const run = () => module.calibrate(parts, { percentiles: PERCENTILES, pairs: "batch", backend });
    answers.set(name, (await run()).thresholds);
    ways.push({ name, run: async () => void await run() });
  }
  if (peer) {
    await peer.load("x", await writeRaw(folder, "activations.f32", data), dim);
    const peers = [["calibrate", peer.name], ...peer.has("scipy") ? [["calibrate pdist", "SciPy's pdist"]] : []];
    for (const [task, name] of peers) {
      const run = () => peer.ask({ do: task, x: "x", percentiles: PERCENTILES, batch });
      answers.set(name, (await run()).thresholds);
      ways.push({ name, run });
    }
  }
  const work = { name: "calibration", amount: rows, unit: "activations" };
  const detail = `5 batches of ${batch} x ${dim}, ${PERCENTILES.length} percentiles`;
  return [...figuresOf(await inTurns(ways, repeats), { ...work, detail }), ...apart(work.name, answers, detail)];
}

/** Percentiles of the distances of all pairs. */
async function percentiles(settings: BenchSettings, dim: number, rows: number, few: number): Promise<BenchRow[]> {
  const { repeats, peer, folder } = settings;
  const directions = await unitRows(dim, rows);
  const [ways, answers]: [Way[], Map<string, readonly number[]>] = [[], new Map()];
  for (const { name, backend } of await cpuContenders(settings)) {
    const matrix = backend.upload(directions, rows, dim);
    const run = () => backend.percentiles(matrix, PERCENTILES);
    answers.set(name, [...await run()]);
    ways.push({ name, run: async () => void await run() });
  }
  const pairsOf = (rows: number) => rows * (rows - 1) / 2;
  if (peer) {
    await peer.load("x", await writeRaw(folder, "directions.f32", directions), dim);
    const run = () => peer.ask({ do: "percentiles", x: "x", percentiles: PERCENTILES });
    answers.set(peer.name, (await run()).values);
    ways.push({ name: peer.name, run });
  }
  if (peer?.has("scipy")) {
    // A pair takes pdist as long however many there are; all of these would take it minutes.
    await peer.load("few", await writeRaw(folder, "few.f32", directions.subarray(0, few * dim)), dim);
    const run = () => peer.ask({ do: "percentiles pdist", x: "few", percentiles: PERCENTILES });
    ways.push({
      name: `SciPy's pdist, at its rate for ${few} rows`,
      run: async () => scaled(await run(), pairsOf(rows) / pairsOf(few)),
    });
  }
  const work = { name: `percentiles of all pairs, D ${dim}`, amount: pairsOf(rows), unit: "pairs" };
  const detail = `${rows} x ${dim}, ${PERCENTILES.length} percentiles`;
  return [...figuresOf(await inTurns(ways, repeats), { ...work, detail }), ...apart(work.name, answers, detail)];
}

function scaled({ seconds, processor }: RunTime, factor: number): RunTime {
  return { seconds: seconds * factor, processor: processor * factor };
}

async function unitRows(dim: number, rows: number): Promise<Float32Array<ArrayBuffer>> {
  const backend = await openBackend("cpu");
  const activations = { data: new Clustered({ dim }).take(rows), rows, dim };
  const { center } = await calibrate([activations], { percentiles: [], pairs: "batch", backend });
  using directions = await directionsOf(backend, activations, center);
  return await backend.download(directions);
}

/** How far our answers lie from everyone else's. */
function apart(name: string, answers: ReadonlyMap<string, readonly number[]>, detail: string): BenchRow[] {
  const [[, ours], ...others] = answers;
  return others.map(([other, values]) => {
    const most = Math.max(...values.map((value, i) => Math.abs(value - ours[i])));
    return figure(
      `${name}, most that thresholds differ`,
      `${OURS} against ${other}`,
      "cosine distance",
      [most],
      detail,
    );
  });
}
