/**
 * Reads, writes and builds ONNX models. `@bufbuild/protobuf` is named here (and in the generated schema) and nowhere
 * else. Fields that the partial schema does not know survive a decode and encode unchanged.
 */
import { clone as cloneMessage, create, type DescMessage, fromBinary, toBinary } from "npm:@bufbuild/protobuf@2.17.0";
import {
  type AttributeProto,
  AttributeProtoSchema,
  DimensionProtoSchema,
  type FunctionProto,
  FunctionProtoSchema,
  type GraphProto,
  GraphProtoSchema,
  type ModelProto,
  ModelProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  type StringStringEntryProto,
  StringStringEntryProtoSchema,
  type TensorProto,
  TensorProtoSchema,
  TensorShapeProtoSchema,
  TensorTypeProtoSchema,
  TypeProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from "./onnx_pb.ts";

export type {
  AttributeProto,
  FunctionProto,
  GraphProto,
  ModelProto,
  NodeProto,
  SparseTensorProto,
  StringStringEntryProto,
  TensorProto,
  ValueInfoProto,
} from "./onnx_pb.ts";

/** ONNX's element type codes (`TensorProto.DataType`), by onnxruntime's names. */
export const ElementType = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  float64: 11,
} as const;

/** The types that attributes are built from here; an array of bigint or of number is a list. */
export type AttributeValue =
  | number
  | bigint
  | string
  | readonly bigint[]
  | readonly number[]
  | TensorProto
  | GraphProto;

/**
 * Decodes a serialized model.
 *
 * @throws {Error} if the bytes are not a model.
 */
export function decodeModel(bytes: Uint8Array): ModelProto {
  const model = fromBinary(ModelProtoSchema, bytes);
  if (!model.graph) throw new Error(`Expected an ONNX model but the ${bytes.length} bytes hold no graph`);
  return model;
}

/** Serializes a model. */
export function encodeModel(model: ModelProto): Uint8Array<ArrayBuffer> {
  return toBinary(ModelProtoSchema, model);
}

const schemas: Record<string, DescMessage> = Object.fromEntries(
  [ModelProtoSchema, GraphProtoSchema, NodeProtoSchema, AttributeProtoSchema, FunctionProtoSchema].map((schema) => [
    schema.typeName,
    schema,
  ]),
);

/** A deep copy of a part of a model. */
export function clone<T extends ModelProto | GraphProto | NodeProto | AttributeProto | FunctionProto>(part: T): T {
  return cloneMessage(schemas[part.$typeName], part) as T;
}

/** A node. Its name is its first output's; an empty input or output name stands for an absent one. */
export function node(
  opType: string,
  inputs: string[],
  outputs: string[],
  attributes: Record<string, AttributeValue> = {},
  domain = "",
): NodeProto {
  return create(NodeProtoSchema, {
    opType,
    input: inputs,
    output: outputs,
    name: outputs.find((name) => name !== ""),
    attribute: Object.entries(attributes).map(([name, value]) => attribute(name, value)),
    domain,
  });
}

/** An attribute: number gives a float, bigint an int, and arrays of them lists (an empty array is a list of ints). */
export function attribute(name: string, value: AttributeValue): AttributeProto {
  // Types by AttributeProto.AttributeType: FLOAT 1, INT 2, STRING 3, TENSOR 4, GRAPH 5, FLOATS 6, INTS 7.
  if (typeof value === "number") return create(AttributeProtoSchema, { name, f: value, type: 1 });
  if (typeof value === "bigint") return create(AttributeProtoSchema, { name, i: value, type: 2 });
  if (typeof value === "string") {
    return create(AttributeProtoSchema, { name, s: new TextEncoder().encode(value), type: 3 });
  }
  if ("$typeName" in value) {
    return value.$typeName === "onnx.GraphProto"
      ? create(AttributeProtoSchema, { name, g: value, type: 5 })
      : create(AttributeProtoSchema, { name, t: value, type: 4 });
  }
  return typeof value[0] === "number"
    ? create(AttributeProtoSchema, { name, floats: value as number[], type: 6 })
    : create(AttributeProtoSchema, { name, ints: value as bigint[], type: 7 });
}

/** A graph input or output of a tensor type; a dimension is a size or the name of a dynamic one. No dims: any shape. */
export function valueInfo(name: string, elemType: number, dims?: readonly (number | string)[]): ValueInfoProto {
  const dim = dims?.map((d) =>
    create(DimensionProtoSchema, {
      value: typeof d === "number" ? { case: "dimValue", value: BigInt(d) } : { case: "dimParam", value: d },
    })
  );
  const shape = dim && create(TensorShapeProtoSchema, { dim });
  const tensorType = create(TensorTypeProtoSchema, { elemType, shape });
  return create(ValueInfoProtoSchema, { name, type: create(TypeProtoSchema, { tensorType }) });
}

/** A constant tensor from raw little-endian data. */
export function initializer(
  name: string,
  elemType: number,
  dims: readonly number[],
  data: ArrayBufferView,
): TensorProto {
  return create(TensorProtoSchema, {
    name,
    dataType: elemType,
    dims: dims.map(BigInt),
    rawData: new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength),
  });
}

/** One key and value of a tensor's `externalData` (`location`, `offset`, `length`). */
export function externalEntry(key: string, value: string): StringStringEntryProto {
  return create(StringStringEntryProtoSchema, { key, value });
}

/** Makes a tensor's values bytes of a file; by default all from its start. */
export function refer(
  tensor: TensorProto,
  place: { readonly location: string; readonly offset?: number; readonly length?: number },
): void {
  tensor.externalData = Object.entries(place).map(([key, value]) => externalEntry(key, String(value)));
  // EXTERNAL.
  tensor.dataLocation = 1;
}

/** A whole model of one graph. `opset` (default 17) is that of the standard operators. */
export function graphModel(graph: {
  nodes: NodeProto[];
  inputs: ValueInfoProto[];
  outputs: ValueInfoProto[];
  initializers?: TensorProto[];
  /** Shapes of tensors within. */
  shapes?: ValueInfoProto[];
  opset?: number;
  /** Whether nodes of the `com.microsoft` domain are used. */
  contrib?: boolean;
}): ModelProto {
  const opsets: [string, number][] = [["", graph.opset ?? 17]];
  if (graph.contrib) opsets.push(["com.microsoft", 1]);
  return create(ModelProtoSchema, {
    // The version that came with opset 17, in ONNX 1.12.
    irVersion: 8n,
    producerName: "exemplar",
    graph: create(GraphProtoSchema, {
      name: "graph",
      node: graph.nodes,
      input: graph.inputs,
      output: graph.outputs,
      initializer: graph.initializers ?? [],
      valueInfo: graph.shapes ?? [],
    }),
    opsetImport: opsets.map(([domain, version]) =>
      create(OperatorSetIdProtoSchema, { domain, version: BigInt(version) })
    ),
  });
}
