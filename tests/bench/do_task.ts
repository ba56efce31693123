/** Does one task of `task.ts`, given as JSON, and prints what it took: a process for one figure. */
import { extract, readCorpus } from "../../src/activations/mod.ts";
import { type Backend, openBackend } from "../../src/compute/mod.ts";
import { rowNumbers } from "../../src/compute/row_numbers.ts";
import { loadModel } from "../../src/model/mod.ts";
import { calibrateLayers, Dictionary, discover } from "../../src/partition/mod.ts";
import { directionsOf } from "../../src/partition/directions.ts";
import { Clustered } from "./data.ts";
import { median, timeOf } from "./timing.ts";
import type { BuildTask, GrowTask, NearestTask, Taken, Task } from "./task.ts";

const BATCH = 4064;
/** Families so tight that each lies within one threshold, and apart from all others. */
const [BUILD_SPREAD, BUILD_THRESHOLD] = [[0.1, 0.1], 0.3] as const;
const CORPUS = new URL("../../fixtures/corpora/pile.jsonl", import.meta.url).pathname;
const FLOAT = Float32Array.BYTES_PER_ELEMENT;

const backend = await openBackend("cpu");
console.log(JSON.stringify(await take(JSON.parse(Deno.args[0]))));

function take(task: Task): Promise<Taken> {
  switch (task.kind) {
    case "build":
      return build(task, backend);
    case "nearest":
      return nearest(task, backend);
    case "grow":
      return grow(task, backend);
    default:
      return task satisfies never;
  }
}

async function build({ rows, dim, regions }: BuildTask, backend: Backend): Promise<Taken> {
  const stream = new Clustered({ dim, families: regions, spread: BUILD_SPREAD });
  const center = meanOf(stream.take(256), dim);
  await warm(backend, dim);
  const before = await peakMemory();
  using dictionary = await Dictionary.create({ center, threshold: BUILD_THRESHOLD }, { backend });
  let seconds = 0;
  for (const batch of stream.batches(rows, BATCH)) {
    const start = performance.now();
    await dictionary.add(batch);
    seconds += (performance.now() - start) / 1000;
  }
  // Exemplars and sums; of one batch the activations and their directions.
  const held = 2 * FLOAT * dim * (dictionary.size + Math.min(rows, BATCH));
  return { seconds, before, peak: await peakMemory(), held, regions: dictionary.size };
}

async function nearest({ rows, dim, exemplars }: NearestTask, backend: Backend): Promise<Taken> {
  const stream = new Clustered({ dim });
  const center = meanOf(stream.take(256), dim);
  await warm(backend, dim);
  const before = await peakMemory();
  using regions = await directions(backend, stream, exemplars, center);
  using queries = await directions(backend, stream, rows, center);
  // Once unmeasured: what is made of exemplars once is made; what is made of queries is made of each anew.
  await backend.nearest(queries, regions);
  const times: number[] = [];
  for (let run = 0; run < 3; run++) {
    using again = backend.upload(backend.view(queries)!, rows, dim);
    const { seconds } = await timeOf(async () => void await backend.nearest(again, regions));
    times.push(seconds);
  }
  // The median, as in one of them the backend may measure which way of searching is the faster.
  const seconds = median(times);
  return { seconds, before, peak: await peakMemory(), held: FLOAT * dim * (rows + exemplars), regions: exemplars };
}

/** Directions of the next rows of a stream, made a part at a time. */
async function directions(backend: Backend, stream: Clustered, rows: number, center: Float32Array<ArrayBuffer>) {
  const all = backend.create(stream.dim, rows);
  for (const batch of stream.batches(rows, 512)) {
    using part = await directionsOf(backend, batch, center);
    backend.copyRows(part, rowNumbers(0, part.rows), all, rowNumbers(all.rows, part.rows));
  }
  return all;
}

async function grow({ model: folder, texts: count, percentiles, ...task }: GrowTask, backend: Backend): Promise<Taken> {
  await using model = await loadModel(folder, { device: "cpu" });
  const layers = Array.from({ length: task.layers }, (_, i) => Math.round(model.layers * (i + 1) / task.layers) - 1);
  const texts = (await Array.fromAsync(readCorpus(CORPUS))).slice(0, count);
  const stream = (maxPrompts?: number) => extract(model, texts, { layers, backend, windows: "first", maxPrompts });
  const before = await peakMemory();
  const calibrations = await calibrateLayers(stream(Math.ceil(count / 4)), layers, {
    percentiles,
    pairs: "sample",
    backend,
  });
  const start = performance.now();
  using discovery = await discover(stream(), calibrations, { backend, saturationWindow: Infinity });
  const seconds = (performance.now() - start) / 1000;
  const regions = discovery.growths.reduce((sum, { dictionary }) => sum + dictionary.size, 0);
  // Exemplars and sums of all dictionaries; of one batch the activations and directions of all layers.
  const held = 2 * FLOAT * model.dim * (regions + layers.length * Math.min(discovery.activations, BATCH));
  return { seconds, before, peak: await peakMemory(), held, regions };
}

/** The program's operations once, on few rows, so that nothing is loaded or compiled later. */
async function warm(backend: Backend, dim: number): Promise<void> {
  using dictionary = await Dictionary.create({ center: new Float32Array(dim), threshold: 0.5 }, { backend });
  const stream = new Clustered({ dim, seed: 2, families: 4 });
  for (const batch of stream.batches(128, 64)) await dictionary.add(batch);
}

function meanOf(data: Float32Array, dim: number): Float32Array<ArrayBuffer> {
  const mean = new Float32Array(dim);
  data.forEach((value, i) => mean[i % dim] += value * dim / data.length);
  return mean;
}

/** The most memory that this process has had, in bytes; 0 where the system does not tell. */
async function peakMemory(): Promise<number> {
  if (Deno.build.os !== "linux") return 0;
  const status = await Deno.readTextFile("/proc/self/status");
  return 1024 * Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)![1]);
}
