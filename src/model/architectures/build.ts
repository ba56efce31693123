/**
 * A graph of a decoder, over the tensors of its checkpoint. Its values are named as TransformerLens names its hooks
 * (`blocks.3.hook_resid_post`), its inputs and outputs as exporters do.
 */
import { ElementType, graphModel, type ModelProto, valueInfo, type ValueInfoProto } from "../../compute/onnx/codec.ts";
import type { Block as BlockTensors } from "../blocks.ts";
import { attention, type AttentionInputs } from "./attention.ts";
import { activate, mlp } from "./mlp.ts";
import type { Net } from "./net.ts";
import { INPUT_SHAPE, linear, norm } from "./parts.ts";
import type { Block, DecoderSpec } from "./spec.ts";

/** A graph, and where in it its blocks are read. */
export interface Built {
  readonly model: ModelProto;
  readonly blocks: readonly BlockTensors[];
  /** Types that the weights are stored in. */
  readonly stored: readonly string[];
  /** Parts of the checkpoint's model, beside the decoder, that are not read. */
  readonly unread: readonly string[];
}

/** Builds the graph of a decoder. */
export function buildDecoder(net: Net, spec: DecoderSpec): Omit<Built, "unread"> {
  const shared = sharedInputs(net);
  let stream = embed(net, spec);
  const blocks = spec.blocks.map((block, i) => {
    const built = buildBlock(net, block, stream, { ...shared, layer: i, dim: spec.dim });
    stream = built.resid_post;
    return built;
  });
  unembed(net, spec, stream);

  const tokens = (name: string, length: string) => valueInfo(name, ElementType.int64, ["batch", length]);
  const inputs: ValueInfoProto[] = [
    tokens("input_ids", "length"),
    tokens("attention_mask", "total"),
    tokens("position_ids", "length"),
  ];
  const outputs: ValueInfoProto[] = [valueInfo("logits", ElementType.float32, ["batch", "length", spec.vocab])];
  for (const [i, { attention: { keyHeads, headDim } }] of spec.blocks.entries()) {
    for (const part of ["key", "value"]) {
      inputs.push(valueInfo(`past_key_values.${i}.${part}`, ElementType.float32, ["batch", keyHeads, "past", headDim]));
      outputs.push(valueInfo(`present.${i}.${part}`, ElementType.float32, ["batch", keyHeads, "total", headDim]));
    }
  }
  const { nodes, initializers, shapes } = net;
  const stored = [...new Set([...net.used].map((name) => net.tensors.get(name)!.dtype))];
  return { model: graphModel({ nodes, inputs, outputs, initializers, shapes, contrib: true }), blocks, stored };
}

/** What all blocks read beside the stream. */
function sharedInputs(net: Net): Omit<AttentionInputs, "layer" | "dim"> {
  const shape = net.op("Shape", INPUT_SHAPE, ["input_ids"]);
  const total = net.op("Gather", "total", [net.op("Shape", "mask_shape", ["attention_mask"]), net.int(1)]);
  const length = net.op("Gather", "length", [shape, net.int(1)]);
  // Places in the padded text, not positions: masks and slopes ask for order and differences only, which are the same.
  const keys = net.op("Range", "key_index", [net.int(0), total, net.int(1)]);
  const past = net.op("Sub", "past_length", [total, length]);
  const queries = net.op("Range", "query_index", [past, total, net.int(1)]);
  return { keys, queries: net.op("Unsqueeze", "query_column", [queries, net.ints([1])]) };
}

function embed(net: Net, { dim, vocab, embedding }: DecoderSpec): string {
  const { weight, multiplier, project, positions } = embedding;
  const width = embedding.dim ?? dim;
  const rows = (name: string) => net.rows(weight, [vocab, width], "input_ids", name);
  let x = rows(multiplier === undefined && !project ? "hook_embed" : "embed");
  if (multiplier !== undefined) x = net.op("Mul", project ? "embed/scaled" : "hook_embed", [x, net.number(multiplier)]);
  if (project) x = linear(net, x, project, width, dim, "hook_embed");
  if (positions) {
    const { offset, count } = positions;
    const ids = offset === 0 ? "position_ids" : net.op("Add", "position_rows", ["position_ids", net.int(offset)]);
    const placed = net.rows(positions.weight, [count, dim], ids, "hook_pos_embed");
    x = net.op("Add", "embed/placed", [x, placed]);
  }
  return embedding.norm ? norm(net, x, embedding.norm, dim, "embed/normed", "embed.ln") : x;
}

