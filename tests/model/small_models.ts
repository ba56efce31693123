/** Language models of three blocks built node by node, in the styles of other exporters, and their arithmetic in plain loops. */
import {
  type AttributeValue,
  ElementType,
  encodeModel,
  graphModel,
  initializer,
  node,
  type NodeProto,
  type TensorProto,
  valueInfo,
} from "../../src/compute/onnx/codec.ts";

export const DIM = 8;
export const VOCAB = 16;
export const BLOCKS = 3;
const EPSILON = 1e-5;

export type Style = "fused" | "fused with bias" | "gpt2";

/** Weights by name, the same for the graph and the loops. */
type Weights = Map<string, Float32Array<ArrayBuffer>>;

/** A model as a serialized graph and as a function. */
export interface SmallModel {
  readonly bytes: Uint8Array;
  /** Streams after each block and logits of one prompt; `edit` changes a stream as an intervention would. */
  forward(tokens: ArrayLike<number>, edit?: Edit): Forward;
}

type Edit = (layer: number, x: number[]) => number[];

export interface Forward {
  /** The stream before the first block, `[position][dim]`. */
  readonly embedding: number[][];
  /** `[layer][position][dim]`. */
  readonly streams: number[][][];
  /** What the first part's product reads and adds, the stream after it, and what the second part adds. */
  readonly z: number[][][];
  readonly attnOut: number[][][];
  readonly residMid: number[][][];
  readonly mlpOut: number[][][];
  /** `[position][vocab]`. */
  readonly logits: number[][];
}

/** Builds a model. Half precision stores and computes in float16, apart from the norms' insides. */
export function smallModel(style: Style, half = false): SmallModel {
  const weights: Weights = new Map();
  let seed = 1;
  const weight = (name: string, size: number, scale = 0.5, mean = 0) => {
    const values = new Float32Array(size);
    for (let i = 0; i < size; i++) {
      seed = (seed * 48271) % 2147483647;
      const value = mean + scale * (2 * seed / 2147483647 - 1);
      values[i] = half ? Math.f16round(value) : value;
    }
    weights.set(name, values);
  };
  weight("embed", VOCAB * DIM, 1);
  weight("positions", 32 * DIM, 1);
  for (let block = 0; block <= BLOCKS; block++) {
    for (const norm of ["first", "second"]) {
      weight(`${block}.${norm}.gamma`, DIM, 0.2, 1);
      weight(`${block}.${norm}.beta`, DIM, 0.2);
      weight(`${block}.${norm}.bias`, DIM, 0.2);
    }
    for (const body of ["attn", "mlp"]) weight(`${block}.${body}`, DIM * DIM);
  }
  weight("unembed", DIM * VOCAB, 1);
  const used = new Set<string>();
  const nodes = style === "gpt2" ? gpt2Nodes(used) : fusedNodes(used, style === "fused with bias");
  const bytes = encodeModel(graphModel({
    nodes,
    initializers: [...used].map((name) => constant(name, weights.get(name)!, half)),
    inputs: ["input_ids", "attention_mask", "position_ids"]
      .filter((name) => name !== "position_ids" || style === "gpt2")
      .map((name) => valueInfo(name, ElementType.int64, ["batch_size", "sequence_length"])),
    outputs: [
      valueInfo("logits", half ? ElementType.float16 : ElementType.float32, ["batch_size", "sequence_length", VOCAB]),
    ],
    contrib: true,
  }));
  return { bytes, forward: (tokens, edit) => forward(style, weights, tokens, edit) };
}

function constant(name: string, values: Float32Array<ArrayBuffer>, half: boolean): TensorProto {
  const dims = values.length === DIM ? [DIM] : name === "unembed" ? [DIM, VOCAB] : [values.length / DIM, DIM];
  return half
    ? initializer(name, ElementType.float16, dims, Float16Array.from(values))
    : initializer(name, ElementType.float32, dims, values);
}

/** As onnxruntime-genai's builder writes them: the sums are fused into the norms that read them. */
function fusedNodes(used: Set<string>, withBias: boolean): NodeProto[] {
  const use = (name: string) => (used.add(name), name);
  const norm = (skip: boolean, path: string, key: string, inputs: string[], outputs: string[]) => {
    const read = [...inputs, use(`${key}.gamma`)];
    if (withBias) read.push(use(`${key}.beta`));
    if (withBias && skip) read.push(use(`${key}.bias`));
    const type = `${skip ? "Skip" : ""}${withBias ? "" : "Simplified"}LayerNormalization`;
    const attributes: Record<string, AttributeValue> = { epsilon: EPSILON };
    if (!skip) attributes.axis = -1n;
    return { ...node(type, read, outputs, attributes, skip ? "com.microsoft" : ""), name: path };
  };
  const nodes = [node("Gather", [use("embed"), "input_ids"], ["x"])];
  let stream = "x";
  let branch = "";
  for (let block = 0; block < BLOCKS; block++) {
    const path = `/model/layers.${block}`;
    const [first, second] = [`${path}/input_layernorm`, `${path}/post_attention_layernorm`];
    nodes.push(
      block === 0
        ? norm(false, `${first}/LayerNorm`, `${block}.first`, [stream], [`${first}/output_0`])
        : norm(true, `${first}/SkipLayerNorm`, `${block}.first`, [stream, branch], [
          `${first}/output_0`,
          "",
          "",
          `${first}/output_3`,
        ]),
    );
    if (block > 0) stream = `${first}/output_3`;
    nodes.push(node("MatMul", [`${first}/output_0`, use(`${block}.attn`)], [`${path}/attn/o_proj/MatMul/output_0`]));
    nodes.push(
      norm(true, `${second}/SkipLayerNorm`, `${block}.second`, [stream, `${path}/attn/o_proj/MatMul/output_0`], [
        `${second}/output_0`,
        "",
        "",
        `${second}/output_3`,
      ]),
    );
    stream = `${second}/output_3`;
    branch = `${path}/mlp/down_proj/MatMul/output_0`;
    nodes.push(node("MatMul", [`${second}/output_0`, use(`${block}.mlp`)], [branch]));
  }
  const final = `/model/layers.${BLOCKS}/final_norm_layernorm`;
  nodes.push(norm(true, `${final}/SkipLayerNorm`, `${BLOCKS}.first`, [stream, branch], [`${final}/output_0`]));
  nodes.push(node("MatMul", [`${final}/output_0`, use("unembed")], ["logits"]));
  return nodes;
}

