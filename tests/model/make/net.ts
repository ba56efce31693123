/** A graph under construction, under the names that an exporter gives, and the weights in it as numbers. */
import {
  type AttributeValue,
  ElementType,
  encodeModel,
  graphModel,
  initializer,
  type ModelProto,
  node,
  type NodeProto,
  type TensorProto,
  valueInfo,
  type ValueInfoProto,
} from "../../../src/compute/onnx/codec.ts";

/** Who names values: torch's exporter (`/path/Add_1_output_0`) or genai's builder (`/path/Add/output_0`). */
export type Naming = "torch" | "builder";

/** A weight as the loops read it. */
export interface Weight {
  readonly dims: readonly number[];
  readonly values: Float32Array<ArrayBuffer>;
}

/** What a node may have beside inputs. */
export interface NodeOptions {
  readonly attributes?: Record<string, AttributeValue>;
  readonly domain?: string;
  /** Names of the outputs, where they are not the exporter's: `""` for one that is left out. */
  readonly outputs?: readonly string[];
  /** Number of outputs; default 1. */
  readonly count?: number;
  /** Last part of the node's name; default the operator. */
  readonly label?: string;
}

export class Net {
  readonly nodes: NodeProto[] = [];
  readonly inputs: ValueInfoProto[] = [];
  readonly outputs: ValueInfoProto[] = [];
  readonly #weights = new Map<string, Weight>();
  readonly #initializers: TensorProto[] = [];
  readonly #names = new Set<string>();
  /** Of the weights: the same in every run. */
  #seed = 20_011;

  /** Half precision stores and computes in float16. */
  constructor(readonly naming: Naming = "torch", readonly half = false) {}

  /** Element type of activations and weights. */
  get type(): number {
    return this.half ? ElementType.float16 : ElementType.float32;
  }

  /** Adds a weight of numbers within `scale` of `mean` and gives the name of its initializer. */
  weight(key: string, dims: readonly number[], scale = 0.5, mean = 0, name = key): string {
    const values = new Float32Array(dims.reduce((a, b) => a * b, 1));
    for (let i = 0; i < values.length; i++) {
      this.#seed = (this.#seed * 48271) % 2147483647;
      const value = mean + scale * (2 * this.#seed / 2147483647 - 1);
      values[i] = this.half ? Math.f16round(value) : value;
    }
    this.#weights.set(key, { dims, values });
    this.#initializers.push(
      initializer(name, this.type, dims, this.half ? Float16Array.from(values) : values),
    );
    return name;
  }

  /** As {@link weight}, for a stack of matrices that the graph holds turned. */
  turnedWeight(key: string, dims: readonly [number, number, number], scale: number): string {
    const name = `${key.slice(1).replaceAll("/", ".")}.weight`;
    this.weight(key, dims, scale, 0, name);
    const { values } = this.#weights.get(key)!;
    const [count, rows, columns] = dims;
    const turned = Float32Array.from(values, (_, at) => {
      const [matrix, i, j] = [Math.floor(at / (rows * columns)), at % rows, Math.floor(at / rows) % columns];
      return values[(matrix * rows + i) * columns + j];
    });
    this.#initializers.pop();
    this.#initializers.push(initializer(name, this.type, [count, columns, rows], turned));
    return name;
  }

  /** A weight as numbers. */
  values(key: string): Weight {
    const weight = this.#weights.get(key);
    if (!weight) throw new Error(`Expected a weight "${key}" but there is none`);
    return weight;
  }

  has(key: string): boolean {
    return this.#weights.has(key);
  }

  /** Adds a node and gives its first output. */
  op(type: string, path: string, inputs: readonly string[], options: NodeOptions = {}): string {
    return this.ops(type, path, inputs, options)[0];
  }

  /** Adds a node and gives its outputs. */
  ops(type: string, path: string, inputs: readonly string[], options: NodeOptions = {}): string[] {
    const name = this.#unique(`${path}/${options.label ?? type}`);
    const separator = this.naming === "torch" ? "_" : "/";
    const outputs = options.outputs?.slice() ??
      Array.from({ length: options.count ?? 1 }, (_, i) => `${name}${separator}output_${i}`);
    this.nodes.push({ ...node(type, [...inputs], outputs, options.attributes, options.domain), name });
    return outputs;
  }

  /** A list of integers, as a Constant. */
  ints(path: string, values: readonly number[]): string {
    const value = initializer("", ElementType.int64, [values.length], BigInt64Array.from(values, BigInt));
    return this.op("Constant", path, [], { attributes: { value } });
  }

  /** An integer, as a Constant. */
  int(path: string, number: number): string {
    const value = initializer("", ElementType.int64, [], BigInt64Array.of(BigInt(number)));
    return this.op("Constant", path, [], { attributes: { value } });
  }

  /** A number of the activations' type, or of float32, as a Constant. */
  number(path: string, number: number, half = this.half): string {
    const value = half
      ? initializer("", ElementType.float16, [], Float16Array.of(number))
      : initializer("", ElementType.float32, [], Float32Array.of(number));
    return this.op("Constant", path, [], { attributes: { value } });
  }

  cast(path: string, x: string, to: number): string {
    return this.op("Cast", path, [x], { attributes: { to: BigInt(to) } });
  }

  input(name: string, type: number, dims: readonly (number | string)[]): string {
    this.inputs.push(valueInfo(name, type, dims));
    return name;
  }

  output(name: string, type: number, dims: readonly (number | string)[]): string {
    this.outputs.push(valueInfo(name, type, dims));
    return name;
  }

  /** A part of the cache: an input, and the output that takes its place at the next step. */
  cache(past: string, present: string, dims: readonly (number | string)[]): void {
    this.input(past, this.type, dims);
    this.output(present, this.type, dims.map((dim) => dim === "past_sequence_length" ? "total_sequence_length" : dim));
  }

  /** The model, as a message. */
  model(): ModelProto {
    return graphModel({
      nodes: this.nodes,
      inputs: this.inputs,
      outputs: this.outputs,
      initializers: this.#initializers,
      contrib: true,
    });
  }

  /** The model, serialized. */
  bytes(): Uint8Array<ArrayBuffer> {
    return encodeModel(this.model());
  }

  #unique(name: string): string {
    let found = name;
    for (let i = 1; this.#names.has(found); i++) found = `${name}_${i}`;
    this.#names.add(found);
    return found;
  }
}
