/** Checkpoints in 4 and 8 bits and in float16, against the same checkpoints with weights rounded as these are. */
import { assert, assertEquals, assertLess, assertRejects } from "@std/assert";
import { float32Tensor, readSafetensors, type Tensor, toFloat32, writeSafetensors } from "../../src/files/mod.ts";
import { type LanguageModel, loadModel, type LoadOptions } from "../../src/model/mod.ts";
import { BLOCK, quantise } from "../../src/model/architectures/quantise.ts";
import { webgpuTest } from "../lib/backends.ts";
import { inFolder } from "../lib/folder.ts";
import { assertSentence } from "../lib/sentence.ts";
import { ORT_TEST, valuesOf } from "./toy.ts";

const ROOT = new URL("../golden/checkpoints/", import.meta.url).pathname;
const PROMPT = Int32Array.of(3, 17, 5, 40, 9, 12, 33);

Deno.test("a block of weights becomes levels and a scale", () => {
  const row = Float32Array.from({ length: BLOCK }, (_, i) => i === 7 ? -8 : (i % 16) - 8);
  const four = quantise(row, 4);
  // The largest weight is the lowest level: a scale of one, and every level a weight.
  assertEquals([...four.scales], [1]);
  assertEquals(dequantised(four, 4), [...row]);
  // Two levels a byte, the first in the lower half.
  assertEquals([...four.levels.slice(0, 4)], [0x10, 0x32, 0x54, 0x06]);
  assertEquals(dequantised(quantise(row, 8), 8).map((value) => Math.round(value * 1e4) / 1e4), [...row]);
});

Deno.test("the scale has the sign of the largest weight, and zeros stay zeros", () => {
  const up = new Float32Array(BLOCK);
  up[3] = 4;
  assertEquals([...quantise(up, 4).scales], [-0.5]);
  assertEquals(dequantised(quantise(up, 4), 4), [...up]);
  const none = quantise(new Float32Array(2 * BLOCK), 4);
  assertEquals([...none.scales], [0, 0]);
  assertEquals(dequantised(none, 4), Array(2 * BLOCK).fill(0));
});

Deno.test("no weight is farther from its level than the scale allows, and few bits err more", () => {
  const weights = Float32Array.from({ length: 64 * BLOCK }, (_, i) => Math.sin(i * 1.7) * Math.exp(Math.sin(i)));
  const errors = ([4, 8] as const).map((bits) => {
    const packed = quantise(weights, bits);
    const found = dequantised(packed, bits);
    found.forEach((value, i) => {
      // A level half a scale away; one whole at the end where there is one level less, and what a narrower scale cuts.
      const room = Math.abs(packed.scales[Math.floor(i / BLOCK)]) * (bits === 4 ? 2.1 : 1.01);
      assert(Math.abs(value - weights[i]) <= room, `${weights[i]} became ${value}`);
    });
    return Math.sqrt(found.reduce((sum, value, i) => sum + (value - weights[i]) ** 2, 0));
  });
  assertLess(errors[1] * 10, errors[0]);
});

/** Stored `[out, in]`, apart and packed; stored `[in, out]` with biases; a mixture; another type of floats. */
const FOLDERS = ["llama", "phi3", "gpt2", "mixtral", "llama-bfloat16"];

for (const name of FOLDERS) {
  for (const dtype of ["q8", "q4"] as const) {
    const run = (device: "cpu" | "webgpu") => () =>
      inFolder(async (folder) => {
        const options = { dtype, device, cacheDir: `${folder}/cache` };
        const rounded = await roundedCopy(`${ROOT}${name}`, folder, dtype === "q4" ? 4 : 8);
        const [found, right, plain] = [
          await outputs(`${ROOT}${name}`, options),
          await outputs(rounded, { device: "cpu" }),
          await outputs(`${ROOT}${name}`, { device: "cpu" }),
        ];
        near(found, right, 1e-4);
        // It is another model than that of the weights as they are.
        assertLess(1e-3, distance(found, plain));
      });
    Deno.test({
      name: `a checkpoint in few bits is the checkpoint of the rounded weights [${name} ${dtype}]`,
      ...ORT_TEST,
      fn: run("cpu"),
    });
    if (name === (dtype === "q4" ? "llama" : "gpt2")) {
      webgpuTest(
        `a checkpoint in few bits is the checkpoint of the rounded weights [${name} ${dtype}, webgpu]`,
        run("webgpu"),
      );
    }
  }
}

