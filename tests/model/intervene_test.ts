/** Ablation and steering do to the stream what their formulas say, and only where they should. */
import { assert, assertEquals, assertGreater, assertLess, assertNotEquals, assertRejects } from "@std/assert";
import type { BackendName } from "../../src/compute/mod.ts";
import { type Intervention, loadModel } from "../../src/model/mod.ts";
import { ElementType, valueInfo } from "../../src/compute/onnx/codec.ts";
import type { Tensor } from "../../src/compute/ort.ts";
import { Decoder } from "../../src/model/decoder.ts";
import { composeEdits } from "../../src/model/edits.ts";
import { hookFeeds } from "../../src/model/feeds.ts";
import { prune } from "../../src/model/graph.ts";
import { addHooks, hookedName } from "../../src/model/intervene.ts";
import { runtimeFor } from "../../src/model/runtime.ts";
import { pad } from "../../src/model/tokens.ts";
import { skipWebGpu } from "../lib/backends.ts";
import { DIM, direction, ORT_TEST, prompts, runPlain, TOY, TOY_IT } from "./toy.ts";

const LAYER = 4;
const CENTER = direction(99).map((value) => 3 * value);

const STREAM = `/model/layers.${LAYER}/Add_1_output_0`;
const TARGET = { tensor: STREAM, dim: DIM, isFlat: true };

/** One edit of the stream after {@link LAYER}. */
function editOf(batch: readonly Int32Array[], interventions: readonly Intervention[]) {
  const lengths = batch.map(({ length }) => length);
  const [edit, ...others] = composeEdits(interventions, () => TARGET, "resid_post", { lengths, grow: false });
  assertEquals(others, []);
  return edit;
}

/** The stream before and after the hook at {@link LAYER}. */
async function hooked(device: BackendName, batch: readonly Int32Array[], interventions: readonly Intervention[]) {
  const edit = editOf(batch, interventions);
  const tokens = pad(batch, "right", 0);
  const feeds = hookFeeds(await runtimeFor(device), [edit], tokens);
  const after = hookedName(edit.key);
  const streams = await runPlain(TOY, device, batch, [STREAM, after], (graph) => {
    addHooks(graph, [edit]);
    graph.output = [STREAM, after].map((name) => valueInfo(name, ElementType.float32, ["b", "s", DIM]));
    prune(graph);
  }, feeds);
  return { before: streams[STREAM], after: streams[after], mask: tokens.mask };
}

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

for (const device of ["cpu", "webgpu"] as const) {
  const ignore = device === "webgpu" && skipWebGpu;

  Deno.test({
    name: `ablation removes the component relative to the center at tokens and leaves padding alone [${device}]`,
    ignore,
    ...ORT_TEST,
    async fn() {
      const batch = [Int32Array.of(2, 437, 2049, 2303, 294, 272), Int32Array.of(2, 300), Int32Array.of(2)];
      // The third direction depends on the first two; two interventions compose to one.
      const [a, b] = [direction(1), direction(2)];
      const interventions = [
        { layer: LAYER, ablate: { directions: [a, b], center: CENTER } },
        { layer: LAYER, ablate: { directions: [a.map((value, i) => value - 2 * b[i])], center: CENTER } },
      ];
      assertEquals(editOf(batch, interventions).rank, 2);
      const { before, after, mask } = await hooked(device, batch, interventions);
      mask.forEach((real, row) => {
        const x = before.subarray(row * DIM, (row + 1) * DIM);
        const y = after.subarray(row * DIM, (row + 1) * DIM);
        if (real === 0n) return assertEquals(y, x, `padding at row ${row}`);
        assertNotEquals(y, x);
        const centered = y.map((value, i) => value - CENTER[i]);
        for (const removed of [a, b]) {
          const cosine = dot(centered, removed) / Math.sqrt(dot(centered, centered) * dot(removed, removed));
          assertLess(Math.abs(cosine), 1e-5);
        }
        // What is left is what was there: the change lies in the plane of a and b.
        const change = x.map((value, i) => value - y[i]);
        assertLess(Math.abs(dot(change, centered)) / Math.sqrt(dot(change, change) * dot(centered, centered)), 1e-4);
      });
    },
  });

  Deno.test({
    name: `steering adds alpha times the direction, exactly, after ablation [${device}]`,
    ignore,
    ...ORT_TEST,
    async fn() {
      const batch = [Int32Array.of(2, 437, 2049, 2303), Int32Array.of(2, 300)];
      const [d, removed] = [direction(3), direction(4)];
      const steer = { layer: LAYER, steer: { direction: d, alpha: 2.5 } };
      const { before, after, mask } = await hooked(device, batch, [steer]);
      mask.forEach((real, row) => {
        for (let i = 0; i < DIM; i++) {
          const x = before[row * DIM + i];
          const added = real === 0n ? 0 : Math.fround(2.5 * d[i]);
          assertEquals(after[row * DIM + i], Math.fround(x + added));
        }
      });
      // In either order in the list, the ablated direction keeps what steering gives it.
      const both = await hooked(device, batch, [steer, { layer: LAYER, ablate: { directions: [removed] } }]);
      const first = both.after.subarray(0, DIM);
      assertLess(Math.abs(dot(first, removed) - 2.5 * dot(d, removed)), 1e-2);
    },
  });
}

