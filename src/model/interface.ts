/** Inputs and outputs of a graph, and which of them are a cache. */
import { ElementType, type GraphProto, type ValueInfoProto } from "../compute/onnx/codec.ts";
import { ModelError } from "./error.ts";

/** An input or output of a graph, as onnxruntime describes it. */
export interface TensorMetadata {
  readonly name: string;
  readonly type: keyof typeof ElementType;
  /** Sizes, and names of the dynamic ones; `""` for one without a name. */
  readonly shape: readonly (number | string)[];
}

/** A part of the cache: how large it is when it is empty, and the output that gives what to feed next. */
export interface CacheInput extends TensorMetadata {
  /** Sizes of the empty cache for a batch; a recurrent state is all zeros. */
  readonly empty: (batch: number) => number[];
  /** Whether it grows with every token; states of convolutions and recurrences do not. */
  readonly grows: boolean;
  readonly present: string;
}

/** What a graph reads and gives. */
export interface GraphInterface {
  readonly inputs: readonly TensorMetadata[];
  readonly outputs: readonly TensorMetadata[];
  readonly caches: readonly CacheInput[];
}

/** Sizes of attention, from config.json, for those that the graph leaves open. */
export interface HeadSizes {
  readonly heads?: number;
  readonly keyHeads?: number;
  readonly headDim?: number;
}

/**
 * Describes a graph.
 *
 * @throws {ModelError} if it has an input that no decoder is known to have, or a cache whose size nobody tells.
 */
export function describeInterface(graph: GraphProto, sizes: HeadSizes): GraphInterface {
  const constants = new Set(graph.initializer.map((tensor) => tensor.name));
  const inputs = graph.input.filter((input) => !constants.has(input.name)).map(metadata);
  const outputs = graph.output.map(metadata);
  const caches = inputs.filter(isCache);
  const presents = outputs.filter(({ name }) => /^present/.test(name));
  for (const { name, shape } of inputs) {
    if (isCache({ name, shape }) || KNOWN.test(name)) continue;
    throw new ModelError(
      `Expected a graph that reads token ids, masks, positions and a cache but it also reads "${name}": export a decoder-only ` +
        "language model with these alone (encoders and models of pictures or sound are not read)",
    );
  }
  const length = inputs.find(({ name }) => name === "input_ids")?.shape[1];
  if (typeof length === "number") {
    throw new ModelError(
      `Expected a graph for texts of any length but it reads ${length} tokens, no more and no less: export it with a dynamic ` +
        "axis of tokens",
    );
  }
  return { inputs, outputs, caches: caches.map((input, i) => cacheInput(graph, input, i, presents, sizes)) };
}

/** Inputs that feeds are made for, beside the cache. */
const KNOWN =
  /^(input_ids|attention_mask|position_ids|cache_position|token_type_ids|(num_)?logits_to_keep|(past|total)_seq(uence)?_len(gth)?|seqlens_k)$/;

function isCache({ name, shape }: Pick<TensorMetadata, "name" | "shape">): boolean {
  return /^past([._]|$)/.test(name) && shape.length > 2;
}

function cacheInput(
  graph: GraphProto,
  input: TensorMetadata,
  number: number,
  presents: readonly TensorMetadata[],
  sizes: HeadSizes,
): CacheInput {
  const { name, shape } = input;
  // `past_key_values.0.key` and `present.0.key`, or `past_0` and `present_0`; else by their order.
  const present = presents.find((output) => output.name === name.replace(/^past(_key_values)?/, "present")) ??
    presents.find((output) => output.name === name.replace(/^past/, "present")) ?? presents[number];
  // Keys and values stacked in one tensor stand before the batch.
  const batchAxis = [0, ...shape.length > 4 ? [1] : []].find((axis) => typeof shape[axis] === "string") ?? -1;
  const growing = growingAxis(shape, present?.shape, batchAxis);
  const rank = shape.length;
  const attention = graph.node.find((node) => node.input.includes(name));
  const attribute = (key: string) => attention?.attribute.find((a) => a.name === key)?.i;
  const keyHeads = Number(attribute("kv_num_heads") ?? attribute("num_heads") ?? sizes.keyHeads ?? NaN);
  const open = shape.map((size, axis): number | "batch" | "rows" => {
    if (typeof size === "number") return size;
    // Batch and heads in one axis, as exports of BLOOM have them.
    if (axis === batchAxis) return /heads/.test(size) && rank === 3 ? "rows" : "batch";
    if (axis === growing) return 0;
    const told = axis === rank - 1 ? sizes.headDim : keyHeads;
    if (Number.isInteger(told)) return told as number;
    throw new ModelError(
      `Expected a size for "${size}" of the cache "${name}" but neither the graph nor config.json tells it: ` +
        "give config.json head_dim and num_key_value_heads",
    );
  });
  return {
    ...input,
    grows: growing >= 0,
    present: present?.name ?? "",
    empty: (batch) =>
      open.map((size) => size === "batch" ? batch : size === "rows" ? batch * (sizes.heads ?? 1) : size),
  };
}

/** The axis that grows with every token; -1 if none does. */
function growingAxis(
  shape: TensorMetadata["shape"],
  present: TensorMetadata["shape"] | undefined,
  batchAxis: number,
): number {
  // Where caches mostly have it comes first: [batch, heads, tokens, width].
  const axes = [shape.length - 2, ...shape.keys()].filter((axis) =>
    axis !== batchAxis && typeof shape[axis] === "string"
  );
  // It is called something else in what comes out; where nothing has a name it is where caches mostly have it.
  return axes.find((axis) => present && present[axis] !== shape[axis]) ??
    axes.find((axis) => axis === shape.length - 2) ??
    -1;
}

const typeNames = new Map(Object.entries(ElementType).map(([name, code]) => [code as number, name]));

function metadata(value: ValueInfoProto): TensorMetadata {
  const tensor = value.type?.tensorType;
  return {
    name: value.name,
    type: (typeNames.get(tensor?.elemType ?? 0) ?? "float32") as TensorMetadata["type"],
    shape: (tensor?.shape?.dim ?? []).map(({ value }) =>
      value.case === "dimValue" ? Number(value.value) : value.value ?? ""
    ),
  };
}