for (const name of ["llama", "gpt2", "llama-bfloat16"]) {
  webgpuTest(`a checkpoint's products in float16 move a stream by little [${name}, webgpu]`, async () => {
    const [found, right] = [
      await outputs(`${ROOT}${name}`, { dtype: "fp16", device: "webgpu" }),
      await outputs(`${ROOT}${name}`, { device: "cpu" }),
    ];
    near(found, right, 1e-2);
    assertLess(1e-6, distance(found, right));
  });
}

Deno.test({
  name: "weights are quantised once, and again when they change or what is kept is damaged",
  ...ORT_TEST,
  fn: () =>
    inFolder(async (folder) => {
      const copy = await copyOf(`${ROOT}llama`, `${folder}/model`);
      const quantised = async () => {
        let all = 0;
        const onQuantise = (done: number, total: number) => {
          assert(done <= total);
          all = total;
        };
        const model = await loadModel(copy, { dtype: "q8", device: "cpu", cacheDir: `${folder}/cache`, onQuantise });
        assertEquals([model.dtype, model.weights], ["q8", "safetensors"]);
        assert(model.notes.some((note) => /8 bits/.test(note)), model.notes.join());
        await model.dispose();
        return all;
      };
      const files = () =>
        [...Deno.readDirSync(`${folder}/cache/quantised`)].map(({ name }) => name)
          .filter((name) => name.endsWith(".safetensors"));
      const first = await quantised();
      assertLess(0, first);
      assertEquals(await quantised(), 0);
      assertEquals(files().length, 1);

      // The same weights at another place are known.
      await Deno.rename(copy, `${folder}/moved`);
      await Deno.symlink(`${folder}/moved`, copy);
      assertEquals(await quantised(), 0);

      const path = `${folder}/cache/quantised/${files()[0]}`;
      const whole = await Deno.readFile(path);
      const middle = whole.length >> 1;
      for (const damaged of [whole.subarray(0, whole.length - 9), whole.with(middle, whole[middle] ^ 1)]) {
        await Deno.writeFile(path, damaged);
        assertEquals(await quantised(), first);
        assertEquals(await Deno.readFile(path), whole);
        assertEquals(await quantised(), 0);
      }
      await Deno.writeTextFile(`${path}.json`, "{");
      assertEquals([await quantised(), await quantised()], [first, 0]);

      const weights = await Deno.readFile(`${copy}/model.safetensors`);
      weights[weights.length - 2] ^= 1;
      await Deno.writeFile(`${copy}/model.safetensors`, weights);
      assertEquals(await quantised(), first);
      assertEquals(files().length, 2);
    }),
});

Deno.test({
  name: "weights that no scale can hold are refused by name, and leave nothing behind",
  ...ORT_TEST,
  fn: () =>
    inFolder(async (folder) => {
      const name = "model.layers.0.mlp.up_proj.weight";
      const copy = await copyOf(`${ROOT}llama`, `${folder}/model`);
      const { tensors } = await readSafetensors(`${copy}/model.safetensors`);
      const data = toFloat32(tensors.get(name)!).slice();
      data[5] = NaN;
      await Deno.remove(`${copy}/model.safetensors`);
      await writeSafetensors(
        `${copy}/model.safetensors`,
        new Map([...tensors, [name, float32Tensor(data, tensors.get(name)!.shape)]]),
      );
      const load = () => loadModel(copy, { dtype: "q4", device: "cpu", cacheDir: `${folder}/cache` });
      assertSentence(await assertRejects(load) as Error, "finite", name, "NaN");
      assertEquals([...Deno.readDirSync(`${folder}/cache/quantised`)].filter(({ isFile }) => isFile), []);
    }),
});

Deno.test({
  name: "a storage type that a checkpoint cannot be run in is told, with those that it can",
  ...ORT_TEST,
  fn: async () => {
    const load = (dtype: LoadOptions["dtype"]) => () => loadModel(`${ROOT}llama`, { dtype, device: "cpu" });
    assertSentence(await assertRejects(load("q4f16")) as Error, "q4f16", "in dtype fp32, fp16, q8, q4");
    assertSentence(await assertRejects(load("fp16")) as Error, "fp16", "CPU", "--device webgpu");
  },
});

