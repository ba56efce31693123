/** Every hook point is the tensor that it is said to be, and can be changed where it stands. */
import { assertEquals, assertGreater, assertLess, assertNotEquals, assertRejects } from "@std/assert";
import { type HookSite, type Intervention, type LanguageModel, loadModel, ModelError } from "../../src/model/mod.ts";
import { decodeModel } from "../../src/compute/onnx/codec.ts";
import { skipWebGpu } from "../lib/backends.ts";
import { assertSentence } from "../lib/sentence.ts";
import { PROMPTS as MADE_PROMPTS } from "./against_loops.ts";
import { decoderWith, parallelBlock } from "./kinds.ts";
import { type MadeModel, rowsOf, withModel } from "./made_model.ts";
import { INNER } from "./make/layers.ts";
import { genaiGptOss } from "./make/genai_gpt_oss.ts";
import { gptOss } from "./make/gpt_oss.ts";
import { distance } from "./make/plain.ts";
import { qwen35 } from "./make/qwen3_5.ts";
import { BLOCKS, CONFIG, DIM, type Forward, smallModel, type Style } from "./small_models.ts";
import { assertSameBits, largestDifference, ORT_TEST, plainTensors, prompts, TOY, valuesOf } from "./toy.ts";

const PROMPTS = [Int32Array.of(2, 7, 11, 3, 5), Int32Array.of(2, 9)];

/** A site and the exporter's name for its tensor in a block. */
type Names = Readonly<Record<string, (layer: number) => string>>;

const block = (rest: string, root = "/model/layers") => (layer: number) => `${root}.${layer}${rest}`;
const GEMMA: Names = {
  resid_pre: (layer) => layer === 0 ? "/model/Mul_output_0" : block("/Add_1_output_0")(layer - 1),
  resid_mid: block("/Add_output_0"),
  resid_post: block("/Add_1_output_0"),
  attn_out: block("/post_attention_layernorm/Mul_1_output_0"),
  mlp_out: block("/post_feedforward_layernorm/Mul_1_output_0"),
  z: block("/self_attn/Reshape_7_output_0"),
  pattern: block("/self_attn/Softmax_output_0"),
};

/** Fails unless captures at each site hold the named tensors of the untouched graph; on the CPU bit for bit. */
async function assertTensors(
  model: LanguageModel,
  folder: string,
  batch: readonly Int32Array[],
  names: Names,
  layers: readonly number[],
): Promise<void> {
  const wanted = Object.values(names).flatMap((name) => layers.map(name));
  const expected = await plainTensors(folder, "cpu", batch, [...new Set(wanted)]);
  for (const [site, name] of Object.entries(names)) {
    const { residuals, width } = await model.capture(batch, layers, site);
    for (const layer of layers) {
      const values = await valuesOf(residuals.get(layer)!, batch.length * width);
      const right = expected[name(layer)];
      const what = `${site} of block ${layer}`;
      assertEquals(values.length, right.length, what);
      if (model.device === "cpu") assertSameBits(values, right, what);
      else assertLess(largestDifference(values, right, batch, right.length / batch.length / width), 1e-3, what);
    }
  }
}

for (const device of ["cpu", "webgpu"] as const) {
  const ignore = device === "webgpu" && skipWebGpu;

  Deno.test({
    name: `every hook point of the embedded model is its tensor of the untouched graph [${device}]`,
    ignore,
    ...ORT_TEST,
    async fn() {
      await using model = await loadModel(TOY, { device });
      const batch = device === "cpu" ? prompts(model) : prompts(model).slice(0, 2);
      await assertTensors(model, TOY, batch, GEMMA, device === "cpu" ? [0, 3, 7] : [1]);
    },
  });

  for (const style of ["fused", "fused with bias", "gpt2"] as const) {
    if (device === "webgpu" && style === "gpt2") continue;
    Deno.test({
      name: `every hook point is what plain loops give there [${style}, ${device}]`,
      ignore,
      ...ORT_TEST,
      fn: () => withModel(small(style), (model) => assertSmall(model, style), { device }),
    });
  }

  Deno.test({
    name: `steering by nothing changes nothing, wherever it is done [${device}]`,
    ignore,
    ...ORT_TEST,
    async fn() {
      const made = device === "cpu" ? ["fused", "fused with bias", "gpt2"] as const : ["fused with bias"] as const;
      for (const style of made) await withModel(small(style), (model) => assertIdle(model, PROMPTS), { device });
      if (device === "webgpu") return;
      for (const make of [decoderWith, () => decoderWith(undefined, parallelBlock), gptOss, genaiGptOss, qwen35]) {
        await withModel(make(), (model) => assertIdle(model, MADE_PROMPTS));
      }
      await using toy = await loadModel(TOY, { device });
      await assertIdle(toy, prompts(toy).slice(0, 1), [3]);
    },
  });
}

