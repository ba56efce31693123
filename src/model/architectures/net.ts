/** A graph under construction over the tensors of a checkpoint, which stay in their files. */
import {
  type AttributeValue,
  ElementType,
  externalEntry,
  initializer,
  node,
  type NodeProto,
  type TensorProto,
} from "../../compute/onnx/codec.ts";
import { ModelError } from "../error.ts";
import type { Part } from "./spec.ts";
import type { StoredTensor, StoredTensors } from "./tensors.ts";

/** ONNX's code of bfloat16. */
const BFLOAT16 = 16;
const CODES = { float32: ElementType.float32, float16: ElementType.float16, bfloat16: BFLOAT16 } as const;

/** Nodes and weights. Every tensor has a name that says what it is. */
export class Net {
  readonly nodes: NodeProto[] = [];
  readonly initializers: TensorProto[] = [];
  /** Tensors of the checkpoint that the graph reads. */
  readonly used: Set<string> = new Set();
  readonly #made = new Map<string, string>();

  constructor(readonly tensors: StoredTensors) {}

  /** Adds a node with one output, of that name, and gives the name. */
  op(
    opType: string,
    name: string,
    inputs: readonly string[],
    attributes: Record<string, AttributeValue> = {},
    domain = "",
  ): string {
    this.nodes.push(node(opType, [...inputs], [name], attributes, domain));
    return name;
  }

  /** Adds a node with several outputs. */
  ops(
    opType: string,
    outputs: readonly string[],
    inputs: readonly string[],
    attributes: Record<string, AttributeValue> = {},
  ): readonly string[] {
    this.nodes.push(node(opType, [...inputs], [...outputs], attributes));
    return outputs;
  }

  /** What `make` gives for a key, made once. */
  once(key: string, make: () => string): string {
    let name = this.#made.get(key);
    if (name === undefined) this.#made.set(key, name = make());
    return name;
  }

  /** A list of whole numbers. */
  ints(values: readonly number[]): string {
    return this.once(
      `ints ${values}`,
      () =>
        this.#constant(
          `ints_${values.join("_")}`,
          ElementType.int64,
          [values.length],
          BigInt64Array.from(values, BigInt),
        ),
    );
  }

  /** One whole number, without a dimension. */
  int(value: number): string {
    return this.once(
      `int ${value}`,
      () => this.#constant(`int_${value}`, ElementType.int64, [], BigInt64Array.of(BigInt(value))),
    );
  }

  /** One number. */
  number(value: number): string {
    return this.once(
      `number ${value}`,
      () => this.#constant(`number_${value}`, ElementType.float32, [], Float32Array.of(value)),
    );
  }

  /** Numbers. */
  numbers(name: string, dims: readonly number[], values: Float32Array<ArrayBuffer>): string {
    return this.once(`numbers ${name}`, () => this.#constant(name, ElementType.float32, dims, values));
  }

  /** Ones, for norms without weights. */
  ones(size: number): string {
    return this.numbers(`ones_${size}`, [size], new Float32Array(size).fill(1));
  }

  /**
   * A tensor of the checkpoint, as float32.
   *
   * @param part Which one of several along the tensor's first axis: as it is an offset too, nobody reads the others for it.
   * @throws {ModelError} if there is none, or of another shape.
   */
  weight(name: string, dims: readonly number[], part?: Part): string {
    const tensor = this.tensors.get(name);
    if (!tensor) {
      throw new ModelError(
        `Expected the checkpoint to have the tensor "${name}" but it has none: its files are not complete`,
      );
    }
    const whole = part ? [part.of, ...dims] : dims;
    if (tensor.shape.join() !== whole.join()) {
      throw new ModelError(
        `Expected the tensor "${name}" to be of shape [${whole.join(", ")}], as config.json says, but it is of ` +
          `[${tensor.shape.join(", ")}]: check that config.json belongs to the weights`,
      );
    }
    this.used.add(name);
    if (!part) return this.once(`weight ${name}`, () => this.#weight(name, tensor));
    const length = tensor.length / part.of;
    const own = { ...tensor, shape: dims, offset: tensor.offset + part.index * length, length };
    return this.once(`weight ${name} ${part.index}`, () => this.#weight(`${name}.${part.index}`, own));
  }

  #weight(name: string, tensor: StoredTensor): string {
    const code = CODES[tensor.dtype as keyof typeof CODES];
    if (code === undefined) {
      throw new ModelError(
        `Expected the tensor "${name}" in float32, float16 or bfloat16 but it is in ${tensor.dtype}: take a checkpoint in ` +
          "one of these",
      );
    }
    const stored = initializer(name, code, tensor.shape, new Uint8Array(0));
    const place = { location: tensor.path, offset: tensor.offset, length: tensor.length };
    stored.externalData = Object.entries(place).map(([key, value]) => externalEntry(key, String(value)));
    stored.dataLocation = 1;
    this.initializers.push(stored);
    // Folded when the session opens: what runs is float32.
    return code === ElementType.float32
      ? name
      : this.op("Cast", `${name}/float32`, [name], { to: BigInt(ElementType.float32) });
  }

  #constant(name: string, type: number, dims: readonly number[], data: ArrayBufferView): string {
    this.initializers.push(initializer(name, type, dims, data));
    return name;
  }
}