function buildBlock(
  net: Net,
  block: Block,
  stream: string,
  inputs: AttentionInputs,
): BlockTensors & { resid_post: string } {
  const { dim, layer } = inputs;
  const { attnNorm, mlpNorm, parallel, multiplier } = block;
  const path = `blocks.${layer}`;
  const add = (name: string, a: string, b: string) => net.op("Add", `${path}.${name}`, [a, b]);
  /** What a part adds to the stream, under its hook's name. */
  const share = (x: string, name: string, post: Block["attnPostNorm"], postName: string) => {
    const own = `${path}.${name}`;
    if (post) x = norm(net, x, post, dim, multiplier === undefined ? own : `${own}/normed`, `${path}.${postName}`);
    return multiplier !== undefined ? net.op("Mul", `${path}.${name}`, [x, net.number(multiplier)]) : x;
  };
  // Where nothing comes between a part and the sum, the part's own output is the share and takes its name.
  const isShare = (post: Block["attnPostNorm"]) => !post && multiplier === undefined;

  const read = attnNorm ? norm(net, stream, attnNorm, dim, `${path}.ln1`, `${path}.ln1`) : stream;
  const mixed = attention(net, block.attention, read, {
    ...inputs,
    output: isShare(block.attnPostNorm) ? `${path}.hook_attn_out` : `${path}.attn.out`,
  });
  const attnOut = share(mixed.output, "hook_attn_out", block.attnPostNorm, "ln1_post");
  const name = (place: "mid" | "post", hasNorm: boolean) => hasNorm ? `resid_${place}_sum` : `hook_resid_${place}`;
  let middle = stream;
  if (!parallel) {
    middle = add(name("mid", block.attnSumNorm !== undefined), stream, attnOut);
    if (block.attnSumNorm) middle = norm(net, middle, block.attnSumNorm, dim, `${path}.hook_resid_mid`, `${path}.ln1`);
  }
  const mlpRead = mlpNorm === "attention's"
    ? read
    : mlpNorm
    ? norm(net, middle, mlpNorm, dim, `${path}.ln2`, `${path}.ln2`)
    : middle;
  const fed = mlp(net, block.mlp, mlpRead, {
    path,
    dim,
    output: isShare(block.mlpPostNorm) ? `${path}.hook_mlp_out` : `${path}.mlp.out`,
  });
  const mlpOut = share(fed.output, "hook_mlp_out", block.mlpPostNorm, "ln2_post");
  const both = parallel ? add("both_out", attnOut, mlpOut) : mlpOut;
  let after = add(name("post", block.mlpSumNorm !== undefined), middle, both);
  if (block.mlpSumNorm) after = norm(net, after, block.mlpSumNorm, dim, `${path}.hook_resid_post`, `${path}.ln2`);
  return {
    resid_pre: stream,
    ...(parallel ? {} : { resid_mid: middle }),
    resid_post: after,
    attn_out: attnOut,
    mlp_out: mlpOut,
    z: mixed.z,
    pattern: mixed.pattern,
    ...(fed.router ? { router: fed.router } : {}),
  };
}

function unembed(net: Net, { dim, vocab, norm: last, head }: DecoderSpec, stream: string): void {
  const { project, multiplier, softcap } = head;
  let x = last ? norm(net, stream, last, dim, "ln_final", "ln_final") : stream;
  let width = dim;
  if (project) {
    width = net.tensors.get(project.weight)?.shape[0] ?? dim;
    x = linear(net, x, project, dim, width, "unembed/projected");
  }
  x = linear(net, x, head, width, vocab, multiplier !== undefined || softcap ? "unembed" : "logits");
  if (multiplier !== undefined) x = net.op("Mul", softcap ? "unembed/scaled" : "logits", [x, net.number(multiplier)]);
  if (softcap) activate.softcap(net, x, softcap, "logits");
}
