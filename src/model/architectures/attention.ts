/** Attention, node by node, so that each of its steps can be read. */
import { ElementType } from "../../compute/onnx/codec.ts";
import { activate } from "./mlp.ts";
import type { Net } from "./net.ts";
import { INPUT_SHAPE, linear } from "./parts.ts";
import { rotate } from "./rope.ts";
import type { Attention, HeadNorm } from "./spec.ts";

/** What attention reads beside the stream. */
export interface AttentionInputs {
  readonly layer: number;
  /** Width of the stream. */
  readonly dim: number;
  /** Numbers of all tokens, of the cache too: `[total]`. */
  readonly keys: string;
  /** Numbers of the tokens that are read: `[length, 1]`. */
  readonly queries: string;
}

/** Added to a score that must not count. Finite: a row of padding, which sees nothing, then gives no NaN. */
const NEVER = -3.4e38;

/** What attention makes of a stream, what its output projection reads, and its weights. */
export function attention(
  net: Net,
  spec: Attention,
  x: string,
  inputs: AttentionInputs & { readonly output: string },
): { output: string; z: string; pattern: string } {
  const { heads, keyHeads, headDim } = spec;
  const { layer, dim, output } = inputs;
  const path = `blocks.${layer}.attn`;
  const [q, k, v] = projected(net, spec, x, path, dim);
  const queries = placed(net, spec, q, spec.qNorm, heads, `${path}.hook_q`, `${path}.hook_rot_q`);
  const keys = placed(net, spec, k, spec.kNorm, keyHeads, `${path}.hook_k`, `${path}.hook_rot_k`);
  const values = net.op("Transpose", `${path}.v`, [v], { perm: [0n, 2n, 1n, 3n] });
  // Keys come out of the cache rotated already, at the positions that they had.
  const all = (part: string, now: string) =>
    net.op("Concat", `present.${layer}.${part}`, [`past_key_values.${layer}.${part}`, now], { axis: 2n });
  const [allKeys, allValues] = [all("key", keys), all("value", values)];

  // Query heads that share a key head lie below each other, so that one product serves them.
  const group = heads / keyHeads;
  const grouped = (y: string, name: string) =>
    group === 1 ? y : net.op("Reshape", name, [y, net.ints([0, keyHeads, -1, headDim])]);
  const turned = net.op("Transpose", `${path}.keys_turned`, [allKeys], { perm: [0n, 1n, 3n, 2n] });
  // Queries are scaled, not scores: they are far fewer.
  const scaled = spec.scale === 1
    ? queries
    : net.op("Mul", `${path}.queries_scaled`, [queries, net.number(spec.scale)]);
  let scores = net.op("MatMul", `${path}.products`, [grouped(scaled, `${path}.queries_grouped`), turned]);
  if (group > 1) scores = net.op("Reshape", `${path}.products_apart`, [scores, headShape(net, heads)]);
  // `[batch, heads, length, total]`. Cap, bias, mask in the order of transformers' eager attention.
  if (spec.softcap) scores = activate.softcap(net, scores, spec.softcap, `${path}.capped`);
  if (spec.alibi) scores = net.op("Add", `${path}.biased`, [scores, alibi(net, spec.alibi)]);
  const masked = net.op("Add", `${path}.hook_attn_scores`, [scores, mask(net, inputs, spec.window)]);
  const pattern = spec.sinks === undefined
    ? net.op("Softmax", `${path}.hook_pattern`, [masked], { axis: -1n })
    : withSink(net, masked, spec.sinks, heads, path);
  let weights = pattern;
  if (group > 1) {
    const total = net.once("group shape", () => net.op("Unsqueeze", "total_list", ["total", net.ints([0])]));
    const shape = net.once(
      `grouped ${keyHeads}`,
      () => net.op("Concat", `grouped_${keyHeads}`, [net.ints([0, keyHeads, -1]), total], { axis: 0n }),
    );
    weights = net.op("Reshape", `${path}.pattern_grouped`, [pattern, shape]);
  }
  let mixed = net.op("MatMul", `${path}.mixed`, [weights, allValues]);
  if (group > 1) mixed = net.op("Reshape", `${path}.mixed_apart`, [mixed, net.ints([0, heads, -1, headDim])]);
  const apart = net.op("Transpose", `${path}.mixed_turned`, [mixed], { perm: [0n, 2n, 1n, 3n] });
  const z = net.op("Reshape", `${path}.hook_z`, [apart, net.ints([0, 0, heads * headDim])]);
  return { output: linear(net, z, spec.output, heads * headDim, dim, output), z, pattern };
}

