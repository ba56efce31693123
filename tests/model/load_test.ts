/** Loading: weights in files beside the graph, tokens, and a sentence for everything that cannot be loaded. */
import { assert, assertEquals, assertLess, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import type { BackendName } from "../../src/compute/mod.ts";
import { loadModel, ModelError } from "../../src/model/mod.ts";
import { skipWebGpu } from "../lib/backends.ts";
import { deno } from "../lib/deno.ts";
import { BLOCKS, CONFIG, DIM, smallModel, VOCAB } from "./small_models.ts";
import {
  assertSameBits,
  direction,
  largestDifference,
  ORT_TEST,
  TOY,
  TOY_IT,
  weightsApart,
  writeModelFolder,
} from "./toy.ts";

const TEXT = "The king of the hill";

Deno.test({
  name: "tokens: <bos> first, cut to the context, and back to the same text",
  ...ORT_TEST,
  async fn() {
    await using model = await loadModel(TOY_IT, { device: "cpu" });
    const tokens = model.encode(TEXT);
    assertEquals(tokens[0], 2);
    assertEquals(model.decode(tokens), `<bos>${TEXT}`);
    assertEquals(model.decode(tokens, { skipSpecial: true }), TEXT);
    assertEquals(model.encode(TEXT, 3), tokens.slice(0, 3));
    assertEquals(model.decode([]), "");
    const chat = model.encodeChat([{ role: "user", content: "Hi" }]);
    assertEquals(model.decode(chat), "<bos><start_of_turn>user\nHi<end_of_turn>\n<start_of_turn>model\n");
    const system = [{ role: "system" as const, content: "Be nice" }];
    assertStringIncludes(
      (assertThrows(() => model.encodeChat(system)) as Error).message,
      "Expected messages that fit the model's chat template",
    );
    assertThrows(() => model.encode(TEXT, -1), RangeError, "Expected context");
  },
});

Deno.test({
  name: "a folder is found by a relative path too, and a CPU and a WebGPU model live in one process",
  ignore: skipWebGpu,
  ...ORT_TEST,
  async fn() {
    await using onCpu = await loadModel("fixtures/gemma-2-toy/", { device: "cpu" });
    await using onGpu = await loadModel("./fixtures/gemma-2-toy", { device: "webgpu" });
    assertEquals([onCpu.device, onGpu.device], ["cpu", "webgpu"]);
    const prompt = [onCpu.encode(TEXT)];
    const [a, b] = await Promise.all([onCpu.logits(prompt), onGpu.logits(prompt), onGpu.logits(prompt)]);
    assertLess(largestDifference(a.data, b.data, prompt, onCpu.vocab), 1e-4);
  },
});

for (const device of ["cpu", "webgpu"] as const) {
  Deno.test({
    name: `weights in a file beside the graph give the same model [${device}]`,
    ignore: device === "webgpu" && skipWebGpu,
    ...ORT_TEST,
    fn: () => externalWeights(device),
  });
}

/** Moves the toy's weights to model.onnx_data, then compares logits, hooked logits and a capture. */
async function externalWeights(device: BackendName): Promise<void> {
  const { graph, weights: [weights] } = weightsApart(await Deno.readFile(`${TOY}/onnx/model.onnx`), "model.onnx_data");
  const config = JSON.parse(await Deno.readTextFile(`${TOY}/config.json`));
  const folder = await writeModelFolder(graph, config);
  await Deno.writeFile(`${folder}/onnx/model.onnx_data`, weights.stream());
  assertLess((await Deno.stat(`${folder}/onnx/model.onnx`)).size, 1_000_000);

  const [inside, outside] = [await loadModel(TOY, { device: "cpu" }), await loadModel(folder, { device })];
  const prompt = [inside.encode(TEXT)];
  const interventions = [{ layer: 2, steer: { direction: direction(1), alpha: 2 } }];
  for (const edits of [[], interventions]) {
    const [a, b] = [await inside.logits(prompt, edits), await outside.logits(prompt, edits)];
    if (device === "cpu") assertSameBits(b.data, a.data);
    else assertLess(largestDifference(a.data, b.data, prompt, inside.vocab), 1e-4);
  }
  const capture = (await outside.capture(prompt, [1])).residuals.get(1)!;
  if (device === "cpu") assertSameBits(capture.data!, (await inside.capture(prompt, [1])).residuals.get(1)!.data!);
  capture.dispose();
  await inside.dispose();
  await outside.dispose();
  await Deno.remove(`${folder}/onnx/model.onnx_data`);
  await assertRejects(() => loadModel(folder, { device }), ModelError, 'in "model.onnx_data" beside it');
  await Deno.remove(folder, { recursive: true });
}

Deno.test({
  name: "what cannot be loaded is refused with a sentence that says what to do",
  ...ORT_TEST,
  async fn() {
    const refuse = async (id: string, ...parts: string[]) => {
      const error = await assertRejects(() => loadModel(id, { device: "cpu" })) as Error;
      for (const part of ["Expected ", ...parts]) assertStringIncludes(error.message, part);
      assert(!error.message.includes("\n"), error.message);
    };
    await refuse("/no/such/folder", 'a model folder at "/no/such/folder"', "config.json, tokenizer.json");
    await refuse("./fixtures", "no config.json", "onnx/model.onnx");
    await refuse(TOY + "/config.json", "but it is a file");

    const { bytes } = smallModel("gpt2");
    const folder = await writeModelFolder(bytes, CONFIG);
    await Deno.writeFile(`${folder}/onnx/model.onnx`, bytes.subarray(0, bytes.length >> 1));
    await refuse(folder, "to hold an ONNX model", "fetch or copy it again");
    await Deno.writeTextFile(`${folder}/onnx/model.onnx`, "");
    await refuse(folder, "to hold an ONNX model");
    await Deno.writeFile(`${folder}/onnx/model.onnx`, bytes);
    await Deno.writeTextFile(`${folder}/config.json`, "{");
    await refuse(folder, "to hold a JSON object", "fetch it again");
    await Deno.writeTextFile(
      `${folder}/config.json`,
      JSON.stringify({ ...CONFIG, num_hidden_layers: 5 }),
    );
    await refuse(folder, "after 5 blocks, as config.json says", "those of 3 or 6");
    await assertRejects(() => loadModel(folder, { device: "cpu", dtype: "q4" }), Error, "no onnx/model_q4.onnx");
    await assertRejects(() => loadModel(folder, { dtype: "fp64" as "fp32" }), RangeError, "dtype");
    await Deno.remove(folder, { recursive: true });
  },
});

Deno.test({
  name: "widths are those of the graph, whether config.json tells them or not",
  ...ORT_TEST,
  async fn() {
    const { bytes } = smallModel("gpt2");
    for (const config of [{ model_type: "llama" }, { ...CONFIG, hidden_size: 99, vocab_size: 99 }]) {
      const folder = await writeModelFolder(bytes, config);
      const model = await loadModel(folder, { device: "cpu" });
      assertEquals([model.layers, model.dim, model.streamDim, model.vocab], [BLOCKS, DIM, DIM, VOCAB]);
      await model.dispose();
      await Deno.remove(folder, { recursive: true });
    }
  },
});

Deno.test({
  name: "a program that provides its own runtime, or imported transformers.js first, is told how to go on",
  async fn() {
    const run = async (first: string) => {
      const load = new URL("../../src/model/load.ts", import.meta.url).href;
      const program = `${first}; await (await import(${JSON.stringify(load)})).loadModel(${JSON.stringify(TOY)})`;
      return (await deno("eval", ["--no-check", program])).stderr;
    };
    assertStringIncludes(
      await run('globalThis[Symbol.for("onnxruntime")] = {}'),
      'Expected globalThis[Symbol.for("onnxruntime")] to be free',
    );
    assertStringIncludes(
      await run('await import("npm:@huggingface/transformers@4.3.1")'),
      "Expected to be the first to import @huggingface/transformers",
    );
  },
});
