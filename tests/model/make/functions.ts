/**
 * Local functions of ONNX models (`ModelProto.functions`). The project's codec does not know them, so this writes their
 * protobuf bytes by itself and appends them to a serialized model.
 */
import type { AttributeProto, NodeProto, TensorProto } from "../../../src/compute/onnx/codec.ts";
import { Net } from "./net.ts";

/** What kind of number an attribute of a function is: `AttributeProto.AttributeType`. */
type AttributeKind = 1 | 2;

/** An attribute of a node that takes its value from an attribute of the function it stands in. */
interface Reference {
  /** Of the node. */
  readonly attribute: string;
  /** Of the function. */
  readonly of: string;
  readonly kind: AttributeKind;
}

/** The body of a function under construction: nodes as in a graph, and attributes that come from the call. */
export class Body extends Net {
  readonly #references = new Map<NodeProto, Reference[]>();

  references(node: NodeProto): readonly Reference[] {
    return this.#references.get(node) ?? [];
  }

  /** Makes an attribute of the node added last come from the function's attribute. */
  refer(attribute: string, of: string, kind: AttributeKind = 1): void {
    const node = this.nodes.at(-1)!;
    this.#references.set(node, [...this.references(node), { attribute, of, kind }]);
  }

  /** A float32 number that is the function's attribute. */
  attributeNumber(of: string): string {
    const output = this.op("Constant", "", [], { label: of });
    this.refer("value_float", of);
    return output;
  }
}

/** A function. */
export interface LocalFunction {
  readonly domain: string;
  readonly name: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Attributes that a call must give. */
  readonly attributes?: readonly string[];
  /** Attributes that a call may leave out, and their values. */
  readonly defaults?: readonly AttributeProto[];
  readonly body: Body;
  /** Domains of functions that the body calls. */
  readonly calls?: readonly string[];
}

/** Appends functions, and their domains, to a serialized model: fields may follow each other in any order. */
export function withFunctions(
  model: Uint8Array<ArrayBuffer>,
  functions: readonly LocalFunction[],
): Uint8Array<ArrayBuffer> {
  const domains = [...new Set(functions.map(({ domain }) => domain))];
  return joined([
    model,
    ...domains.map((domain) => field(8, operatorSet(domain, 1))),
    ...functions.map((local) => field(25, encodeFunction(local))),
  ]);
}

function encodeFunction(local: LocalFunction): Uint8Array<ArrayBuffer> {
  const { domain, name, inputs, outputs, attributes = [], defaults = [], body, calls = [] } = local;
  return joined([
    field(1, name),
    ...inputs.map((input) => field(4, input)),
    ...outputs.map((output) => field(5, output)),
    ...attributes.map((attribute) => field(6, attribute)),
    ...body.nodes.map((node) => field(7, encodeNode(node, body.references(node)))),
    field(9, operatorSet("", 17)),
    ...calls.map((called) => field(9, operatorSet(called, 1))),
    field(10, domain),
    ...defaults.map((attribute) => field(11, encodeAttribute(attribute))),
  ]);
}

function operatorSet(domain: string, version: number): Uint8Array<ArrayBuffer> {
  return joined([field(1, domain), integer(2, version)]);
}

function encodeNode(node: NodeProto, references: readonly Reference[]): Uint8Array<ArrayBuffer> {
  return joined([
    ...node.input.map((input) => field(1, input)),
    ...node.output.map((output) => field(2, output)),
    field(3, node.name),
    field(4, node.opType),
    ...node.attribute.map((attribute) => field(5, encodeAttribute(attribute))),
    ...references.map(({ attribute, of, kind }) =>
      field(5, joined([field(1, attribute), integer(20, kind), field(21, of)]))
    ),
    field(7, node.domain),
  ]);
}

function encodeAttribute({ name, type, f, i, ints, t }: AttributeProto): Uint8Array<ArrayBuffer> {
  const value = type === 1
    ? tagged(2, 5, new Uint8Array(Float32Array.of(f).buffer))
    : type === 2
    ? integer(3, i)
    : type === 4
    ? field(5, encodeTensor(t!))
    : joined(ints.map((number) => integer(8, number)));
  return joined([field(1, name), value, integer(20, type)]);
}

function encodeTensor({ dims, dataType, rawData }: TensorProto): Uint8Array<ArrayBuffer> {
  return joined([...dims.map((dim) => integer(1, dim)), integer(2, dataType), field(9, rawData)]);
}

/** A field of text, bytes or a message. */
function field(number: number, value: string | Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = typeof value === "string" ? new TextEncoder().encode(value) : value;
  return tagged(number, 2, joined([varint(bytes.length), bytes]));
}

function integer(number: number, value: number | bigint): Uint8Array<ArrayBuffer> {
  return tagged(number, 0, varint(value));
}

function tagged(number: number, wireType: number, value: Uint8Array): Uint8Array<ArrayBuffer> {
  return joined([varint(number * 8 + wireType), value]);
}

function varint(value: number | bigint): Uint8Array<ArrayBuffer> {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest >= 128n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}

function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
