/** All made graphs, by the name of their folder. */
import { dynamoFunctions } from "./dynamo_functions.ts";
import { falconH1 } from "./falcon_h1.ts";
import { flatStream } from "./flat_stream.ts";
import { functionBlocks } from "./function_blocks.ts";
import { functionNorms } from "./function_norms.ts";
import { gemma3n } from "./gemma3n.ts";
import { genaiGptOss } from "./genai_gpt_oss.ts";
import { genaiQwen35 } from "./genai_qwen3_5.ts";
import { gptOss } from "./gpt_oss.ts";
import { graniteHybrid } from "./granite_hybrid.ts";
import { halfStream } from "./half_stream.ts";
import type { Made } from "./layers.ts";
import { qwen3 } from "./qwen3.ts";
import { qwen35 } from "./qwen3_5.ts";
import { mambaAlone } from "./mamba.ts";
import { rwkv } from "./rwkv.ts";
import { scaledBlocks } from "./scaled_blocks.ts";
import { genaiUnnamedDims, unnamedDims } from "./unnamed_dims.ts";

/** A style, and how its graph is to be checked. */
export interface Style {
  readonly name: string;
  /** What is particular. */
  readonly note: string;
  make(): Made;
  /** Whether weights and activations are float16. */
  readonly half?: boolean;
  /** Whether the graph has a cache to step through; default true. */
  readonly cached?: boolean;
  /** Whether the graph skips padding on the left; default true. */
  readonly padsLeft?: boolean;
  /** Words that the sentence holds with which the model is refused; default it is not. */
  readonly refuse?: readonly string[];
}

export const STYLES: readonly Style[] = [
  { name: "function-norms", note: "norms are calls of a local function with an attribute", make: functionNorms },
  {
    name: "function-blocks",
    note: "blocks are calls of one local function, with functions inside",
    make: functionBlocks,
  },
  { name: "dynamo-functions", note: "a local function a module, and one for the sums", make: dynamoFunctions },
  { name: "half-stream", note: "float16 stream, cast around float32 norms", make: halfStream, half: true },
  { name: "flat-stream", note: "stream of two dimensions, reshaped between the sums", make: flatStream },
  { name: "scaled-blocks", note: "a block's output times a learned number", make: scaledBlocks },
  { name: "unnamed-dims", note: "dynamic sizes without names", make: unnamedDims },
  {
    name: "genai-unnamed-dims",
    note: "dynamic sizes without names, GroupQueryAttention",
    make: genaiUnnamedDims,
    padsLeft: false,
  },
  { name: "gpt-oss", note: "attention sinks as a column of the softmax, windows, all experts weighted", make: gptOss },
  {
    name: "genai-gpt-oss",
    note: "GroupQueryAttention with head_sink, windows, the MoE operator",
    make: genaiGptOss,
    padsLeft: false,
  },
  { name: "qwen3", note: "queries and keys normed head by head", make: qwen3 },
  { name: "qwen3-5", note: "linear attention as a Scan, past_conv.N and past_recurrent.N", make: qwen35 },
  {
    name: "genai-qwen3-5",
    note: "CausalConvWithState and LinearAttention, past_key_values.N.conv_state and .recurrent_state",
    make: genaiQwen35,
    padsLeft: false,
  },
  {
    name: "granite-hybrid",
    note: "a Mamba 2 block before one of attention, past_conv.N and past_ssm.N",
    make: graniteHybrid,
  },
  { name: "falcon-h1", note: "Mamba 2 and attention in each block, three kinds of cache", make: falconH1 },
  {
    name: "granite-mamba-only",
    note: "Mamba 2 blocks alone under a family whose caches transformers.js knows",
    make: () => mambaAlone("granitemoehybrid", "GraniteMoeHybridForCausalLM"),
  },
  { name: "mamba2", note: "the same under its own family", make: () => mambaAlone("mamba2", "Mamba2ForCausalLM") },
  { name: "rwkv", note: "no attention, no mask, no cache", make: rwkv, cached: false, padsLeft: false },
  {
    name: "gemma3n",
    note: "two streams that predict each other (altup), laurel, per-layer inputs: no single residual stream",
    make: gemma3n,
    refuse: ["one residual stream", "several"],
  },
];
