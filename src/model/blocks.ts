/**
 * Which sums of the residual stream belong to which block, and the places in a block where activations are read and
 * changed. Blocks are told apart by the names that exporters keep (of nodes, tensors, weights, modules in the metadata)
 * where these number the sums from the first block to the last, and else by structure: a block begins with the part
 * that mixes positions.
 */
import { append } from "../compute/long_lists.ts";
import type { GraphProto, NodeProto } from "../compute/onnx/codec.ts";
import { MOST_BLOCKS } from "./config.ts";
import { ModelError } from "./error.ts";
import { GraphIndex, reads } from "./graph.ts";
import { type Branch, findSums, PRODUCTS, type Sum, viewed } from "./sums.ts";

/** The tensors of one block's hook points; a site that the block does not have is absent. */
export interface Block {
  readonly resid_pre: string;
  /** Only where attention and feed-forward part are added one after the other. */
  readonly resid_mid?: string;
  readonly resid_post: string;
  readonly attn_out?: string;
  readonly mlp_out?: string;
  readonly z?: string;
  readonly pattern?: string;
  readonly router?: string;
}

/** Sums of a block, at most: attention and feed-forward part have one each, some models a few more. */
const SUMS = 8;

/**
 * The blocks of a graph whose sums have names (see `nameSums`).
 *
 * @param count Blocks that the model's config says it has, if it does.
 * @throws {ModelError} if there is no residual stream, or one whose blocks cannot be told apart.
 */
export function findBlocks(graph: GraphProto, count?: number): Block[] {
  const index = new GraphIndex(graph);
  const sums = findSums(graph, index, SUMS * (count ?? MOST_BLOCKS));
  if (sums.length === 0) {
    throw new ModelError(
      "Expected a transformer whose blocks add to a residual stream but found no such sum above the logits: " +
        "use an ONNX export of a decoder-only language model",
    );
  }
  const streams = streamsAfter(index, sums);
  return groupSums(index, sums, count).map(([from, to]) =>
    blockOf(index, sums.slice(from, to), {
      // What enters a block is the very tensor that the block before has put out.
      pre: from === 0 ? viewed(index, sums[0].base) : streams[from - 1],
      after: streams.slice(from, to),
    })
  );
}

/** The first sum of each block and the one after its last. */
function groupSums(index: GraphIndex, sums: readonly Sum[], count: number | undefined): [number, number][] {
  // Names first: where exporters keep them they are right about blocks that structure cannot tell.
  const ways = [startsByName(index, sums), startsByStructure(sums)].filter((starts) => starts !== undefined);
  const starts = ways.find((starts) => count === undefined || starts.length === count);
  if (!starts) {
    const found = [...new Set(ways.map((way) => way.length))].join(" or ");
    throw new ModelError(
      `Expected the residual stream after ${count} blocks, as config.json says, but the graph's ${sums.length} sums are ` +
        `those of ${found}: check that config.json belongs to the graph`,
    );
  }
  return starts.map((start, i) => [start, starts[i + 1] ?? sums.length]);
}

/** Numbers of the sums that begin a block, if names number the sums from block 0 on without a gap. */
function startsByName(index: GraphIndex, sums: readonly Sum[]): number[] | undefined {
  const starts: number[] = [];
  for (const [i, sum] of sums.entries()) {
    const numbers = new Set(sum.branches.map((branch) => numberOf(index, branch)).filter((n) => n !== undefined));
    if (numbers.size > 1) return undefined;
    // A sum without a number is of the block before it.
    const [number = starts.length - 1] = numbers;
    if (number === starts.length) starts.push(i);
    else if (number !== starts.length - 1) return undefined;
  }
  // What is added before the first number, such as embeddings of positions, belongs to block 0.
  return starts.length > 0 ? [0, ...starts.slice(1)] : undefined;
}

/** Numbers of the sums that begin a block: those that mix positions. What comes before the first belongs to it. */
function startsByStructure(sums: readonly Sum[]): number[] {
  const mixing = [...sums.keys()].filter((i) => sums[i].branches.some(({ mixes }) => mixes));
  return mixing.length > 0 ? [0, ...mixing.slice(1)] : [...sums.keys()];
}

/** Number of the block that computes a branch, from the nearest name that tells. */
function numberOf(index: GraphIndex, { tensor, nodes }: Branch): number | undefined {
  for (const { node } of index.ancestors([tensor], (_, node) => node === undefined || !nodes.has(node))) {
    for (const name of namesOf(node!)) {
      // `/model/layers.3/`, `transformer.h.3.`, `blocks/3:`; or the cache that the branch reads,
      // `past_key_values.3.key`.
      const match = /(?:^|[./ ])(?:layers?|h|blocks?)[./](\d+)(?=[./:]|$)/.exec(name) ??
        /^past(?:_\w+)?\.(\d+)/.exec(name);
      if (match) return Number(match[1]);
    }
  }
}

function namesOf(node: NodeProto): string[] {
  return [node.name, ...node.output, ...reads(node), ...node.metadataProps.map(({ value }) => value)];
}

