/**
 * What quantising does to a model's residual stream: for each other storage type, how far a token's stream lies from
 * float32's, relative to that one's length; median and worst over the tokens of some texts, the first of each left out.
 *
 *     deno run --allow-read --allow-env --allow-sys --allow-ffi tests/bench/quantised.ts FLOAT32 q4=FOLDER q8=FOLDER
 *
 * No part of `deno task bench`: it needs a trained model, in one folder a storage type.
 */
import { readCorpus } from "../../src/activations/mod.ts";
import { type Dtype, type LanguageModel, loadModel } from "../../src/model/mod.ts";
import { median } from "./timing.ts";

const [TEXTS, CONTEXT] = [8, 64];
const CORPUS = new URL("../../fixtures/corpora/pile.jsonl", import.meta.url).pathname;

const [folder, ...others] = Deno.args;
if (!folder || others.length === 0) throw new Error("Give the folder of the float32 model and TYPE=FOLDER of others");

const exact = await loadModel(folder, { device: "cpu" });
const texts = (await Array.fromAsync(readCorpus(CORPUS))).slice(0, TEXTS);
const prompts = texts.map(({ text }) => exact.encode(text, CONTEXT));
const layers = [0, 1, 2, 3].map((part) => Math.round(part * (exact.layers - 1) / 3));
const right = await streams(exact, prompts);
await exact.dispose();

const rows: Record<string, string | number>[] = [];
for (const other of others) {
  const [dtype, path] = other.split("=");
  await using model = await loadModel(path, { device: "cpu", dtype: dtype as Dtype });
  const found = await streams(model, prompts);
  const alone = await Promise.all(prompts.map((prompt) => streams(model, [prompt])));
  for (const layer of layers) {
    const errors = prompts.flatMap((_, i) => distances(found, right, layer, i, i));
    const changed = prompts.flatMap((_, i) => distances(found, alone[i], layer, i, 0));
    rows.push({
      dtype,
      block: layer,
      median: share(median(errors)),
      worst: share(Math.max(...errors)),
      together: share(Math.max(...changed)),
    });
  }
}
console.table(rows);

type Streams = { readonly width: number; readonly dim: number; readonly data: ReadonlyMap<number, Float32Array> };

async function streams(model: LanguageModel, batch: readonly Int32Array[]): Promise<Streams> {
  const { width, residuals } = await model.capture(batch, layers);
  return { width, dim: model.dim, data: new Map([...residuals].map(([layer, { data }]) => [layer, data!])) };
}

/** Distances of one prompt's rows, in one batch, from the same prompt's in another. */
function distances(found: Streams, right: Streams, layer: number, prompt: number, rightPrompt: number): number[] {
  const row = ({ width, dim, data }: Streams, number: number, position: number) =>
    data.get(layer)!.subarray((number * width + position) * dim, (number * width + position + 1) * dim);
  return Array.from({ length: prompts[prompt].length - 1 }, (_, i) => {
    const [a, b] = [row(found, prompt, i + 1), row(right, rightPrompt, i + 1)];
    return Math.hypot(...a.map((value, j) => value - b[j])) / Math.hypot(...b);
  });
}

function share(value: number): string {
  return value < 0.001 ? value.toExponential(0) : value.toFixed(3);
}
