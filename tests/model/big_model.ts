/**
 * Makes a model of so many gigabytes of random weights, and tells how much memory a process needs that reads and changes
 * it:
 *
 *     deno run --allow-all tests/model/big_model.ts FOLDER GIGABYTES
 */
import {
  ElementType,
  encodeModel,
  externalEntry,
  graphModel,
  initializer,
  node,
  type NodeProto,
  type TensorProto,
  valueInfo,
} from "../../src/compute/onnx/codec.ts";
import { deno } from "../lib/deno.ts";
import { tokenizerFiles } from "./make/tokenizer.ts";

const VOCAB = 32;
const WEIGHTS = "model.onnx_data";
/** Numbers made and written at a time. */
const CHUNK = 2 ** 20;

/** Writes a model folder of about `bytes` of weights and gives how many they are. */
export async function makeBigModel(folder: string, bytes: number): Promise<number> {
  const dim = bytes < 1e8 ? 256 : 1024;
  const blocks = Math.max(1, Math.round(bytes / (9 * dim * dim * 4)));
  await Deno.mkdir(`${folder}/onnx`, { recursive: true });
  using file = await Deno.open(`${folder}/onnx/${WEIGHTS}`, { write: true, create: true, truncate: true });
  const writer = new Writer(file);
  const graph = await bigGraph(writer, dim, blocks);
  await Deno.writeFile(`${folder}/onnx/model.onnx`, graph);
  const config = { model_type: "llama", hidden_size: dim, vocab_size: VOCAB, num_hidden_layers: blocks };
  for (const [name, content] of Object.entries({ ...tokenizerFiles(), "config.json": config })) {
    await Deno.writeTextFile(`${folder}/${name}`, JSON.stringify(content));
  }
  return writer.offset;
}

/** Weights, written one after the other. */
class Writer {
  readonly tensors: TensorProto[] = [];
  offset = 0;
  #seed = 1;

  constructor(readonly file: Deno.FsFile) {}

  /** Adds a matrix and gives its name. */
  async weight(name: string, rows: number, columns: number): Promise<string> {
    const tensor = initializer(name, ElementType.float32, [rows, columns], new Uint8Array(0));
    const length = rows * columns * 4;
    const entries = { location: WEIGHTS, offset: String(this.offset), length: String(length) };
    tensor.externalData = Object.entries(entries).map(([key, value]) => externalEntry(key, value));
    tensor.dataLocation = 1;
    this.tensors.push(tensor);
    this.offset += length;
    // Sums over a row keep their size.
    const scale = Math.sqrt(3 / rows);
    for (let left = rows * columns; left > 0; left -= CHUNK) await this.#write(Math.min(left, CHUNK), scale);
    return name;
  }

  async #write(count: number, scale: number): Promise<void> {
    const values = Float32Array.from({ length: count }, () => {
      this.#seed = this.#seed * 48271 % 2147483647;
      return scale * (2 * this.#seed / 2147483647 - 1);
    });
    const bytes = new Uint8Array(values.buffer);
    for (let done = 0; done < bytes.length;) done += await this.file.write(bytes.subarray(done));
  }
}

/** Blocks of products under the exporters' names: one in attention's place, two of a feed-forward part. */
async function bigGraph(writer: Writer, dim: number, blocks: number): Promise<Uint8Array<ArrayBuffer>> {
  const ones = initializer("ones", ElementType.float32, [dim], new Float32Array(dim).fill(1));
  const nodes: NodeProto[] = [];
  const add = (opType: string, inputs: string[], output: string) => {
    nodes.push(node(opType, inputs, [output], opType === "SimplifiedLayerNormalization" ? { epsilon: 1e-5 } : {}));
    return output;
  };
  const norm = (x: string, path: string) => add("SimplifiedLayerNormalization", [x, "ones"], `${path}/output_0`);
  const product = async (x: string, path: string, rows: number, columns: number) =>
    add("MatMul", [x, await writer.weight(`${path}.weight`, rows, columns)], `${path}/MatMul_output_0`);
  let x = add("Gather", [await writer.weight("model.embed_tokens.weight", VOCAB, dim), "input_ids"], "/model/embed");
  for (let block = 0; block < blocks; block++) {
    const path = `/model/layers.${block}`;
    const attended = await product(norm(x, `${path}/input_layernorm`), `${path}/self_attn/o_proj`, dim, dim);
    x = add("Add", [x, attended], `${path}/Add_output_0`);
    const wide = await product(norm(x, `${path}/post_attention_layernorm`), `${path}/mlp/up_proj`, dim, 4 * dim);
    const fed = await product(add("Relu", [wide], `${path}/mlp/Relu_output_0`), `${path}/mlp/down_proj`, 4 * dim, dim);
    x = add("Add", [x, fed], `${path}/Add_1_output_0`);
  }
  add("MatMul", [norm(x, "/model/norm"), await writer.weight("lm_head.weight", dim, VOCAB)], "logits");
  return encodeModel(graphModel({
    nodes,
    inputs: [valueInfo("input_ids", ElementType.int64, ["batch_size", "sequence_length"])],
    outputs: [valueInfo("logits", ElementType.float32, ["batch_size", "sequence_length", VOCAB])],
    initializers: [ones, ...writer.tensors],
  }));
}

/** The most memory, in bytes, that a process ever took that captures, steers and captures again. */
export async function peakOf(folder: string): Promise<number> {
  const { stdout, stderr, success } = await deno("run", ["--no-check", "--allow-all", child, folder]);
  if (!success) throw new Error(`Expected to use the model in ${folder} but: ${stderr}`);
  return Number(stdout);
}

const child = new URL("big_model_child.ts", import.meta.url).href;

if (import.meta.main) {
  const [folder, gigabytes] = Deno.args;
  const weights = await makeBigModel(folder, Number(gigabytes) * 1e9);
  const peak = await peakOf(folder);
  console.log(JSON.stringify({ weights, peak, times: Number((peak / weights).toFixed(3)) }));
}