/**
 * The stream after each sum as the next sum reads it: the sum itself, or what a norm or a factor between the two makes
 * of it. After the last sum there is no next: it is treated as the others are.
 */
function streamsAfter(index: GraphIndex, sums: readonly Sum[]): string[] {
  const streams = sums.slice(1).map((sum) => viewed(index, sum.base));
  const changed = sums.findLastIndex((sum, i) => i < streams.length && streams[i] !== sum.tensor);
  const last = sums.at(-1)!.tensor;
  // Where each sum is read as it is, so is the last.
  if (changed < 0) return [...streams, last].map((tensor) => reshaped(index, tensor));
  // Where a norm or a factor lies between two sums, one lies behind the last: the norm before the head, or the factor.
  const norm = isFactor(index, streams[changed]) ? undefined : readOfHead(index, last);
  const factor = index.readers(last).map(({ output }) => output[0]).find((output) => isFactor(index, output));
  return [...streams, norm ?? factor ?? last].map((tensor) => reshaped(index, tensor));
}

/** A sum over rows of all prompts that is only read in its prompts' shape, in that shape. */
function reshaped(index: GraphIndex, tensor: string): string {
  const [reader, ...others] = index.readers(tensor);
  return reader?.opType === "Reshape" && others.length === 0 ? reader.output[0] : tensor;
}

/** Whether a tensor is another one times a stored number. */
function isFactor(index: GraphIndex, tensor: string): boolean {
  const node = index.producer(tensor);
  return (node?.opType === "Mul" || node?.opType === "Div") && node.input.some((name) => index.isConstant(name));
}

/** What the model's end multiplies first: the data of the nearest product below the last sum. */
function readOfHead(index: GraphIndex, stream: string): string | undefined {
  const queue = [stream];
  for (const tensor of queue) {
    for (const node of index.readers(tensor)) {
      if (PRODUCTS.has(node.opType)) return viewed(index, dataOf(index, node));
      if (node.opType !== "Shape") append(queue, node.output.filter((output) => output !== ""));
    }
  }
}

function blockOf(
  index: GraphIndex,
  sums: readonly Sum[],
  { pre, after }: { pre: string; after: readonly string[] },
): Block {
  const branches = sums.flatMap((sum) => sum.branches);
  const oneByOne = sums.length > 1 && sums.every((sum) => sum.branches.length === 1);
  // Where one after the other is added and mixing does not tell them (RWKV's parts both see the position before), the
  // first stands in attention's place.
  const attention = branches.find(({ mixes }) => mixes) ?? (oneByOne ? branches[0] : undefined);
  const others = branches.filter((branch) => branch !== attention);
  const feedForward = others.find(({ mixes }) => !mixes) ?? (oneByOne ? others[0] : undefined);
  const serial = sums.length > 1 && sums[0].branches.length === 1 && sums[0].branches[0] === attention;
  const z = attention && readOfOutput(index, attention);
  return {
    resid_pre: pre,
    ...(serial ? { resid_mid: after[0] } : {}),
    resid_post: after.at(-1)!,
    ...(attention ? { attn_out: attention.tensor, ...present("z", z) } : {}),
    ...(attention && z ? present("pattern", softmaxAbove(index, attention, z)) : {}),
    ...(feedForward ? { mlp_out: feedForward.tensor, ...present("router", routerOf(index, feedForward)) } : {}),
  };
}

function present<K extends string>(name: K, tensor: string | undefined): { [key in K]?: string } {
  return tensor === undefined ? {} : { [name]: tensor } as { [key in K]: string };
}

/** What a branch's output projection reads. */
function readOfOutput(index: GraphIndex, branch: Branch): string | undefined {
  for (const { node } of within(index, branch, branch.tensor)) {
    if (PRODUCTS.has(node.opType) && node.input.slice(1).some((name) => name !== "" && index.isConstant(name))) {
      return dataOf(index, node);
    }
  }
}

/** What a product multiplies with its weights, before it is quantised. */
function dataOf(index: GraphIndex, product: NodeProto): string {
  const data = product.input.find((name) => !index.isConstant(name))!;
  const producer = index.producer(data);
  return producer && /^(Dynamic)?QuantizeLinear$/.test(producer.opType) ? producer.input[0] : data;
}

function softmaxAbove(index: GraphIndex, branch: Branch, tensor: string): string | undefined {
  for (const { node } of within(index, branch, tensor)) if (node.opType === "Softmax") return node.output[0];
}

/** A mixture's probabilities of its experts. */
function routerOf(index: GraphIndex, branch: Branch): string | undefined {
  for (const { node } of within(index, branch, branch.tensor)) {
    if (node.opType === "MoE" || node.opType === "QMoE") return node.input[1];
  }
  return softmaxAbove(index, branch, branch.tensor);
}

/** The nodes of a branch that compute `tensor`, nearest first. */
function* within(index: GraphIndex, { nodes }: Branch, tensor: string): Generator<{ node: NodeProto }> {
  for (const { node } of index.ancestors([tensor], (_, node) => node === undefined || !nodes.has(node))) {
    yield { node: node! };
  }
}
