/**
 * How fast activations find their nearest exemplar on the CPU, and whether it is the nearest: against NumPy's product and
 * arg-max, faiss, and a bare product of the same shape that looks at nothing; then with another process beside it that
 * keeps one core busy. Whose answers are right, a search in float64 says.
 */
import { denoCommand } from "../lib/deno.ts";
import { calibrate, Dictionary } from "../../src/partition/mod.ts";
import type { Backend, Nearest } from "../../src/compute/mod.ts";
import { cpuSearches, LIMIT, OURS } from "./contenders.ts";
import { Clustered } from "./data.ts";
import { readIntegers, writeRaw } from "./files.ts";
import { bareGemm, exactNearest } from "./gemm.ts";
import type { BenchSettings } from "./settings.ts";
import { type BenchRow, figure, figuresOf, inTurns, type Way } from "./timing.ts";

/** Exemplars are leaders of a stream, more than the threshold at this percentile apart. */
const PERCENTILE = 1;
const BATCH = 4064;

/** Unit rows, and exemplars of the same stream. */
interface Search {
  readonly dim: number;
  readonly rows: Float32Array<ArrayBuffer>;
  readonly exemplars: Float32Array<ArrayBuffer>;
}

/** Measures it at the sizes of real use. */
export async function benchNearest(settings: BenchSettings): Promise<BenchRow[]> {
  const { quick, repeats, peer, folder, note } = settings;
  const contenders = await cpuSearches(settings);
  const [dim, size, count] = quick ? [256, 2000, 1024] : [2304, 16_000, 8192];
  if (!quick) note("nearest: growing the 16,000 exemplars, and the search in float64, take about half a minute");
  const search = await searchOf(contenders[0].backend, dim, size, count);
  const { rows, exemplars } = search;

  const judge = await exactNearest(rows, exemplars, dim);
  const [ways, answers]: [Way[], Map<string, ArrayLike<number>>] = [[], new Map()];
  const same: Nearest[] = [];
  for (const { name, backend, isExact } of contenders) {
    const e = backend.upload(exemplars, size, dim);
    // Rows of a stream come once: what a backend makes of them it makes in every run. On the CPU they are not copied.
    const run = () => backend.nearest(backend.upload(rows, count, dim), e);
    const nearest = await run();
    answers.set(name, nearest.regions);
    if (isExact) same.push(nearest);
    ways.push({ name, run: async () => void await run() });
  }
  if (peer) {
    await peer.load("x", await writeRaw(folder, "rows.f32", rows), dim);
    await peer.load("e", await writeRaw(folder, "exemplars.f32", exemplars), dim);
    const peers = [["nearest", peer.name], ...peer.has("faiss") ? [["faiss", `faiss ${peer.versions.faiss}`]] : []];
    for (const [task, name] of peers) {
      const run = () => peer.ask({ do: task, x: "x", exemplars: "e", out: folder });
      await run();
      answers.set(name, await readIntegers(folder, `${task}.i32`));
      ways.push({ name, run });
    }
  }
  const product = await bareGemm(rows, exemplars, dim);
  await product();
  ways.push({ name: LIMIT, run: product });

  const name = "nearest exemplar";
  const way = contenders[0].backend.search;
  const detail = `${count} x ${dim} against ${size} exemplars${way ? `; ${way.way}: ${way.because}` : ""}`;
  const work = { name, amount: count, unit: "activations", detail };
  const figures = figuresOf(await inTurns(ways, repeats), work);
  using _busy = busyCore();
  const beside = figuresOf(await inTurns(ways, repeats), { ...work, name: `${name}, one core busy` });
  const wrong = [...answers].map(([way, regions]) =>
    figure(`${name}, other than in float64 beyond ties`, way, "rows", [wrongRows(search, regions, judge)], detail)
  );
  if (wrong[0].median > 0) note(`nearest: ${wrong[0].median} rows of ${OURS} are not those of a search in float64`);
  const apart = differentRows(same);
  const between = figure(`${name}, other bytes by integers than in float`, OURS, "rows", [apart], detail);
  return [...figures, ...beside, ...wrong, between];
}

/** Exemplars that a dictionary of a stream has, and directions of what comes next in it. */
async function searchOf(backend: Backend, dim: number, size: number, count: number): Promise<Search> {
  const stream = new Clustered({ dim });
  const first = { data: stream.take(BATCH), rows: BATCH, dim };
  const calibration = await calibrate([first], { percentiles: [PERCENTILE], backend });
  using dictionary = await Dictionary.create(calibration.at(PERCENTILE), { backend });
  for (const batch of stream.batches(16 * size, BATCH)) {
    await dictionary.add(batch);
    if (dictionary.size >= size) break;
  }
  if (dictionary.size < size) {
    throw new Error(`Expected a stream of ${size} regions but ${dictionary.activations} rows have ${dictionary.size}`);
  }
  using activations = backend.upload(stream.take(count), count, dim);
  using directions = await backend.directions(activations, calibration.center);
  const rows = await backend.download(directions);
  return { dim, rows, exemplars: dictionary.exemplars.slice(0, size * dim) };
}

/** What another order of summation changes in a float64 product of unit rows, generously. */
const ROUNDING = 1e-12;

/** Rows whose exemplar has a smaller product than the judge's, once both are rounded to float32. */
function wrongRows(
  { dim, rows, exemplars }: Search,
  regions: ArrayLike<number>,
  judge: { best: Float64Array },
): number {
  return judge.best.filter((best, row) => {
    let product = 0;
    for (let j = 0; j < dim; j++) product += rows[row * dim + j] * exemplars[regions[row] * dim + j];
    return Math.fround(product) < Math.fround(best) && best - product > ROUNDING;
  }).length;
}

/** Rows of which not all searches have the same region and the same bits of similarity. */
function differentRows([first, ...others]: readonly Nearest[]): number {
  return first.regions.filter((region, row) =>
    others.some(({ regions, similarities }) => regions[row] !== region || similarities[row] !== first.similarities[row])
  ).length;
}

/** What keeps a core busy; it ends with whoever started it, even if that was killed. */
const BUSY = "const parent = Deno.ppid; while (Deno.ppid === parent);";

/** Another process that does nothing, as fast as it can, until it is disposed. */
function busyCore(): Disposable {
  const process = denoCommand("eval", [BUSY]).spawn();
  return { [Symbol.dispose]: () => process.kill() };
}
