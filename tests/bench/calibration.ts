/**
 * How fast a calibration batch gets its thresholds: `Backend.percentiles`, which holds no pairs, against the plain way on
 * the same device: all similarities, the distances of all pairs in one array, sorted.
 */
import { type Backend, type Matrix, openBackend, Random } from "../../src/compute/mod.ts";
import { gpuAdapter, isSoftwareAdapter } from "../../src/compute/device.ts";
import { type BenchRow, inTurns, median, ratios } from "./timing.ts";

const DIM = 192;
const PERCENTILES = [1, 2, 4, 8, 10];

/** Measures every backend of this machine. */
export async function benchCalibration(): Promise<BenchRow[]> {
  const rows = await measure(await openBackend("cpu"), 4096);
  const adapter = await gpuAdapter();
  if (!adapter) return rows;
  rows.push(...await measure(await openBackend("webgpu"), isSoftwareAdapter(adapter.info) ? 2048 : 16384));
  return rows;
}

async function measure(backend: Backend, rows: number): Promise<BenchRow[]> {
  const random = new Random(1);
  const x = backend.upload(Float32Array.from({ length: rows * DIM }, () => random.normal()), rows, DIM);
  const directions = await backend.directions(x, new Float32Array(DIM));
  const [ours, sorted] = [await backend.percentiles(directions, PERCENTILES), await bySorting(backend, directions)];
  ours.forEach((value, i) => {
    if (Math.abs(value - sorted[i]) > 1e-6) throw new Error(`Expected percentile ${sorted[i]} but found ${value}`);
  });
  const times = await inTurns(
    () => backend.percentiles(directions, PERCENTILES),
    () => bySorting(backend, directions),
  );
  x.dispose();
  directions.dispose();

  const pairs = rows * (rows - 1) / 2;
  const name = `percentiles, ${backend.name}, ${rows} x ${DIM}`;
  const detail = `median of ${times.ours.length} paired runs, ${PERCENTILES.length} percentiles, ${backend.device}`;
  return [
    { name, value: Math.round(pairs / median(times.ours)), unit: "pairs/s", detail },
    {
      name: `${name}, against sorting all distances`,
      value: Number(median(ratios(times)).toPrecision(3)),
      unit: "times as fast",
      detail: `${detail}; single pairs ${ratios(times).map((ratio) => ratio.toPrecision(3)).join(", ")}`,
    },
  ];
}

async function bySorting(backend: Backend, directions: Matrix): Promise<number[]> {
  const { rows } = directions;
  const similarities = await backend.similarities(directions, directions);
  const distances = new Float32Array(rows * (rows - 1) / 2);
  let count = 0;
  for (let i = 0; i < rows; i++) {
    for (let j = i + 1; j < rows; j++) distances[count++] = Math.min(2, Math.max(0, 1 - similarities[i * rows + j]));
  }
  distances.sort();
  return PERCENTILES.map((p) => {
    const rank = p / 100 * (distances.length - 1);
    const [below, above] = [distances[Math.floor(rank)], distances[Math.ceil(rank)]];
    return below + (above - below) * (rank - Math.floor(rank));
  });
}

if (import.meta.main) console.table(await benchCalibration());
