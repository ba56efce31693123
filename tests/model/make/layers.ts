/** Parts of decoders as torch's exporter writes them, and the same parts in plain loops. */
import { ElementType } from "../../../src/compute/onnx/codec.ts";
import type { Net } from "./net.ts";
import {
  attend,
  type BlockRun,
  type Expected,
  expectedOf,
  type Heads,
  linearOf,
  rmsNormOf,
  type Rows,
  silu,
  times,
  twoSums,
} from "./plain.ts";

export const DIM = 16;
export const VOCAB = 32;
export const BLOCKS = 2;
/** Width of feed-forward parts. */
export const INNER = 12;
export const EPSILON = 1e-6;
/** Heads of the torch styles. */
export const HEADS: Heads = { heads: 2, keyHeads: 2, headDim: 8 };

/** A graph, its config.json and its right values. */
export interface Made {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly config: Record<string, unknown>;
  readonly expected: Expected;
}

/** Inputs of token ids and their mask, as all styles have them. */
export function tokenInputs(net: Net): void {
  net.input("input_ids", ElementType.int64, ["batch_size", "sequence_length"]);
  net.input("attention_mask", ElementType.int64, ["batch_size", "total_sequence_length"]);
}

/** The fields that every config.json here has. */
export function configOf(type: string, architecture: string, fields: Record<string, unknown> = {}) {
  return {
    model_type: type,
    architectures: [architecture],
    hidden_size: DIM,
    intermediate_size: INNER,
    num_hidden_layers: BLOCKS,
    num_attention_heads: HEADS.heads,
    num_key_value_heads: HEADS.keyHeads,
    head_dim: HEADS.headDim,
    vocab_size: VOCAB,
    max_position_embeddings: 64,
    rms_norm_eps: EPSILON,
    pad_token_id: 0,
    eos_token_id: 1,
    bos_token_id: 2,
    ...fields,
  };
}

/** Name of a module's weight: `/model/layers.0/mlp` has `model.layers.0.mlp.weight`. */
export function moduleName(path: string): string {
  return path.slice(1).replaceAll("/", ".");
}

/** A matrix product and, if asked, a bias. torch's exporter turns the weight, which then loses its name. */
export function linear(net: Net, path: string, x: string, columns: number, rows = DIM, bias = false): string {
  const name = net.naming === "torch" ? `onnx::MatMul_${net.nodes.length}` : `${moduleName(path)}.MatMul.weight`;
  const product = net.op("MatMul", path, [x, net.weight(`${path}.weight`, [rows, columns], 0.6, 0, name)]);
  if (!bias) return product;
  const inside = net.naming === "torch" ? "" : ".Add";
  const added = net.weight(`${path}.bias`, [columns], 0.3, 0, `${moduleName(path)}${inside}.bias`);
  return net.op("Add", path, net.naming === "torch" ? [added, product] : [product, added]);
}

/** Adds the weight of a norm and gives its name. */
export function normWeight(net: Net, path: string, size = DIM): string {
  return net.weight(`${path}.weight`, [size], 0.2, 1, `${moduleName(path)}.weight`);
}

/** A root-mean-square norm, in float32 inside. */
export function rmsNorm(net: Net, path: string, x: string, weight = normWeight(net, path)): string {
  const wide = net.half ? net.cast(path, x, ElementType.float32) : x;
  const squares = net.op("Pow", path, [wide, net.number(path, 2, false)]);
  const mean = net.op("ReduceMean", path, [squares], { attributes: { axes: [-1n] } });
  const root = net.op("Sqrt", path, [net.op("Add", path, [mean, net.number(path, EPSILON, false)])]);
  const normed = net.op("Mul", path, [wide, net.op("Div", path, [net.number(path, 1, false), root])]);
  return net.op("Mul", path, [weight, net.half ? net.cast(path, normed, ElementType.float16) : normed]);
}

export function siluNode(net: Net, path: string, x: string): string {
  return net.op("Mul", path, [x, net.op("Sigmoid", path, [x])]);
}

/** `down(silu(gate(x)) * up(x))`. */
export function gatedMlp(net: Net, path: string, x: string): string {
  const gate = siluNode(net, `${path}/act_fn`, linear(net, `${path}/gate_proj`, x, INNER));
  const product = net.op("Mul", path, [gate, linear(net, `${path}/up_proj`, x, INNER)]);
  return linear(net, `${path}/down_proj`, product, DIM, INNER);
}

export function gatedMlpOf(net: Net, path: string, x: Rows): Rows {
  const gate = linearOf(net, `${path}/gate_proj`, x).map((row) => row.map(silu));
  return linearOf(net, `${path}/down_proj`, times(gate, linearOf(net, `${path}/up_proj`, x)));
}

