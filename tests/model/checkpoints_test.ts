/** Checkpoints as they are published, against what transformers computes from the same files. */
import { assertEquals, assertLess, assertRejects } from "@std/assert";
import { type HookSite, type LanguageModel, loadModel, type LoadOptions } from "../../src/model/mod.ts";
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

/** One of each mechanism: opening sessions on a software adapter takes most of the time. */
const ON_WEBGPU = new Set(
  ("bloom cohere falcon-new gemma3 glm gpt-oss gpt2 llama-bfloat16 llama-odd-width llama-rope-dynamic mixtral mpt " +
    "opt-350m-style phi3-longrope pythia qwen3 stablelm-parallel").split(" "),
);

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
  if (!ON_WEBGPU.has(name)) continue;
  webgpuTest(`a checkpoint gives what transformers gives [${name}, webgpu]`, async () => {
    await using model = await loadModel(`${ROOT}${name}`, { device: "webgpu" });
    await assertStreams(model, expected);
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
      // What a config means shows in the streams; what is done with them is the same.
      await checked(folder, {}, (model) => assertCaptures(model, expected));
    });
  }
}

async function checked(
  folder: string,
  options: LoadOptions,
  body: (model: LanguageModel) => Promise<void>,
): Promise<void> {
  await using model = await loadModel(folder, { device: "cpu", ...options });
  await body(model);
}

/** float16 and bfloat16 files are rounded as the expected values are: their streams are exact too. */
const TOLERANCE = 1e-4;

/** Streams of all prompts together, logits, and logits with a direction added. */
async function assertStreams(model: LanguageModel, expected: Expected): Promise<void> {
  await assertCaptures(model, expected);
  const { prompts, dim, steer } = expected;
  const ids = prompts.map(({ ids }) => Int32Array.from(ids));
  const direction = Float32Array.from({ length: dim }, (_, i) => Math.cos(i * 1.7));
  const interventions = [{ layer: steer.layer, steer: { direction, alpha: steer.alpha } }];
  for (const key of ["logits", "steered"] as const) {
    const { data, width, vocab } = await model.logits(ids, key === "steered" ? interventions : []);
    for (const [i, prompt] of prompts.entries()) near(data, (i * width + ids[i].length - 1) * vocab, prompt[key], key);
  }
}

