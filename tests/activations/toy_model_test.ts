import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  encodeBeginning,
  extract,
  type ExtractOptions,
  readCorpus,
  type StreamBatch,
} from "../../src/activations/mod.ts";
import { openBackend } from "../../src/compute/mod.ts";
import { type LanguageModel, loadModel } from "../../src/model/mod.ts";
import { gpuAdapter } from "../../src/compute/device.ts";

const FIXTURES = new URL("../../fixtures/", import.meta.url).pathname;
const CORPORA = ["pile", "math", "code", "chat", "bulgarian", "harmful", "harmless"];
const CODE = "def f(x):\n    return x + 1\n\n\nclass  A:\n\tpass\n";
const TEXTS = ["The king said", "", CODE, "Сърцето не слуша ума", "One, two, three and"];

const noAdapter = !await gpuAdapter();
const required = Deno.env.get("EXEMPLAR_REQUIRE_WEBGPU") === "1";
if (noAdapter && !required) {
  console.log("Tests of extraction on WebGPU are skipped: this machine has no WebGPU adapter.");
}

function pile(): ReturnType<typeof readCorpus> {
  return readCorpus(`${FIXTURES}corpora/pile.jsonl`, { where: { split: "heldout" } });
}

/** Largest difference of two arrays. */
function largestDifference(a: Float32Array, b: Float32Array): number {
  assertEquals(a.length, b.length);
  return a.reduce((largest, x, i) => Math.max(largest, Math.abs(x - b[i])), 0);
}

/** Reads each prompt of a batch alone, and checks the batch's rows against that. */
async function assertSameAsAlone(batch: StreamBatch, layer: number): Promise<void> {
  await using model = await cpuModel();
  const { data, dim, rows } = batch.batches.get(layer)!;
  let row = 0;
  for (const { tokens } of batch.prompts) {
    const count = tokens.length - 1;
    if (count === 0) continue;
    const { residuals } = await model.capture([tokens], [layer]);
    const alone = residuals.get(layer)!.data!.subarray(dim);
    const largest = largestDifference(data.subarray(row * dim, (row + count) * dim), alone);
    assert(largest < 1e-4, `Expected the activations of a prompt read alone but one number is ${largest} off`);
    row += count;
  }
  assertEquals(row, rows);
}

function cpuModel(): Promise<LanguageModel> {
  return loadModel(`${FIXTURES}gemma-2-toy`, { device: "cpu" });
}

Deno.test("toy model: a batch holds what each prompt gives when it is read alone", async () => {
  await using model = await cpuModel();
  const options: ExtractOptions = { layers: [6, 1], context: 32, batchPrompts: 20, forwardPrompts: 6, maxPrompts: 20 };
  const [batch] = await Array.fromAsync(extract(model, pile(), options));
  await assertSameAsAlone(batch, 6);
  await assertSameAsAlone(batch, 1);
  assert(batch.forwardSeconds > 0);
});

Deno.test("toy model: the same stream has the same bytes, whole or gone on with", async () => {
  await using model = await cpuModel();
  const options: ExtractOptions = { layers: [3], context: 24, batchPrompts: 8, forwardPrompts: 4, maxPrompts: 24 };
  const whole = await Array.fromAsync(extract(model, pile(), options));
  const rest = await Array.fromAsync(extract(model, pile(), { ...options, skipPrompts: 8 }));
  assertEquals(
    rest.map((batch) => batch.batches.get(3)!.data),
    whole.slice(1).map((batch) => batch.batches.get(3)!.data),
  );
  assertEquals(rest.map((batch) => batch.start), whole.slice(1).map((batch) => batch.start));
});

Deno.test("toy model: the beginning of a text has the same tokens as the whole text's", async () => {
  await using model = await cpuModel();
  let cut = 0;
  for (const name of CORPORA) {
    for await (const { text } of readCorpus(`${FIXTURES}corpora/${name}.jsonl`)) {
      cut += Number(text.length > 8 * 16);
      assertEquals(encodeBeginning(model, text, 16), model.encode(text, 16));
    }
  }
  assert(cut > 2000, `Expected most texts to be longer than what is read of them but only ${cut} were`);
});