function small(style: Style): MadeModel {
  return { bytes: smallModel(style).bytes, config: CONFIG };
}

async function assertSmall(model: LanguageModel, style: Style): Promise<void> {
  const { forward } = smallModel(style);
  const layers = Array.from({ length: BLOCKS }, (_, layer) => layer);
  const sites: Record<string, (run: Forward, layer: number) => number[][]> = {
    resid_pre: ({ embedding, streams }, layer) => layer === 0 ? embedding : streams[layer - 1],
    resid_mid: ({ residMid }, layer) => residMid[layer],
    resid_post: ({ streams }, layer) => streams[layer],
    attn_out: ({ attnOut }, layer) => attnOut[layer],
    mlp_out: ({ mlpOut }, layer) => mlpOut[layer],
    z: ({ z }, layer) => z[layer],
  };
  for (const [site, expected] of Object.entries(sites)) {
    const { residuals, width } = await model.capture(PROMPTS, layers, site);
    for (const layer of layers) {
      const values = await valuesOf(residuals.get(layer)!, PROMPTS.length * width);
      for (const [i, prompt] of PROMPTS.entries()) {
        const rows = rowsOf(values, width, DIM, i, prompt.length);
        assertLess(distance(rows, expected(forward(prompt), layer)), 1e-5, `${site} of block ${layer}, prompt ${i}`);
      }
    }
  }
}

const CHANGEABLE = ["resid_pre", "resid_mid", "resid_post", "attn_out", "mlp_out", "z", "router"] as const;

/** Steers by nothing, and by something, at each site of some blocks. */
async function assertIdle(
  model: LanguageModel,
  batch: readonly Int32Array[],
  layers = [0, model.layers - 1],
): Promise<void> {
  const { data } = await model.logits(batch);
  const largest = data.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  for (const at of CHANGEABLE) {
    for (const layer of layers) {
      const there = await dimAt(model, layer, at);
      if (there === undefined) continue;
      // Not all the same: a norm may take a mean away.
      const direction = Float32Array.from({ length: there }, (_, i) => Math.cos(i));
      const steered = (alpha: number) => model.logits(batch, [{ layer, at, steer: { direction, alpha } }]);
      const idle = await steered(0);
      assertLess(largestDifference(idle.data, data, batch, model.vocab) / largest, 1e-6, `${at} of block ${layer}`);
      const difference = largestDifference((await steered(1)).data, data, batch, model.vocab);
      assertGreater(difference / largest, 1e-4, `${at} of block ${layer}`);
    }
  }
}

/** Width at a site; undefined if the block has none such. */
async function dimAt(model: LanguageModel, layer: number, at: HookSite): Promise<number | undefined> {
  try {
    const residual = (await model.capture([Int32Array.of(2)], [layer], at)).residuals.get(layer)!;
    residual.dispose();
    return residual.dim;
  } catch (error) {
    if (error instanceof ModelError) return undefined;
    throw error;
  }
}

const STYLES: Record<string, { make: () => MadeModel; names: Names; missing: readonly [HookSite, string][] }> = {
  "torch's exporter": {
    make: decoderWith,
    names: { z: block("/self_attn/Reshape_3_output_0"), pattern: block("/self_attn/Softmax_output_0") },
    missing: [["router", "it is no mixture of experts"]],
  },
  "gpt-oss": {
    make: gptOss,
    names: {
      z: block("/self_attn/Reshape_4_output_0"),
      pattern: block("/self_attn/Softmax_output_0"),
      router: block("/mlp/router/Softmax_output_0"),
    },
    missing: [],
  },
  "genai's builder": {
    make: genaiGptOss,
    names: {
      resid_mid: block("/post_attention_layernorm/SkipLayerNorm/output_3"),
      attn_out: block("/attn/o_proj/Add/output_0"),
      mlp_out: block("/moe/MoE/output_0"),
      z: block("/attn/GroupQueryAttention/output_0"),
      router: block("/moe/router/Reshape/output_0"),
    },
    missing: [["pattern", "one operator that keeps its weights to itself"]],
  },
};

for (const [name, { make, names, missing }] of Object.entries(STYLES)) {
  Deno.test({
    name:
      `hook points that loops do not know are tensors of the untouched graph; others are said to be missing [${name}]`,
    ...ORT_TEST,
    fn: () =>
      withModel(make(), async (model, folder) => {
        await assertTensors(model, folder, MADE_PROMPTS, names, [0, 1]);
        for (const [site, why] of missing) {
          const error = await assertRejects(() => model.capture(MADE_PROMPTS, [1], site), ModelError);
          assertSentence(error, `block 1 to have ${site}`, why, "resid_pre");
          await assertRejects(() => model.withHook(site), ModelError, why);
        }
      }),
  });
}