/** Streams of all blocks and logits, and the logits after generation has begun. */
async function outputs(folder: string, options: LoadOptions): Promise<Float32Array> {
  await using model = await loadModel(folder, { weights: "safetensors", ...options });
  return await allOf(model);
}

async function allOf(model: LanguageModel): Promise<Float32Array> {
  const { residuals } = await model.capture([PROMPT], Array.from({ length: model.layers }, (_, i) => i));
  const streams: number[] = [];
  for (const residual of residuals.values()) streams.push(...await valuesOf(residual, PROMPT.length));
  const { data } = await model.logits([PROMPT]);
  // Through the cache, a step at a time: a text is all that is given.
  assertEquals(typeof (await model.generate([PROMPT], { maxNewTokens: 3 }))[0], "string");
  return Float32Array.from([...streams, ...data]);
}

/** How far two are, relative to the length of the second. */
function distance(found: Float32Array, right: Float32Array): number {
  assertEquals(found.length, right.length);
  const square = (values: Float32Array) => values.reduce((sum, value) => sum + value * value, 0);
  return Math.sqrt(square(found.map((value, i) => value - right[i])) / square(right));
}

function near(found: Float32Array, right: Float32Array, tolerance: number): void {
  assertLess(distance(found, right), tolerance);
}

async function copyOf(from: string, to: string): Promise<string> {
  await Deno.mkdir(to, { recursive: true });
  for await (const { name } of Deno.readDir(from)) await Deno.copyFile(`${from}/${name}`, `${to}/${name}`);
  return to;
}

/** Names of weights that stay as they are. */
const EXACT = /embed|wte|wpe|norm|ln_|block_sparse_moe\.gate\.|mlp\.gate\.weight$|bias/;

/** A copy of a checkpoint whose matrices are rounded as quantised ones are, in float32. */
async function roundedCopy(from: string, folder: string, bits: 4 | 8): Promise<string> {
  const copy = await copyOf(from, `${folder}/rounded`);
  const { tensors } = await readSafetensors(`${copy}/model.safetensors`);
  const config = JSON.parse(await Deno.readTextFile(`${copy}/config.json`));
  const rounded = new Map<string, Tensor>();
  for (const [name, tensor] of tensors) {
    const [rows, columns] = tensor.shape;
    const numbers = toFloat32(tensor);
    const isMatrix = tensor.shape.length === 2 && !EXACT.test(name);
    // GPT-2's are stored [in, out].
    const turned = isMatrix && config.model_type === "gpt2";
    const width = turned ? rows : columns;
    if (!isMatrix || width % BLOCK !== 0) rounded.set(name, float32Tensor(numbers, tensor.shape));
    else {
      const lines = turned ? transposed(numbers, rows, columns) : numbers;
      const values = Float32Array.from(dequantised(quantise(lines, bits), bits));
      rounded.set(name, float32Tensor(turned ? transposed(values, columns, rows) : values, tensor.shape));
    }
  }
  // A head that is tied to the embedding is rounded, and the embedding is not.
  const table = [...tensors.keys()].find((name) => /embed_tokens|wte/.test(name))!;
  const { shape } = tensors.get(table)!;
  if (config.tie_word_embeddings !== false && !tensors.has("lm_head.weight") && shape[1] % BLOCK === 0) {
    const head = Float32Array.from(dequantised(quantise(toFloat32(tensors.get(table)!), bits), bits));
    rounded.set("lm_head.weight", float32Tensor(head, shape));
    config.tie_word_embeddings = false;
    await Deno.writeTextFile(`${copy}/config.json`, JSON.stringify(config));
  }
  await Deno.remove(`${copy}/model.safetensors`);
  await writeSafetensors(`${copy}/model.safetensors`, rounded);
  return copy;
}

function transposed(numbers: Float32Array, rows: number, columns: number): Float32Array<ArrayBuffer> {
  return Float32Array.from(numbers, (_, i) => numbers[(i % rows) * columns + Math.floor(i / rows)]);
}

function dequantised({ levels, scales }: { levels: Uint8Array; scales: Float32Array }, bits: 4 | 8): number[] {
  const level = (i: number) => bits === 8 ? levels[i] - 128 : ((levels[i >> 1] >> 4 * (i & 1)) & 15) - 8;
  return Array.from({ length: levels.length * 8 / bits }, (_, i) => level(i) * scales[Math.floor(i / BLOCK)] || 0);
}
