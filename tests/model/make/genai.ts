/** Parts of decoders as onnxruntime-genai's model builder writes them: sums inside norms, attention in one operator. */
import { ElementType } from "../../../src/compute/onnx/codec.ts";
import {
  DIM,
  embedding,
  EPSILON,
  INNER,
  keyValueCache,
  linear,
  moduleName,
  type ModulePaths,
  normWeight,
  tokenInputs,
  unembed,
} from "./layers.ts";
import type { Net } from "./net.ts";
import type { Heads } from "./plain.ts";

const MICROSOFT = "com.microsoft";
/** Heads of the builder's styles: fewer of keys than of queries. */
export const GROUPED: Heads = { heads: 2, keyHeads: 1, headDim: 8 };

/** Where the builder puts what is not in a block. */
export function genaiPaths(blocks: number): ModulePaths {
  return { embed: "/model/embed_tokens", norm: `/model/layers.${blocks}/final_norm_layernorm`, head: "/lm_head" };
}

/** What all blocks' attention reads of the mask. */
export interface MaskLengths {
  readonly lengths: string;
  readonly total: string;
}

/** What a block computes from a normed stream; the result is added to the stream by the next norm. */
export type Branch = (normed: string, layer: number, mask: MaskLengths) => string;

/** The whole graph. */
export function genaiDecoder(net: Net, attention: readonly Branch[], mlp: Branch): void {
  tokenInputs(net);
  const mask = maskLengths(net);
  let x = embedding(net, "/model/embed_tokens");
  let branch: string | undefined;
  const norm = (path: string) => {
    const [normed, sum] = skipNorm(net, path, x, branch);
    x = sum;
    return normed;
  };
  attention.forEach((attend, layer) => {
    branch = attend(norm(`/model/layers.${layer}/input_layernorm`), layer, mask);
    branch = mlp(norm(`/model/layers.${layer}/post_attention_layernorm`), layer, mask);
  });
  unembed(net, "/lm_head", norm(genaiPaths(attention.length).norm));
}

/** Numbers of tokens, found from the mask. */
function maskLengths(net: Net): MaskLengths {
  const base = "/model/attn_mask_reformat/attn_mask_subgraph";
  const sum = net.op("ReduceSum", base, ["attention_mask", net.ints(base, [1])], { attributes: { keepdims: 0n } });
  const last = net.op("Sub", base, [sum, net.ints(base, [1])]);
  const length = net.op("Gather", base, [net.op("Shape", base, ["attention_mask"]), net.int(base, 1)], {
    attributes: { axis: 0n },
  });
  return {
    lengths: net.cast(`${base}/Sub`, last, ElementType.int32),
    total: net.cast(`${base}/Gather`, length, ElementType.int32),
  };
}

/** A norm, and the sum in it: of the stream and the branch before, if there is one. */
function skipNorm(net: Net, path: string, x: string, branch?: string): [normed: string, sum: string] {
  const weight = normWeight(net, path);
  const attributes = { epsilon: EPSILON };
  if (branch === undefined) {
    const normed = net.op("SimplifiedLayerNormalization", path, [x, weight], {
      attributes: { ...attributes, axis: -1n, stash_type: 1n },
      label: "LayerNorm",
    });
    return [normed, x];
  }
  const name = `${path}/SkipLayerNorm`;
  const sum = path.includes("final_norm") ? [] : ["", "", `${name}/output_3`];
  net.op("SkipSimplifiedLayerNormalization", path, [x, branch, weight], {
    attributes,
    domain: MICROSOFT,
    label: "SkipLayerNorm",
    outputs: [`${name}/output_0`, ...sum],
  });
  return [`${name}/output_0`, `${name}/output_3`];
}

/** GroupQueryAttention with its cache; gives the heads' values side by side. */
export function groupQuery(
  net: Net,
  layer: number,
  [q, k, v]: readonly string[],
  { lengths, total }: MaskLengths,
  shape: Heads,
  sinks = "",
): string {
  const path = `/model/layers.${layer}/attn`;
  const { past, present } = keyValueCache(net, layer, shape);
  const name = `${path}/GroupQueryAttention`;
  const inputs = [q, k, v, `${past}.key`, `${past}.value`, lengths, total];
  return net.op("GroupQueryAttention", path, sinks ? [...inputs, "", "", "", "", sinks] : inputs, {
    attributes: {
      num_heads: BigInt(shape.heads),
      kv_num_heads: BigInt(shape.keyHeads),
      scale: 1 / Math.sqrt(shape.headDim),
      local_window_size: BigInt(shape.window ?? -1),
      softcap: 0,
      do_rotary: 0n,
      rotary_interleaved: 0n,
    },
    domain: MICROSOFT,
    outputs: [`${name}/output_0`, `${present}.key`, `${present}.value`],
  });
}

/** The gated feed-forward part. */
export function genaiMlp(net: Net): Branch {
  return (x, layer) => {
    const path = `/model/layers.${layer}/mlp`;
    const gate = linear(net, `${path}/gate_proj`, x, INNER);
    const up = linear(net, `${path}/up_proj`, x, INNER);
    const active = net.op("Mul", `${path}/act_fn`, [gate, net.op("Sigmoid", `${path}/act_fn`, [gate])]);
    return linear(net, `${path}/down_proj`, net.op("Mul", path, [active, up]), DIM, INNER);
  };
}

/** A node of the `com.microsoft` domain. */
export function microsoft(
  net: Net,
  type: string,
  path: string,
  inputs: readonly string[],
  attributes: Record<string, number | bigint | string>,
  outputs?: readonly string[],
): string {
  return net.op(type, path, inputs, { attributes, domain: MICROSOFT, outputs });
}

/** A weight under the builder's name for it. */
export function moduleWeight(net: Net, key: string, dims: readonly number[], scale = 0.5, mean = 0): string {
  return net.weight(key, dims, scale, mean, moduleName(key));
}
