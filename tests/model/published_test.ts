/** What config.json of published models means where it is silent: values of transformers 5.24's classes from the same files. */
import { assertAlmostEquals, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { loadModel } from "../../src/model/mod.ts";
import { familyOf } from "../../src/model/architectures/checkpoint.ts";
import { FAMILIES } from "../../src/model/architectures/families/all.ts";
import { CheckpointReader } from "../../src/model/architectures/reader.ts";
import type { Block, DecoderSpec } from "../../src/model/architectures/spec.ts";
import { textPart } from "../../src/model/architectures/text_part.ts";
import type { Config } from "../../src/model/config.ts";
import { inFolder } from "../lib/folder.ts";
import { assertSentence } from "../lib/sentence.ts";
import { ORT_TEST } from "./toy.ts";

const ROOT = new URL("../golden/checkpoints/", import.meta.url).pathname;

/** google/gemma-3-4b-it. */
const GEMMA3: Config = {
  architectures: ["Gemma3ForConditionalGeneration"],
  boi_token_index: 255999,
  eoi_token_index: 256000,
  eos_token_id: [1, 106],
  image_token_index: 262144,
  initializer_range: 0.02,
  mm_tokens_per_image: 256,
  model_type: "gemma3",
  text_config: {
    hidden_size: 2560,
    intermediate_size: 10240,
    model_type: "gemma3_text",
    num_hidden_layers: 34,
    rope_scaling: { factor: 8.0, rope_type: "linear" },
    sliding_window: 1024,
  },
  torch_dtype: "bfloat16",
  transformers_version: "4.50.0.dev0",
  vision_config: { hidden_size: 1152, image_size: 896, model_type: "siglip_vision_model", vision_use_head: false },
};

/** mistralai/Mistral-Small-3.1-24B-Instruct-2503. */
const MISTRAL3: Config = {
  architectures: ["Mistral3ForConditionalGeneration"],
  image_token_index: 10,
  model_type: "mistral3",
  multimodal_projector_bias: false,
  projector_hidden_act: "gelu",
  spatial_merge_size: 2,
  text_config: {
    attention_dropout: 0.0,
    head_dim: 128,
    hidden_act: "silu",
    hidden_size: 5120,
    initializer_range: 0.02,
    intermediate_size: 32768,
    max_position_embeddings: 131072,
    model_type: "mistral",
    num_attention_heads: 32,
    num_hidden_layers: 40,
    num_key_value_heads: 8,
    rms_norm_eps: 1e-05,
    rope_theta: 1000000000.0,
    sliding_window: null,
    use_cache: true,
    vocab_size: 131072,
  },
  torch_dtype: "bfloat16",
  transformers_version: "4.50.0.dev0",
  vision_config: { hidden_size: 1024, image_size: 1540, model_type: "pixtral", num_hidden_layers: 24 },
  vision_feature_layer: -1,
};

/** openai/gpt-oss-20b, without its quantization_config. */
const GPT_OSS: Config = {
  architectures: ["GptOssForCausalLM"],
  attention_bias: true,
  attention_dropout: 0.0,
  eos_token_id: 200002,
  experts_per_token: 4,
  head_dim: 64,
  hidden_act: "silu",
  hidden_size: 2880,
  initial_context_length: 4096,
  initializer_range: 0.02,
  intermediate_size: 2880,
  layer_types: Array.from({ length: 24 }, (_, i) => i % 2 === 0 ? "sliding_attention" : "full_attention"),
  max_position_embeddings: 131072,
  model_type: "gpt_oss",
  num_attention_heads: 64,
  num_experts_per_tok: 4,
  num_hidden_layers: 24,
  num_key_value_heads: 8,
  num_local_experts: 32,
  output_router_logits: false,
  pad_token_id: 199999,
  rms_norm_eps: 1e-05,
  rope_scaling: {
    beta_fast: 32.0,
    beta_slow: 1.0,
    factor: 32.0,
    original_max_position_embeddings: 4096,
    rope_type: "yarn",
    truncate: false,
  },
  rope_theta: 150000,
  router_aux_loss_coef: 0.9,
  sliding_window: 128,
  swiglu_limit: 7.0,
  tie_word_embeddings: false,
  transformers_version: "4.55.0.dev0",
  use_cache: true,
  vocab_size: 201088,
};

/** What a family makes of config.json, whatever the weights. */
function specOf(config: Config): DecoderSpec {
  const { wrapper, read } = familyOf(config);
  const reader = new CheckpointReader(wrapper ? textPart(wrapper, config, new Map()).config : config, new Map());
  const spec = read(reader);
  reader.assertUnderstood();
  return spec;
}

function anglesOf({ attention }: Block): number[] {
  const { frequencies } = attention.rope!;
  return frequencies.kind === "fixed" ? [...frequencies.values] : [];
}

function assertNear(values: readonly number[], right: readonly number[]): void {
  for (const [i, value] of values.entries()) assertAlmostEquals(value, right[i], 1e-6 * right[i]);
}

Deno.test("gemma-3-4b-it's config.json says little: the rest is what the class says", () => {
  const { blocks, vocab, dim, head, embedding } = specOf(GEMMA3);
  const { heads, keyHeads, headDim, scale } = blocks[0].attention;
  assertEquals([dim, blocks.length, heads, keyHeads, headDim, scale, vocab], [2560, 34, 8, 4, 256, 1 / 16, 262208]);
  assertEquals(head.weight, embedding.weight);
  const wide = [...blocks.keys()].filter((i) => blocks[i].attention.window === undefined);
  assertEquals(wide, [5, 11, 17, 23, 29]);
  assertEquals(blocks[0].attention.window, 1024);
  assertNear(anglesOf(blocks[0]).slice(0, 3), [1, 0.9305720329284668, 0.8659643530845642]);
  assertNear(anglesOf(blocks[5]).slice(0, 3), [0.125, 0.11221089214086533, 0.1007302775979042]);
});

Deno.test("Mistral Small 3.1's text part has a matrix of its own at its end, and no window", () => {
  const { blocks, vocab, dim, head } = specOf(MISTRAL3);
  const { heads, keyHeads, headDim, window } = blocks[0].attention;
  assertEquals([dim, blocks.length, heads, keyHeads, headDim, vocab], [5120, 40, 32, 8, 128, 131072]);
  assertEquals([head.weight, window], ["lm_head.weight", undefined]);
  assertNear(anglesOf(blocks[0]).slice(0, 2), [1, 1e9 ** (-2 / 128)]);
  // Version 5 writes of the whole what counts for its text part no more.
  assertEquals(
    specOf({
      ...MISTRAL3,
      tie_word_embeddings: true,
      text_config: { ...MISTRAL3.text_config as Config, tie_word_embeddings: false },
    }).head.weight,
    "lm_head.weight",
  );
});

Deno.test("gpt-oss-20b's config.json is read as it is, and where it is silent", () => {
  const { rope_scaling: _, rope_theta: __, layer_types: ___, swiglu_limit: ____, ...silent } = GPT_OSS;
  for (const config of [GPT_OSS, silent]) {
    const { blocks } = specOf(config);
    const { window, rope } = blocks[0].attention;
    assertEquals([window, blocks[1].attention.window], [128, undefined]);
    const angles = anglesOf(blocks[0]);
    assertNear([0, 8, 12, 16, 31].map((i) => angles[i]), [
      1,
      0.05081327259540558,
      0.006794959306716919,
      0.0004564839182421565,
      3.023511396804679e-07,
    ]);
    assertAlmostEquals(rope!.factor!, 1.3465735902799727, 1e-9);
    const { mlp } = blocks[0];
    if (mlp.kind !== "experts" || mlp.experts[31].kind !== "packed") {
      throw new Error(`Expected experts but got ${mlp.kind}`);
    }
    assertEquals([mlp.experts.length, mlp.perToken, mlp.experts[31].limit], [32, 4, 7]);
  }
});

Deno.test("what versions of transformers read differently, and other text parts, are refused by name", () => {
  const refused = (config: Config, ...words: string[]) =>
    assertSentence(assertThrows(() => specOf(config)) as Error, ...words);
  refused({ ...GPT_OSS, rope_scaling: null }, "rope_scaling", "null");
  refused({ ...GPT_OSS, experts_per_token: 2 }, "num_experts_per_tok");
  refused({ ...GPT_OSS, swiglu_alpha: 1 }, "swiglu_alpha");
  refused({ ...GPT_OSS, quantization_config: { quant_method: "mxfp4" } }, "mxfp4", "bfloat16");
  refused({ ...MISTRAL3, text_config: { ...MISTRAL3.text_config as Config, model_type: "ministral3" } }, "ministral3");
  refused(
    { ...MISTRAL3, text_config: { ...MISTRAL3.text_config as Config, model_type: "llama" } },
    "llama",
    "mistral3",
  );
  refused({ ...GEMMA3, audio_config: {} }, "audio_config");
  refused({ ...GEMMA3, text_config: { ...GEMMA3.text_config as Config, altup: 3 } }, "altup");
  refused(
    { ...GEMMA3, text_config: { ...GEMMA3.text_config as Config, quantization_config: { quant_method: "awq" } } },
    "awq",
  );
  refused({ ...GEMMA3, model_type: "qwen2_5_vl", text_config: { model_type: "qwen2_5_vl_text" } }, "qwen2_5_vl_text");
});

for (const name of ["gemma3-images", "gemma3-images-nested", "mistral3"]) {
  Deno.test({
    name: `that the text part alone is run is said [${name}]`,
    ...ORT_TEST,
    async fn() {
      const notes: string[] = [];
      const model = await loadModel(`${ROOT}${name}`, { device: "cpu", onNote: (note) => void notes.push(note) });
      await model.dispose();
      assertSentence(new Error(notes[0]), "text part alone", "vision_tower", "multi_modal_projector");
    },
  });
}

Deno.test("a part of another kind, beside those that a model is known to have, is refused", () =>
  inFolder(async (folder) => {
    const from = `${ROOT}gemma3-images`;
    for (const { name } of Deno.readDirSync(from)) await Deno.copyFile(`${from}/${name}`, `${folder}/${name}`);
    const bytes = await Deno.readFile(`${from}/model.safetensors`);
    // As long as the name that it replaces, so that everything lies where it lay.
    const at = new TextDecoder("latin1").decode(bytes).indexOf("vision_tower.post_layernorm.bias");
    bytes.set(new TextEncoder().encode("audio__tower.post_layernorm.bias"), at);
    await Deno.writeFile(`${folder}/model.safetensors`, bytes);
    assertSentence(await assertRejects(() => loadModel(folder, { device: "cpu" })) as Error, "audio__tower");
  }));

Deno.test("the README's table of families is the list of them", async () => {
  const text = await Deno.readTextFile(new URL("../../src/model/README.md", import.meta.url));
  const rows = [...text.matchAll(/^\| `(\w+)` +\| (.*?) +\|$/gm)].map(([, type, models]) => [type, models]);
  const known = Object.entries(FAMILIES).map(([type, { models }]) => [type, models]);
  assertEquals(rows.filter(([type]) => type in FAMILIES), known);
});