/** Softmax over tokens and a sink, whose column is then dropped: what is left of a row adds to less than one. */
function withSink(net: Net, scores: string, sinks: string, heads: number, path: string): string {
  const shape = net.once(`sink ${heads}`, () => {
    const [batch, length] = net.ops("Split", ["batch_list", "length_list"], [INPUT_SHAPE, net.ints([1, 1])]);
    return net.op("Concat", `sink_${heads}`, [batch, net.ints([heads]), length, net.ints([1])], { axis: 0n });
  });
  const own = net.op("Reshape", `${path}.sinks`, [net.weight(sinks, [heads]), net.ints([1, heads, 1, 1])]);
  const column = net.op("Expand", `${path}.sink_column`, [own, shape]);
  const all = net.op("Concat", `${path}.scores_and_sink`, [scores, column], { axis: -1n });
  const weights = net.op("Softmax", `${path}.pattern_and_sink`, [all], { axis: -1n });
  return net.op("Slice", `${path}.hook_pattern`, [weights, net.ints([0]), net.ints([-1]), net.ints([-1])]);
}

/** The shape `[batch, heads, length, total]`, with the batch and the length as they are. */
function headShape(net: Net, heads: number): string {
  return net.once(`scores ${heads}`, () => {
    const total = net.once("group shape", () => net.op("Unsqueeze", "total_list", ["total", net.ints([0])]));
    return net.op("Concat", `scores_${heads}`, [net.ints([0, heads, -1]), total], { axis: 0n });
  });
}

/** Queries, keys and values, `[batch, length, heads, width]`. */
function projected(net: Net, spec: Attention, x: string, path: string, dim: number): [string, string, string] {
  const { heads, keyHeads, headDim, projections, clip, qNorm, kNorm } = spec;
  const [wide, narrow] = [heads * headDim, keyHeads * headDim];
  const cut = (y: string, name: string) =>
    clip === undefined ? y : net.op("Clip", name, [y, net.number(-clip), net.number(clip)]);
  const split = (y: string, count: number, name: string) =>
    net.op("Reshape", name, [y, net.ints([0, 0, count, headDim])]);
  if (projections.kind === "by head") {
    const group = heads / keyHeads;
    const all = linear(net, x, projections.qkv, dim, wide + 2 * narrow, `${path}.qkv`);
    // `[batch, length, key heads, a group's queries and its key and value, width]`.
    const parts = net.op("Reshape", `${path}.qkv_by_head`, [all, net.ints([0, 0, keyHeads, group + 2, headDim])]);
    const [q, k, v] = net.ops("Split", [`${path}.q_by_head`, `${path}.k_by_head`, `${path}.v_by_head`], [
      cut(parts, `${path}.qkv_cut`),
      net.ints([group, 1, 1]),
    ], { axis: 3n });
    return [
      split(q, heads, `${path}.hook_q`),
      split(k, keyHeads, `${path}.hook_k`),
      split(v, keyHeads, `${path}.hook_v`),
    ];
  }
  const widths = [wide, narrow, narrow];
  let parts: readonly string[];
  if (projections.kind === "side by side") {
    const all = linear(net, x, projections.qkv, dim, wide + 2 * narrow, `${path}.qkv`);
    const names = ["q", "k", "v"].map((part) => `${path}.${part}_flat`);
    parts = net.ops("Split", names, [all, net.ints(widths)], { axis: -1n });
  } else {
    parts = (["q", "k", "v"] as const).map((part, i) =>
      linear(net, x, projections[part], dim, widths[i], `${path}.${part}_flat`)
    );
  }
  const [q, k, v] = parts.map((flat, i) => {
    const [part, norm] = [(["q", "k", "v"] as const)[i], [qNorm, kNorm][i]];
    // A norm of all heads comes before the cut.
    const count = i === 0 ? heads : keyHeads;
    if (norm?.over !== "all") return split(cut(flat, `${path}.${part}_cut`), count, `${path}.hook_${part}`);
    const apart = split(flat, count, `${path}.hook_${part}`);
    const whole = net.op("Reshape", `${path}.${part}_whole`, [apart, net.ints([0, 0, widths[i]])]);
    const normed = headNorm(net, whole, norm, widths[i], 1, `${path}.${part}_normed`);
    return split(cut(normed, `${path}.${part}_cut`), count, `${path}.${part}_apart`);
  });
  return [q, k, v];
}