async function assertCaptures(model: LanguageModel, { prompts, layers, dim }: Expected): Promise<void> {
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

/** TransformerLens' hooks of norms are before weight and bias: their scale, and the stream by it. */
for (const [name, isCentred] of [["llama", false], ["gpt2", true], ["gemma2", false]] as const) {
  Deno.test({
    name: `a norm's scale and what it normalizes are read as TransformerLens has them [${name}]`,
    ...ORT_TEST,
    fn: () =>
      checked(`${ROOT}${name}`, {}, async (model) => {
        const ids = [Int32Array.of(5, 9, 3, 40)];
        const read = async (at: HookSite, layer = 1) => {
          const { data, dim } = (await model.capture(ids, [layer], at)).residuals.get(layer)!;
          return { data: data!, dim };
        };
        const last = model.layers - 1;
        const epsilon = name === "gpt2" ? 1e-5 : 1e-6;
        for (
          const [stream, hooks, layer] of [
            ["resid_pre", "blocks.{layer}.ln1", 1],
            ["resid_mid", "blocks.{layer}.ln2", 1],
            ["resid_post", "ln_final", last],
          ] as const
        ) {
          const { data, dim } = await read(stream, layer);
          const [scale, normalized] = [
            await read(`${hooks}.hook_scale`, layer),
            await read(`${hooks}.hook_normalized`, layer),
          ];
          assertEquals(scale.dim, 1);
          for (let p = 0; p < ids[0].length; p++) {
            const row = [...data.subarray(p * dim, (p + 1) * dim)];
            const mean = isCentred ? row.reduce((sum, value) => sum + value, 0) / dim : 0;
            const right = Math.sqrt(row.reduce((sum, value) => sum + (value - mean) ** 2, 0) / dim + epsilon);
            near(scale.data, p, [right], `${hooks}.hook_scale`);
            near(normalized.data, p * dim, row.map((value) => (value - mean) / right), `${hooks}.hook_normalized`);
          }
        }
      }),
  });
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

/** Sizes that weights show, and flags that say which tensors there are. */
const CONTRADICTIONS: Readonly<Record<string, (value: unknown) => unknown>> = {
  ...Object.fromEntries(
    "hidden_size n_embd num_hidden_layers n_layer intermediate_size n_inner ffn_dim num_key_value_heads num_local_experts vocab_size"
      .split(" ")
      .map((name) => [name, (value: unknown) => (value as number) * 2]),
  ),
  num_attention_heads: (value) => (value as number) - 1,
  head_dim: (value) => (value as number) + 2,
  model_type: () => "other",
  hidden_act: () => "wobble",
  ...Object.fromEntries(
    "tie_word_embeddings attention_bias mlp_bias use_qkv_bias qk_layernorm use_qk_norm".split(" ")
      .map((name) => [name, (value: unknown) => !value]),
  ),
  rope_scaling: () => ({ type: "wobbly", factor: 2 }),
  something_new: () => 7,
};

for (
  const name of [
    "llama-untied-biases",
    "gpt2-bare",
    "pythia",
    "qwen3",
    "gemma2",
    "phi",
    "stablelm-parallel",
    "mixtral",
    "gpt-oss",
    "olmo2",
  ]
) {
  Deno.test({
    name: `a config and weights that contradict each other give no numbers [${name}]`,
    ...ORT_TEST,
    fn: () => contradictions(name),
  });
}

async function contradictions(name: string): Promise<void> {
  const config = JSON.parse(await Deno.readTextFile(`${ROOT}${name}/config.json`)) as Record<string, unknown>;
  const weights = await Deno.readFile(`${ROOT}${name}/model.safetensors`);
  const refusedWith = (config: Record<string, unknown>, weights: Uint8Array) =>
    inFolder(async (folder) => {
      for (const file of ["tokenizer.json", "tokenizer_config.json"]) {
        await Deno.copyFile(`${ROOT}${name}/${file}`, `${folder}/${file}`);
      }
      await Deno.writeTextFile(`${folder}/config.json`, JSON.stringify(config));
      await Deno.writeFile(`${folder}/model.safetensors`, weights);
      assertSentence(
        await assertRejects(() => loadModel(folder, { device: "cpu" })) as Error,
      );
    });
  for (const [field, change] of Object.entries(CONTRADICTIONS)) {
    if (!(field in config) && field !== "something_new" && field !== "rope_scaling") continue;
    if (field === "rope_scaling" && !("rope_parameters" in config)) continue;
    const { rope_parameters, ...rest } = config;
    const changed = field === "rope_scaling" ? rest : { ...rest, ...rope_parameters ? { rope_parameters } : {} };
    await refusedWith({ ...changed, [field]: change(config[field]) }, weights);
  }
  // A mask that is stored is nothing that the model needs.
  const tensors = Object.keys(headerOf(weights)).filter((tensor) => !tensor.endsWith(".attn.bias"));
  for (const tensor of tensors) await refusedWith(config, without(weights, tensor));
  await refusedWith(config, weights.subarray(0, weights.length - 1));
}

interface Place {
  data_offsets: [number, number];
}

function headerOf(bytes: Uint8Array): Record<string, Place> {
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  const { __metadata__: _, ...header } = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
  return header;
}

/** The same file without one tensor. */
function without(bytes: Uint8Array, name: string): Uint8Array {
  const start = 8 + Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  const parts: Uint8Array[] = [];
  let end = 0;
  const header: Record<string, Place> = {};
  for (const [other, place] of Object.entries(headerOf(bytes))) {
    if (other === name) continue;
    const part = bytes.subarray(start + place.data_offsets[0], start + place.data_offsets[1]);
    header[other] = { ...place, data_offsets: [end, end += part.length] };
    parts.push(part);
  }
  const text = new TextEncoder().encode(JSON.stringify(header));
  const whole = new Uint8Array(8 + text.length + end);
  new DataView(whole.buffer).setBigUint64(0, BigInt(text.length), true);
  whole.set(text, 8);
  let at = 8 + text.length;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

Deno.test({
  name: "a graph that is asked for and not there is told, and that the checkpoint needs none",
  ...ORT_TEST,
  async fn() {
    const refused = async (options: LoadOptions, ...words: string[]) =>
      assertSentence(await assertRejects(() => loadModel(`${ROOT}llama`, options)) as Error, ...words);
    await refused({ weights: "onnx" }, "no onnx/model.onnx", "its checkpoint is run without one", "--weights");
    await refused({ modelFile: "model_q4.onnx" }, "model_q4.onnx", "its checkpoint is run without one", "--model-file");
  },
});
