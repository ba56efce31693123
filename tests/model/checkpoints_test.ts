/** Checkpoints as they are published, against what transformers computes from the same files. */
import { assertEquals, assertLess, assertRejects } from "@std/assert";
import { loadModel } from "../../src/model/load.ts";
import type { HookSite, LanguageModel, LoadOptions } from "../../src/model/types.ts";
import { webgpuTest } from "../lib/backends.ts";
import { inFolder } from "../lib/folder.ts";
import { assertSentence } from "../lib/sentence.ts";
import { ORT_TEST, valuesOf } from "./toy.ts";

const ROOT = new URL("../golden/checkpoints/", import.meta.url).pathname;

interface Prompt {
  readonly ids: number[];
  readonly resid_post: number[][][];
  readonly logits: number[];
  readonly steered: number[];
  readonly continuation: number[] | null;
}

interface Expected {
  readonly refuse?: string[];
  readonly dtype: string;
  readonly layers: number;
  readonly dim: number;
  readonly steer: { layer: number; alpha: number };
  readonly tokens: { text: { text: string; ids: number[] } };
  readonly prompts: Prompt[];
  /** Of prompts by number; values by block and hook. */
  readonly hooks: { prompt: number; blocks: Record<string, unknown[]>[] }[];
}

const FOLDERS = Array.from(Deno.readDirSync(ROOT), ({ name }) => name).sort();

for (const name of FOLDERS) {
  const expected = JSON.parse(Deno.readTextFileSync(`${ROOT}${name}/expected.json`)) as Expected;
  if (expected.refuse) {
    Deno.test({
      name: `a checkpoint that cannot be run rightly is refused by name [${name}]`,
      ...ORT_TEST,
      fn: () => refused(name, expected.refuse!),
    });
    continue;
  }
  Deno.test({
    name: `a checkpoint gives what transformers gives, however its config is written [${name}]`,
    ...ORT_TEST,
    fn: () => forms(name, expected),
  });
  webgpuTest(`a checkpoint gives what transformers gives [${name}, webgpu]`, async () => {
    const model = await loadModel(`${ROOT}${name}`, { device: "webgpu" });
    await assertStreams(model, expected);
    await model.dispose();
  });
}

async function refused(name: string, words: string[]): Promise<void> {
  const error = await assertRejects(() => loadModel(`${ROOT}${name}`, { device: "cpu" })) as Error;
  assertSentence(error, ...words);
}

async function forms(name: string, expected: Expected): Promise<void> {
  await checked(`${ROOT}${name}`, {}, async (model) => {
    await assertStreams(model, expected);
    await assertHooks(model, expected);
    await assertGenerates(model, expected);
    assertEquals([...model.encode(expected.tokens.text.text)], expected.tokens.text.ids);
  });
  for (const form of ["config.v4.json", "config.short.json"]) {
    const text = await Deno.readTextFile(`${ROOT}${name}/${form}`).catch(() => undefined);
    if (text === undefined) continue;
    await inFolder(async (folder) => {
      for await (const { name: file } of Deno.readDir(`${ROOT}${name}`)) {
        if (file !== "config.json") await Deno.symlink(`${ROOT}${name}/${file}`, `${folder}/${file}`);
      }
      await Deno.writeTextFile(`${folder}/config.json`, text);
      await checked(folder, {}, (model) => assertStreams(model, expected));
    });
  }
}

async function checked(
  folder: string,
  options: LoadOptions,
  body: (model: LanguageModel) => Promise<void>,
): Promise<void> {
  const model = await loadModel(folder, { device: "cpu", ...options });
  try {
    await body(model);
  } finally {
    await model.dispose();
  }
}

/** float16 and bfloat16 files are rounded as the expected values are: their streams are exact too. */
const TOLERANCE = 1e-4;

/** Streams of all prompts together, logits, and logits with a direction added. */
async function assertStreams(model: LanguageModel, { prompts, layers, dim, steer }: Expected): Promise<void> {
  assertEquals([model.layers, model.dim], [layers, dim]);
  const ids = prompts.map(({ ids }) => Int32Array.from(ids));
  const { residuals, width } = await model.capture(ids, Array.from({ length: layers }, (_, i) => i));
  for (const [layer, residual] of residuals) {
    const values = await valuesOf(residual, ids.length * width);
    for (const [i, prompt] of prompts.entries()) {
      for (const [p, row] of prompt.resid_post[layer].entries()) {
        near(values, (i * width + p) * dim, row, `block ${layer}`);
      }
    }
  }
  const direction = Float32Array.from({ length: dim }, (_, i) => Math.cos(i * 1.7));
  const interventions = [{ layer: steer.layer, steer: { direction, alpha: steer.alpha } }];
  for (const key of ["logits", "steered"] as const) {
    const { data, width, vocab } = await model.logits(ids, key === "steered" ? interventions : []);
    for (const [i, prompt] of prompts.entries()) near(data, (i * width + ids[i].length - 1) * vocab, prompt[key], key);
  }
}

/** What each block reads and adds, and its attention, at every position. */
async function assertHooks(model: LanguageModel, { prompts, hooks }: Expected): Promise<void> {
  for (const { prompt, blocks } of hooks) {
    const ids = [Int32Array.from(prompts[prompt].ids)];
    for (const [layer, sites] of blocks.entries()) {
      for (const [at, rows] of Object.entries(sites)) {
        const { residuals } = await model.capture(ids, [layer], at as HookSite);
        const { data, dim } = residuals.get(layer)!;
        // Attention weights lie head by head, everything else position by position.
        const wanted = at === "pattern" ? (rows as number[][][]).flat() : rows.map((row) => [row].flat(2) as number[]);
        const width = at === "pattern" ? wanted[0].length : dim;
        for (const [p, row] of wanted.entries()) near(data!, p * width, row, `${at} of block ${layer}`, 2e-4);
      }
    }
  }
}

async function assertGenerates(model: LanguageModel, { prompts }: Expected): Promise<void> {
  if (!prompts[0].continuation) return;
  const texts = prompts.map(({ continuation }) => model.decode(continuation!, { skipSpecial: true }));
  const ids = prompts.map(({ ids }) => Int32Array.from(ids));
  assertEquals(await model.generate(ids, { maxNewTokens: prompts[0].continuation.length }), texts);
}

function near(values: Float32Array, from: number, row: readonly number[], what: string, tolerance = TOLERANCE): void {
  let [error, length] = [0, 0];
  for (const [i, right] of row.entries()) {
    error += (values[from + i] - right) ** 2;
    length += right ** 2;
  }
  assertLess(Math.sqrt(error / length), tolerance, what);
}