/** `[batch, fed, 1]`: 1 at the tokens fed and 0 at padding between them, as a number. */
export function fedMask(net: Net, path = "/model"): string {
  const { before } = lengths(net, path);
  const start = net.op("Unsqueeze", path, [before, net.ints(path, [0])]);
  const fed = net.op("Slice", path, ["attention_mask", start, net.ints(path, [2 ** 31]), net.ints(path, [1])]);
  return net.op("Unsqueeze", path, [net.cast(path, fed, net.type), net.ints(path, [2])]);
}

/** Lengths: of the tokens fed, and with those before them. */
export function lengths(net: Net, path = "/model"): { fed: string; total: string; before: string } {
  const length = (of: string) =>
    net.op("Gather", path, [net.op("Shape", path, [of]), net.int(path, 1)], { attributes: { axis: 0n } });
  const [fed, total] = [length("input_ids"), length("attention_mask")];
  return { fed, total, before: net.op("Sub", path, [total, fed]) };
}

/** `[fed, total]`: whether a position sees another, of the last `window`. */
function seen(net: Net, window: number | undefined): string {
  const path = "/model";
  const { total, before } = lengths(net);
  const one = net.int(path, 1);
  const columns = net.op("Range", path, [net.int(path, 0), total, one]);
  const rows = net.op("Unsqueeze", path, [net.op("Range", path, [before, total, one]), net.ints(path, [1])]);
  const causal = net.op("LessOrEqual", path, [columns, rows]);
  if (window === undefined) return causal;
  const first = net.op("Sub", path, [rows, net.int(path, window)]);
  return net.op("And", path, [causal, net.op("Greater", path, [columns, first])]);
}

/** `[batch, 1, fed, total]`: 0 where a position sees another, a large negative number elsewhere. */
export function causalMask(net: Net, window?: number): string {
  const path = "/model";
  const kept = net.op("Unsqueeze", path, [net.cast(path, "attention_mask", ElementType.bool), net.ints(path, [1, 2])]);
  const both = net.op("And", path, [seen(net, window), kept]);
  return net.op("Where", path, [both, net.number(path, 0), net.number(path, net.half ? -65504 : -1e9)]);
}

/** `[batch, length, heads * headDim]` as `[batch, heads, length, headDim]`. */
export function splitHeads(net: Net, path: string, x: string, { headDim }: Heads, heads: number): string {
  const parts = net.op("Reshape", path, [x, net.ints(path, [0, 0, heads, headDim])]);
  return net.op("Transpose", path, [parts], { attributes: { perm: [0n, 2n, 1n, 3n] } });
}

/** The other way. */
export function joinHeads(net: Net, path: string, x: string, { heads, headDim }: Heads): string {
  const turned = net.op("Transpose", path, [x], { attributes: { perm: [0n, 2n, 1n, 3n] } });
  return net.op("Reshape", path, [turned, net.ints(path, [0, 0, heads * headDim])]);
}

/** Declares a block's keys and values and gives their four names. */
export function keyValueCache(net: Net, layer: number, shape = HEADS) {
  const dims = ["batch_size", shape.keyHeads, "past_sequence_length", shape.headDim];
  const [past, present] = [`past_key_values.${layer}`, `present.${layer}`];
  for (const part of ["key", "value"]) net.cache(`${past}.${part}`, `${present}.${part}`, dims);
  return { past, present };
}

/** How attention differs between styles. */
export interface AttentionParts {
  readonly shape?: Heads;
  /** Weight of one sink a head. */
  readonly sinks?: string;
  readonly bias?: boolean;
  /** Changes the heads' values, side by side, before the output projection. */
  readonly before?: (values: string) => string;
  /** Queries, if they are not a projection of their own. */
  readonly queries?: string;
  /** Keys, likewise. */
  readonly keys?: string;
}

/** Attention over a cache of keys and values, as eager attention is exported. */
export function attention(
  net: Net,
  path: string,
  x: string,
  layer: number,
  mask: string,
  parts: AttentionParts = {},
): string {
  const { shape = HEADS, bias } = parts;
  const { heads, headDim } = shape;
  const { past, present } = keyValueCache(net, layer, shape);
  const project = (name: string) => linear(net, `${path}/${name}`, x, heads * headDim, DIM, bias);
  const q = splitHeads(net, path, parts.queries ?? project("q_proj"), shape, heads);
  const [k, v] = [["k_proj", "key", parts.keys], ["v_proj", "value"]].map(([name, part, given]) =>
    net.op("Concat", path, [`${past}.${part}`, splitHeads(net, path, given ?? project(name!), shape, heads)], {
      attributes: { axis: 2n },
      outputs: [`${present}.${part}`],
    })
  );
  const values = joinHeads(net, path, attentionCore(net, path, [q, k, v], mask, shape, parts.sinks), shape);
  return linear(net, `${path}/o_proj`, parts.before?.(values) ?? values, DIM, heads * headDim, bias);
}