Deno.test({
  name: "interventions under generate change each prompt of a padded batch as they change it alone",
  ...ORT_TEST,
  async fn() {
    await using model = await loadModel(TOY_IT, { device: "cpu" });
    const chats = [
      "Name a color.",
      "Give three tips for staying healthy.",
      "Write a short poem about the sea and the sky.",
    ]
      .map((content) => model.encodeChat([{ role: "user", content }]));
    const interventions = [
      { layer: LAYER, steer: { direction: direction(5), alpha: 4 } },
      { layer: 2, ablate: { directions: [direction(6)], center: CENTER } },
    ];
    const plain = await model.generate(chats, { maxNewTokens: 24 });
    const progress: number[] = [];
    const onProgress = (done: number) => progress.push(done);
    const together = await model.generate(chats, { maxNewTokens: 24, interventions, batchSize: 2, onProgress });
    assertEquals(progress, [2, 3]);
    const oneByOne: string[] = [];
    for (const chat of chats) oneByOne.push(...await model.generate([chat], { maxNewTokens: 24, interventions }));
    assertEquals(together, oneByOne);
    assert(together.every((text, i) => text !== plain[i]), `Expected steering to change every text: ${together}`);
    assertEquals(await model.generate(chats, { maxNewTokens: 24 }), plain);
    // The cache does not change what is computed: each text is the argmax of the whole graph read again.
    const answer = model.encode(together[0]).subarray(1, 4);
    const grown = Int32Array.from([...chats[0], ...answer]);
    const { data, vocab } = await model.logits([grown], interventions);
    answer.forEach((token, i) => {
      const row = data.subarray((chats[0].length - 1 + i) * vocab, (chats[0].length + i) * vocab);
      assertEquals(row.indexOf(Math.max(...row)), token);
    });
  },
});

Deno.test({
  name: "on WebGPU, interventions work under generate and the cache's buffers are given back",
  ignore: skipWebGpu,
  ...ORT_TEST,
  async fn() {
    const cache: Tensor[] = [];
    const { step } = Decoder.prototype;
    Decoder.prototype.step = async function (...given) {
      const result = await step.apply(this, given);
      cache.push(...Object.values(result.cache));
      return result;
    };
    const prompt = [Int32Array.of(2, 437, 2049, 2303)];
    const options = {
      maxNewTokens: 4,
      interventions: [{ layer: LAYER, steer: { direction: direction(5), alpha: 4 } }],
    };
    const texts: string[] = [];
    try {
      for (const device of ["webgpu", "cpu"] as const) {
        await using model = await loadModel(TOY_IT, { device });
        texts.push(...await model.generate(prompt, options));
      }
    } finally {
      Decoder.prototype.step = step;
    }
    // The first half are WebGPU's: two steps that try the cache, then those of four tokens.
    assertEquals(cache.length, 2 * 6 * 16);
    for (const tensor of cache.slice(0, 6 * 16)) assertEquals(tensor.location, "none");
    assertEquals(texts[0], texts[1]);
  },
});

Deno.test({
  name: "interventions that make no sense are refused with a sentence",
  ...ORT_TEST,
  async fn() {
    await using model = await loadModel(TOY, { device: "cpu" });
    const batch = prompts(model);
    const refuse = (intervention: Intervention | Intervention[], message: string) =>
      assertRejects(async () => await model.logits(batch, [intervention].flat()), Error, message);
    const d = direction(1);
    await refuse({ layer: 8, steer: { direction: d, alpha: 1 } }, "Expected a layer from 0 to 7");
    await refuse({ layer: 1, steer: { direction: d.subarray(1), alpha: 1 } }, "to hold 192 numbers");
    await refuse({ layer: 1, steer: { direction: d.map(() => NaN), alpha: 1 } }, "NaN or an infinity");
    await refuse({ layer: 1, steer: { direction: d, alpha: Infinity } }, "Expected a finite alpha");
    await refuse({ layer: 1, ablate: { directions: [new Float32Array(DIM)] } }, "has length 0");
    const ablate = (center: Float32Array) => ({ layer: 1, ablate: { directions: [d], center } });
    await refuse([ablate(CENTER), ablate(direction(7))], "Expected one center");
    await assertRejects(() => model.generate(batch, { maxNewTokens: 0 }), RangeError, "maxNewTokens");
    assertGreater((await model.logits(batch)).data.length, 0);
  },
});
