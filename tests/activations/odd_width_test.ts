/** A stream whose rows are no whole vec4s: from a model to its dictionary, on both devices. */
import { assertAlmostEquals, assertEquals } from "@std/assert";
import { calibrate, Dictionary, extract, loadModel } from "../../mod.ts";
import { type BackendName, openBackend } from "../../src/compute/mod.ts";
import { webgpuTest } from "../lib/backends.ts";
import { ORT_TEST } from "../model/toy.ts";

const MODEL = new URL("../golden/checkpoints/llama-odd-width", import.meta.url).pathname;
const DIM = 15;
const LAYER = 1;

interface Expected {
  readonly prompts: readonly { readonly ids: number[]; readonly resid_post: number[][][] }[];
}

const { prompts } = JSON.parse(await Deno.readTextFile(`${MODEL}/expected.json`)) as Expected;
/** What transformers computes after `<bos>`. */
const RIGHT = prompts.flatMap(({ resid_post }) => resid_post[LAYER].slice(1));

async function extractsAndClusters(device: BackendName): Promise<void> {
  await using model = await loadModel(MODEL, { device });
  const backend = await openBackend(device);
  const read = (more: { backend?: typeof backend }) =>
    Array.fromAsync(extract(model, prompts.map(({ ids }) => ({ tokens: ids })), { layers: [LAYER], ...more }));
  const [kept] = await read({ backend });
  const batch = kept.batches.get(LAYER)!;
  assertEquals([model.dim, batch.dim, batch.rows], [DIM, DIM, RIGHT.length]);
  const values = await batch.on(backend, (x) => backend.download(x));
  values.forEach((value, i) => assertAlmostEquals(value, RIGHT[Math.floor(i / DIM)][i % DIM], 1e-3));
  const [toHost] = await read({});
  assertEquals(toHost.batches.get(LAYER)!.data, values);

  const { center, thresholds } = await calibrate([batch], { percentiles: [30], backend });
  using dictionary = await Dictionary.create({ center, threshold: thresholds[0] }, { backend });
  await dictionary.add(batch);
  await dictionary.refresh();
  const founded = foundedBy(center, thresholds[0]);
  assertEquals(dictionary.size, founded.length);
  founded.flat().forEach((value, i) => assertAlmostEquals(dictionary.exemplars[i], value, 1e-3));
  kept.dispose();
}

/** The directions that found a region, one row at a time: those farther than the threshold from all before them. */
function foundedBy(center: ArrayLike<number>, threshold: number): number[][] {
  const founders: number[][] = [];
  for (const row of RIGHT) {
    const moved = row.map((value, d) => value - center[d]);
    const direction = moved.map((value) => value / Math.hypot(...moved));
    const isNear = founders.some((other) => 1 - other.reduce((sum, x, d) => sum + x * direction[d], 0) <= threshold);
    if (!isNear) founders.push(direction);
  }
  return founders;
}

const NAME = "a stream of 15 numbers a token is extracted, calibrated on and clustered";
Deno.test({ name: `${NAME} [cpu]`, ...ORT_TEST, fn: () => extractsAndClusters("cpu") });
webgpuTest(`${NAME} [webgpu]`, () => extractsAndClusters("webgpu"));
