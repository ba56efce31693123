/**
 * Graphs with GroupQueryAttention, as most models on the hub have: the operator counts a row's tokens and takes them to
 * stand at the left, so prompts are read padded on the right and generated from in batches of one length.
 */
import { assertEquals, assertLess, assertNotEquals } from "@std/assert";
import { loadModel } from "../../src/model/mod.ts";
import { ElementType, encodeModel, graphModel, initializer, node, valueInfo } from "../../src/compute/onnx/codec.ts";
import { ORT_TEST, writeModelFolder } from "./toy.ts";

const [DIM, VOCAB, BLOCKS] = [8, 16, 2];
const CONFIG = {
  model_type: "llama",
  hidden_size: DIM,
  vocab_size: VOCAB,
  num_hidden_layers: BLOCKS,
  num_attention_heads: 1,
  num_key_value_heads: 1,
  head_dim: DIM,
  eos_token_id: 1,
};

/** Two blocks of attention alone, with a cache, in the style of onnxruntime-genai's builder. */
function groupQueryModel(): Uint8Array<ArrayBuffer> {
  let seed = 7;
  const weight = (name: string, rows: number, columns: number) => {
    const values = Float32Array.from({ length: rows * columns }, () => {
      seed = (seed * 48271) % 2147483647;
      return 2 * seed / 2147483647 - 1;
    });
    return initializer(name, ElementType.float32, rows === 1 ? [columns] : [rows, columns], values);
  };
  const number = (name: string, type: number, values: Int32Array | BigInt64Array) =>
    initializer(name, type, [values.length], values);
  const scalar = initializer("index_one", ElementType.int64, [], BigInt64Array.of(1n));
  const initializers = [
    weight("embed", VOCAB, DIM),
    weight("unembed", DIM, VOCAB),
    number("axis", ElementType.int64, BigInt64Array.of(1n)),
    number("one", ElementType.int32, Int32Array.of(1)),
    scalar,
  ];
  const nodes = [
    node("ReduceSum", ["attention_mask", "axis"], ["tokens"], { keepdims: 0n }),
    node("Cast", ["tokens"], ["tokens_int32"], { to: BigInt(ElementType.int32) }),
    node("Sub", ["tokens_int32", "one"], ["seqlens_k"]),
    node("Shape", ["attention_mask"], ["mask_shape"]),
    node("Gather", ["mask_shape", "index_one"], ["total"]),
    node("Cast", ["total"], ["total_int32"], { to: BigInt(ElementType.int32) }),
    node("Gather", ["embed", "input_ids"], ["x"]),
  ];
  const inputs = ["input_ids", "attention_mask"].map((name) =>
    valueInfo(name, ElementType.int64, ["batch_size", name === "input_ids" ? "sequence_length" : "total_length"])
  );
  const outputs = [valueInfo("logits", ElementType.float32, ["batch_size", "sequence_length", VOCAB])];
  let stream = "x";
  for (let block = 0; block < BLOCKS; block++) {
    const path = `/model/layers.${block}`;
    initializers.push(weight(`${path}.gamma`, 1, DIM));
    for (const part of ["q", "k", "v", "o"]) initializers.push(weight(`${path}.${part}`, DIM, DIM));
    const norm = `${path}/input_layernorm/output_0`;
    const cache = (prefix: string) => ["key", "value"].map((part) => `${prefix}.${block}.${part}`);
    nodes.push(node("SimplifiedLayerNormalization", [stream, `${path}.gamma`], [norm], { epsilon: 1e-5, axis: -1n }));
    for (const part of ["q", "k", "v"]) nodes.push(node("MatMul", [norm, `${path}.${part}`], [`${path}/attn/${part}`]));
    const read = ["q", "k", "v"].map((part) => `${path}/attn/${part}`);
    nodes.push(
      node(
        "GroupQueryAttention",
        [...read, ...cache("past_key_values"), "seqlens_k", "total_int32"],
        [`${path}/attn/output`, ...cache("present")],
        { num_heads: 1n, kv_num_heads: 1n },
        "com.microsoft",
      ),
      node("MatMul", [`${path}/attn/output`, `${path}.o`], [`${path}/attn/o_proj`]),
      node("Add", [stream, `${path}/attn/o_proj`], [`${path}/Add`]),
    );
    const shape = (length: string) => ["batch_size", 1, length, DIM];
    inputs.push(...cache("past_key_values").map((name) => valueInfo(name, ElementType.float32, shape("past_length"))));
    outputs.push(...cache("present").map((name) => valueInfo(name, ElementType.float32, shape("total_length"))));
    stream = `${path}/Add`;
  }
  nodes.push(node("MatMul", [stream, "unembed"], ["logits"]));
  return encodeModel(graphModel({ nodes, inputs, outputs, initializers, contrib: true }));
}

Deno.test({
  name: "with GroupQueryAttention, batches read and generate what each prompt does alone",
  ...ORT_TEST,
  async fn() {
    const folder = await writeModelFolder(groupQueryModel(), CONFIG);
    const model = await loadModel(folder, { device: "cpu" });
    const prompts = [[2, 7, 11, 3, 5], [2, 9], [2, 4, 13], [2, 10], [2, 6, 8, 12]].map((ids) => Int32Array.from(ids));
    const { residuals, width } = await model.capture(prompts, [0, 1]);
    for (const [i, prompt] of prompts.entries()) {
      const alone = (await model.capture([prompt], [0, 1])).residuals;
      for (const layer of [0, 1]) {
        alone.get(layer)!.data!.forEach((value, j) =>
          assertLess(Math.abs(residuals.get(layer)!.data![i * width * DIM + j] - value), 1e-5)
        );
      }
    }
    const direction = Float32Array.from({ length: DIM }, (_, i) => i % 3 - 1);
    const plain = await model.generate(prompts, { maxNewTokens: 6 });
    for (const interventions of [[], [{ layer: 0, steer: { direction, alpha: 3 } }]]) {
      const together = await model.generate(prompts, { maxNewTokens: 6, interventions });
      const alone: string[] = [];
      for (const prompt of prompts) alone.push(...await model.generate([prompt], { maxNewTokens: 6, interventions }));
      assertEquals(together, alone);
      if (interventions.length > 0) assertNotEquals(together, plain);
    }
    await model.dispose();
    await Deno.remove(folder, { recursive: true });
  },
});