Deno.test("toy model: excerpts keep whitespace", async () => {
  await using model = await cpuModel();
  const [{ prompts: [prompt] }] = await Array.fromAsync(extract(model, [CODE], { layers: [0] }));
  for (let position = 1; position < prompt.tokens.length; position++) {
    const { before, token, after } = prompt.excerpt(position);
    assert(CODE.includes(before + token + after), JSON.stringify({ before, token, after }));
    assert(token !== "");
  }
});

Deno.test("toy model: excerpts show a letter that is split over tokens whole", async () => {
  await using model = await cpuModel();
  const text = "В работите на сърцето 🙂 не слушай ума";
  const [{ prompts: [prompt] }] = await Array.fromAsync(extract(model, [text], { layers: [0] }));
  let split = 0;
  for (let position = 1; position < prompt.tokens.length; position++) {
    const { before, token, after } = prompt.excerpt(position);
    assert(text.includes(before + token + after) && token !== "", JSON.stringify({ before, token, after }));
    split += Number(model.decode([prompt.tokens[position]]).includes("\ufffd"));
  }
  assert(split > 10, `Expected letters split over tokens but found ${split}`);
});

Deno.test("toy model: a chat is read in the model's template", async () => {
  await using model = await loadModel(`${FIXTURES}gemma-2-toy-it`, { device: "cpu" });
  const options: ExtractOptions = { layers: [5], chat: true, extractor: "final-position" };
  const [batch] = await Array.fromAsync(extract(model, ["How are you?"], options));
  assertEquals(
    model.decode(batch.prompts[0].tokens),
    "<bos><start_of_turn>user\nHow are you?<end_of_turn>\n<start_of_turn>model\n",
  );
  assertEquals(batch.batches.get(5)!.rows, 1);
});

Deno.test("an activation that is not finite is traced to its prompt, position and layer", async () => {
  await using model = await cpuModel();
  const backend = await openBackend("cpu");
  const [batch] = await Array.fromAsync(extract(model, TEXTS, { layers: [2], backend }));
  const activations = batch.batches.get(2)!;
  activations.data[9 * activations.dim + 5] = NaN;
  const { prompt, position } = activations.provenance!;
  await assertRejects(
    () => activations.on(backend, (x) => backend.moments(x)),
    Error,
    `found NaN or an infinity in prompt "${prompt[9]}", position ${position[9]} (`,
  );
});

Deno.test({
  name: "WebGPU: activations stay on the GPU, come to the host, or go up to it, and are the same as on the CPU",
  ignore: noAdapter && !required,
  async fn() {
    await using cpu = await cpuModel();
    await using gpu = await loadModel(`${FIXTURES}gemma-2-toy`, { device: "webgpu" });
    const backend = await openBackend("webgpu");
    const options: ExtractOptions = { layers: [0, 2], context: 12, forwardPrompts: 2 };
    const read = async (model: typeof gpu, more: Partial<ExtractOptions>) =>
      (await Array.fromAsync(extract(model, TEXTS, { ...options, ...more })))[0];

    const expected = await read(cpu, {});
    const onGpu = await read(gpu, { backend });
    const toHost = await read(gpu, {});
    const uploaded = await read(cpu, { backend });
    for (const layer of options.layers) {
      const { data, rows } = expected.batches.get(layer)!;
      const there = onGpu.batches.get(layer)!;
      assertEquals([there.isOnHost, there.rows], [false, rows]);
      assertThrows(() => there.data, Error, "but they are on webgpu only");
      assert(largestDifference(await there.values(), data) < 2e-3);
      assertEquals(toHost.batches.get(layer)!.data, await there.values());
      assertEquals(await uploaded.batches.get(layer)!.on(backend, (x) => backend.download(x)), data);
    }
    const [empty] = await Array.fromAsync(extract(gpu, [""], { layers: [0], backend }));
    assertEquals(empty.batches.get(0)!.rows, 0);
    const [emptyUploaded] = await Array.fromAsync(extract(cpu, [""], { layers: [0], backend }));
    assertEquals(await emptyUploaded.batches.get(0)!.on(backend, (x) => Promise.resolve(x.rows)), 0);
    for (const batch of [onGpu, uploaded, empty, emptyUploaded]) batch.dispose();
  },
});