/** As optimum exports GPT-2: sums of their own, here with the branch first, and biases added to the branches. */
function gpt2Nodes(used: Set<string>): NodeProto[] {
  const use = (name: string) => (used.add(name), name);
  const norm = (input: string, key: string, output: string) =>
    node("LayerNormalization", [input, use(`${key}.gamma`), use(`${key}.beta`)], [output], {
      epsilon: EPSILON,
      axis: -1n,
    });
  const nodes = [
    node("Gather", [use("embed"), "input_ids"], ["/transformer/wte/Gather_output_0"]),
    node("Gather", [use("positions"), "position_ids"], ["/transformer/wpe/Gather_output_0"]),
    node("Add", ["/transformer/wte/Gather_output_0", "/transformer/wpe/Gather_output_0"], [
      "/transformer/Add_output_0",
    ]),
  ];
  let stream = "/transformer/Add_output_0";
  for (let block = 0; block < BLOCKS; block++) {
    const path = `/transformer/h.${block}`;
    for (const [i, [key, body]] of [["first", "attn"], ["second", "mlp"]].entries()) {
      const inside = `${path}/${body}/c_proj`;
      nodes.push(
        norm(stream, `${block}.${key}`, `${path}/ln_${i + 1}/output_0`),
        node("MatMul", [`${path}/ln_${i + 1}/output_0`, use(`${block}.${body}`)], [`${inside}/MatMul_output_0`]),
        node("Add", [use(`${block}.${key}.bias`), `${inside}/MatMul_output_0`], [`${inside}/Add_output_0`]),
        node("Add", [`${inside}/Add_output_0`, stream], [`${path}/Add_${i}_output_0`]),
      );
      stream = `${path}/Add_${i}_output_0`;
    }
  }
  nodes.push(norm(stream, `${BLOCKS}.first`, "/transformer/ln_f/output_0"));
  nodes.push(node("MatMul", ["/transformer/ln_f/output_0", use("unembed")], ["logits"]));
  return nodes;
}

function forward(style: Style, weights: Weights, tokens: ArrayLike<number>, edit?: Edit): Forward {
  const empty = () => Array.from({ length: BLOCKS }, (): number[][] => []);
  const [streams, z, attnOut, residMid, mlpOut] = Array.from({ length: 5 }, empty);
  const embedding: number[][] = [];
  const logits: number[][] = [];
  const get = (name: string) => weights.get(name)!;
  const norm = (x: number[], key: string) => {
    const mean = style === "fused" ? 0 : x.reduce((sum, value) => sum + value, 0) / DIM;
    const scale = 1 / Math.sqrt(x.reduce((sum, value) => sum + (value - mean) ** 2, 0) / DIM + EPSILON);
    const beta = style === "fused" ? new Float32Array(DIM) : get(`${key}.beta`);
    return x.map((value, i) => (value - mean) * scale * get(`${key}.gamma`)[i] + beta[i]);
  };
  const times = (x: number[], matrix: Float32Array, columns: number) =>
    Array.from({ length: columns }, (_, j) => x.reduce((sum, value, i) => sum + value * matrix[i * columns + j], 0));
  const plus = (x: number[], y: ArrayLike<number>) => x.map((value, i) => value + y[i]);
  for (let position = 0; position < tokens.length; position++) {
    let x = Array.from(get("embed").subarray(tokens[position] * DIM, (tokens[position] + 1) * DIM));
    if (style === "gpt2") x = plus(x, get("positions").subarray(position * DIM, (position + 1) * DIM));
    embedding.push(x);
    for (let block = 0; block < BLOCKS; block++) {
      // A fused norm adds the bias of the branch before it; GPT-2's branches add their own.
      const part = (key: string, body: string, next: string) => {
        const own = times(norm(x, `${block}.${key}`), get(`${block}.${body}`), DIM);
        if (style === "gpt2") return plus(own, get(`${block}.${key}.bias`));
        return style === "fused with bias" ? plus(own, get(`${next}.bias`)) : own;
      };
      z[block].push(norm(x, `${block}.first`));
      const attended = part("first", "attn", `${block}.second`);
      attnOut[block].push(attended);
      residMid[block].push(x = plus(x, attended));
      const fed = part("second", "mlp", `${block + 1}.first`);
      mlpOut[block].push(fed);
      x = plus(x, fed);
      x = edit?.(block, x) ?? x;
      streams[block].push(x);
    }
    logits.push(times(norm(x, `${BLOCKS}.first`), get("unembed"), VOCAB));
  }
  return { embedding, streams, z, attnOut, residMid, mlpOut, logits };
}

/** The config.json of these models. */
export const CONFIG = { model_type: "llama", hidden_size: DIM, vocab_size: VOCAB, num_hidden_layers: BLOCKS };