/** `softmax(q k / sqrt(headDim) + mask) v`; a sink is one more column, dropped after the softmax. */
export function attentionCore(
  net: Net,
  path: string,
  [q, k, v]: readonly string[],
  mask: string,
  { heads, headDim }: Heads,
  sinks?: string,
): string {
  const turned = net.op("Transpose", path, [k], { attributes: { perm: [0n, 1n, 3n, 2n] } });
  const product = net.op("MatMul", path, [q, turned]);
  let scores = net.op("Mul", path, [product, net.number(path, 1 / Math.sqrt(headDim))]);
  scores = net.op("Add", path, [scores, mask]);
  if (sinks) {
    const column = net.op("Reshape", path, [sinks, net.ints(path, [1, heads, 1, 1])]);
    const first = net.op("Slice", path, [scores, ...[[0], [1], [3]].map((list) => net.ints(path, list))]);
    const wide = net.op("Expand", path, [column, net.op("Shape", path, [first])]);
    scores = net.op("Concat", path, [scores, wide], { attributes: { axis: -1n } });
  }
  let weights = net.op("Softmax", path, [scores], { attributes: { axis: -1n } });
  if (sinks) weights = net.op("Slice", path, [weights, ...[[0], [-1], [3]].map((list) => net.ints(path, list))]);
  return net.op("MatMul", path, [weights, v]);
}

export function attentionOf(net: Net, path: string, x: Rows, shape = HEADS): Rows {
  const [q, k, v] = ["q_proj", "k_proj", "v_proj"].map((name) => linearOf(net, `${path}/${name}`, x));
  return linearOf(net, `${path}/o_proj`, attend(q, k, v, shape));
}

/** A block as a graph and as loops. */
export interface Block {
  graph(x: string, layer: number): string;
  plain(x: Rows, layer: number): BlockRun;
}

/** Where the modules of a family are. */
export interface ModulePaths {
  readonly embed: string;
  readonly norm: string;
  readonly head: string;
}

export const LLAMA_PATHS: ModulePaths = { embed: "/model/embed_tokens", norm: "/model/norm", head: "/lm_head" };

/** The embedding of the ids, before the blocks. */
export function embedding(net: Net, path: string): string {
  const table = net.weight(`${path}.weight`, [VOCAB, DIM], 1, 0, `${moduleName(path)}.weight`);
  return net.op("Gather", path, [table, "input_ids"]);
}

/** One row of the embedding. */
export function embeddingOf(net: Net, path: string, token: number): number[] {
  return Array.from(net.values(`${path}.weight`).values.subarray(token * DIM, (token + 1) * DIM));
}

/** Declares the logits and computes them from the last stream, already normed. */
export function unembed(net: Net, path: string, x: string): void {
  const name = net.naming === "torch" ? `onnx::MatMul_${net.nodes.length}` : `${moduleName(path)}.MatMul.weight`;
  net.op("MatMul", path, [x, net.weight(`${path}.weight`, [DIM, VOCAB], 1, 0, name)], { outputs: ["logits"] });
  net.output("logits", net.type, ["batch_size", "sequence_length", VOCAB]);
}

/** Embedding, blocks, norm and head around the blocks of a style. */
export function decoder(net: Net, blocks: readonly Block[], paths = LLAMA_PATHS): Expected {
  let x = embedding(net, paths.embed);
  blocks.forEach((block, layer) => x = block.graph(x, layer));
  unembed(net, paths.head, rmsNorm(net, paths.norm, x));
  return decoderOf(net, blocks, paths);
}

/** The same in loops. */
export function decoderOf(net: Net, blocks: readonly Pick<Block, "plain">[], paths = LLAMA_PATHS): Expected {
  return expectedOf({
    embed: (token) => embeddingOf(net, paths.embed, token),
    blocks: blocks.map((block, layer) => (x) => block.plain(x, layer)),
    head: (x) => linearOf(net, paths.head, rmsNormOf(net, paths.norm, [x], EPSILON))[0],
  });
}

/** LLaMA's block in loops. `attention`: the name of its attention's module. */
export function llamaBlockOf(net: Net, path: string, x: Rows, shape = HEADS, attention = "self_attn"): BlockRun {
  return twoSums(
    x,
    (x) => attentionOf(net, `${path}/${attention}`, rmsNormOf(net, `${path}/input_layernorm`, x, EPSILON), shape),
    (x) => gatedMlpOf(net, `${path}/mlp`, rmsNormOf(net, `${path}/post_attention_layernorm`, x, EPSILON)),
  );
}

/** LLaMA's block: attention and a gated feed-forward part, each after a norm. */
export function llamaBlock(net: Net, mask: string): Block {
  return {
    graph(x, layer) {
      const path = `/model/layers.${layer}`;
      const attended = attention(net, `${path}/self_attn`, rmsNorm(net, `${path}/input_layernorm`, x), layer, mask);
      const middle = net.op("Add", path, [x, attended]);
      const fed = gatedMlp(net, `${path}/mlp`, rmsNorm(net, `${path}/post_attention_layernorm`, middle));
      return net.op("Add", path, [middle, fed]);
    },
    plain: (x, layer) => llamaBlockOf(net, `/model/layers.${layer}`, x),
  };
}