const EMPTIED: Record<string, () => Promise<void>> = {
  "embedded model": async () => {
    await using model = await loadModel(TOY, { device: "cpu" });
    await assertEmptied(model, prompts(model).slice(0, 1));
  },
  "fused with bias": () => withModel(small("fused with bias"), (model) => assertEmptied(model, PROMPTS)),
  "serial blocks": () => withModel(decoderWith(), (model) => assertEmptied(model, MADE_PROMPTS)),
  "parallel blocks": () =>
    withModel(decoderWith(undefined, parallelBlock), (model) => assertEmptied(model, MADE_PROMPTS)),
};

for (const [name, run] of Object.entries(EMPTIED)) {
  Deno.test({
    name: `what attention and feed-forward parts add is all that is added to the embedding [${name}]`,
    ...ORT_TEST,
    fn: run,
  });
}

/** Takes all that is added away, in every direction: what is left are the logits of the embedding. */
async function assertEmptied(model: LanguageModel, batch: readonly Int32Array[]): Promise<void> {
  const { streamDim: dim, vocab } = model;
  const directions = Array.from({ length: dim }, (_, i) => new Float32Array(dim).fill(1, i, i + 1));
  const everything: Intervention[] = Array.from({ length: model.layers }, (_, layer) => layer)
    .flatMap((layer) => ["attn_out", "mlp_out"].map((at) => ({ layer, at, ablate: { directions } })));
  const { data, width } = await model.logits(batch, everything);
  const embedding = (await model.capture(batch, [0], "resid_pre")).residuals.get(0)!.data!;
  for (const [i, prompt] of batch.entries()) {
    const rows = embedding.slice(i * width * dim, (i * width + prompt.length) * dim);
    const lens = await model.lens(rows, prompt.length, vocab);
    const expected = lens.map((tokens) => tokens.toSorted((a, b) => a.id - b.id).map(({ logit }) => logit));
    assertLess(distance(rowsOf(data, width, vocab, i, prompt.length), expected), 1e-4, `prompt ${i}`);
  }
}

Deno.test({
  name: "a tensor by its own name, of another width than the stream, is captured, steered and built on",
  ...ORT_TEST,
  fn: () => {
    const made = decoderWith();
    return withModel(made, async (model, folder) => {
      const at = "/model/layers.{layer}/mlp/Mul_output_0";
      await assertTensors(model, folder, MADE_PROMPTS, { [at]: block("/mlp/Mul_output_0") }, [0, 1]);
      const hidden = await model.withHook(at);
      assertEquals([hidden.hook, hidden.dim, hidden.streamDim], [at, INNER, model.streamDim]);
      const [own, named] = [await hidden.capture(MADE_PROMPTS, [1]), await model.capture(MADE_PROMPTS, [1], at)];
      assertSameBits(own.residuals.get(1)!.data!, named.residuals.get(1)!.data!);

      // What the down projection makes of a vector, added to what it gives, is the vector added to what it reads.
      const direction = Float32Array.from({ length: INNER }, (_, i) => Math.cos(3 * i));
      const projected = downProjected(made.bytes, 1, direction);
      const steered = await hidden.logits(MADE_PROMPTS, [{ layer: 1, steer: { direction, alpha: 2 } }]);
      const after = [{ layer: 1, at: "mlp_out", steer: { direction: projected, alpha: 2 } }];
      const expected = await hidden.logits(MADE_PROMPTS, after);
      assertLess(largestDifference(steered.data, expected.data, MADE_PROMPTS, model.vocab), 1e-4);
      assertNotEquals(steered.data, (await model.logits(MADE_PROMPTS)).data);
      assertNotEquals(
        await hidden.generate(MADE_PROMPTS, { maxNewTokens: 6 }),
        await hidden.generate(MADE_PROMPTS, {
          maxNewTokens: 6,
          interventions: [{ layer: 1, steer: { direction, alpha: 20 } }],
        }),
      );
      // The lens takes streams, whatever the hook.
      assertEquals((await hidden.lens(new Float32Array(model.streamDim).fill(1), 1)).length, 1);
    });
  },
});

/** A vector times the weights of a block's down projection. */
function downProjected(bytes: Uint8Array, layer: number, x: Float32Array): Float32Array<ArrayBuffer> {
  const graph = decodeModel(bytes).graph!;
  const product = graph.node.find(({ name }) => name === `/model/layers.${layer}/mlp/down_proj/MatMul`)!;
  const weight = graph.initializer.find(({ name }) => name === product.input[1])!;
  const [rows, columns] = weight.dims.map(Number);
  const values = new Float32Array(weight.rawData.slice().buffer);
  return Float32Array.from({ length: columns }, (_, j) => {
    let sum = 0;
    for (let i = 0; i < rows; i++) sum += x[i] * values[i * columns + j];
    return sum;
  });
}