/** Normed, turned to `[batch, heads, length, width]` and rotated. */
function placed(
  net: Net,
  { headDim, rope }: Attention,
  x: string,
  norm: HeadNorm | undefined,
  heads: number,
  name: string,
  rotated: string,
): string {
  const own = norm && norm.over !== "all" ? norm : undefined;
  let y = x;
  if (own && !own.afterRope) y = headNorm(net, y, own, headDim, heads, `${name}/normed`);
  y = net.op("Transpose", `${name}/turned`, [y], { perm: [0n, 2n, 1n, 3n] });
  if (rope) y = rotate(net, y, rope, heads, rotated);
  if (own?.afterRope) y = headNorm(net, y, own, headDim, heads, `${name}/normed`);
  return y;
}

function headNorm(net: Net, x: string, norm: HeadNorm, width: number, heads: number, name: string): string {
  const { kind, weight, bias, epsilon, plusOne, over } = norm;
  // The operators take one weight for all heads: norms with one a head run on ones and are multiplied afterwards.
  const isOwn = over === "own head" || Array.isArray(weight);
  let factor: string;
  if (isOwn || weight === undefined) factor = net.ones(width);
  else factor = net.weight(weight as string, [width]);
  if (plusOne) factor = net.once(`1 + ${weight}`, () => net.op("Add", `${weight}/plus_one`, [factor, net.number(1)]));
  const inputs = [x, factor, ...bias === undefined ? [] : [net.weight(bias, [width])]];
  const op = kind === "rms" ? "SimplifiedLayerNormalization" : "LayerNormalization";
  const normed = net.op(op, isOwn ? `${name}/unweighted` : name, inputs, { axis: -1n, epsilon });
  if (!isOwn) return normed;
  return net.op("Mul", name, [normed, headWeights(net, weight!, heads, width)]);
}

/** Weights `[heads, width]`, of one tensor or one a head. */
function headWeights(net: Net, weight: string | readonly string[], heads: number, width: number): string {
  if (typeof weight === "string") return net.weight(weight, [heads, width]);
  return net.once(`heads ${weight}`, () => {
    const flat = net.op("Concat", `${weight[0]}/all`, weight.map((name) => net.weight(name, [width])), { axis: 0n });
    return net.op("Reshape", `${weight[0]}/by_head`, [flat, net.ints([heads, width])]);
  });
}

/** What is added to scores: nothing where a token may be seen, `[batch, 1, length, total]`. */
function mask(net: Net, { keys, queries }: AttentionInputs, window: number | undefined): string {
  return net.once(`mask ${window}`, () => {
    const name = window === undefined ? "mask" : `mask_${window}`;
    const fed = net.once("fed", () => {
      const column = net.op("Unsqueeze", "mask_column", ["attention_mask", net.ints([1, 2])]);
      return net.op("Cast", "mask_fed", [column], { to: BigInt(ElementType.bool) });
    });
    let seen = net.op("And", `${name}_seen`, [net.op("LessOrEqual", `${name}_before`, [keys, queries]), fed]);
    if (window !== undefined) {
      const first = net.op("Sub", `${name}_first`, [queries, net.int(window)]);
      seen = net.op("And", `${name}_near`, [seen, net.op("Greater", `${name}_after`, [keys, first])]);
    }
    return net.op("Where", name, [seen, net.number(0), net.number(NEVER)]);
  });
}

/**
 * A slope times the number of the key: softmax sees differences only, so that this is minus the slope times the
 * distance.
 */
function alibi(net: Net, slopes: readonly number[]): string {
  return net.once("alibi", () => {
    const numbers = net.op("Cast", "key_numbers", ["key_index"], { to: BigInt(ElementType.float32) });
    return net.op("Mul", "alibi", [
      net.numbers("alibi_slopes", [slopes.length, 1, 1], Float32Array.from(slopes)),
      numbers,
    ]);
  });
}
