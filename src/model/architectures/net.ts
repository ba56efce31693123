/** A graph under construction over the tensors of a checkpoint, which stay in their files. */
import {
  type AttributeValue,
  ElementType,
  initializer,
  node,
  type NodeProto,
  refer,
  type TensorProto,
  type ValueInfoProto,
} from "../../compute/onnx/codec.ts";
import { ModelError } from "../error.ts";
import type { Dtype } from "../types.ts";
import { type Matrix, packedNames, packedShapes } from "./packed_file.ts";
import type { Bits } from "./quantise.ts";
import type { Linear, Part } from "./spec.ts";
import type { StoredTensor, StoredTensors } from "./tensors.ts";

/** ONNX's code of bfloat16. */
const BFLOAT16 = 16;
const CODES = { float32: ElementType.float32, float16: ElementType.float16, bfloat16: BFLOAT16 } as const;

/** What the matrices of a graph's products are held in: float32, float16, or blocks of 8 or 4 bits. */
export type Storage = "fp32" | "fp16" | "q8" | "q4";

/** Storage types of a checkpoint, as users name them. */
export const STORAGES: readonly Dtype[] = ["fp32", "fp16", "q8", "q4"] satisfies Storage[];

/** Bits of a weight where matrices are quantised. */
export const PACKED_BITS: Readonly<Partial<Record<Storage, Bits>>> = { q8: 8, q4: 4 };

/** Nodes and weights. Every tensor has a name that says what it is. */
export class Net {
  readonly nodes: NodeProto[] = [];
  readonly initializers: TensorProto[] = [];
  /** Shapes that onnxruntime does not find by itself. */
  readonly shapes: ValueInfoProto[] = [];
  /** Tensors of the checkpoint that the graph reads. */
  readonly used: Set<string> = new Set();
  /** Matrices that the graph reads quantised; where is told by {@link place}. */
  readonly packed: Matrix[] = [];
  readonly #made = new Map<string, string>();

  constructor(readonly tensors: StoredTensors, readonly storage: Storage = "fp32") {}

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
   * A tensor of the checkpoint, as float32 whatever it is stored in: that is folded when the session opens.
   *
   * @param part Which one of several along the tensor's first axis: as it is an offset too, nobody reads the others for
   * it.
   * @throws {ModelError} if there is none, or of another shape.
   */
  weight(name: string, dims: readonly number[], part?: Part): string {
    const stored = this.#stored(name, dims, part);
    if (this.storage !== "fp16" && this.#dtypeOf(name) === "float32") return stored;
    return this.once(`float32 ${stored}`, () => this.#cast(stored, `${stored}/float32`, ElementType.float32));
  }

  /** A tensor of the checkpoint, as float16. */
  half(name: string, dims: readonly number[], part?: Part): string {
    const stored = this.#stored(name, dims, part);
    return this.once(`float16 ${stored}`, () => this.#cast(stored, `${stored}/float16`, ElementType.float16));
  }

  /** Rows of a table, as float32: these are widened, not the table. */
  rows(table: string, dims: readonly number[], ids: string, name: string): string {
    const stored = this.#stored(table, dims);
    if (this.storage !== "fp16" && this.#dtypeOf(table) === "float32") return this.op("Gather", name, [stored, ids]);
    return this.#cast(this.op("Gather", `${name}/stored`, [stored, ids]), name, ElementType.float32);
  }

  /** Levels and scales of a matrix that is to be quantised in blocks along `columns`. */
  levels({ weight, transposed = false, part }: Linear, rows: number, columns: number, bits: Bits): [string, string] {
    const { name, stored } = this.#tensor(weight, transposed ? [columns, rows] : [rows, columns], part);
    const matrix = { name, stored, rows, columns, transposed };
    const names = packedNames(name, bits);
    this.once(`levels ${name}`, () => {
      this.packed.push(matrix);
      // Without bytes yet: `place` tells where they lie once they are made.
      packedShapes(matrix, bits).forEach(({ dtype, shape }, i) => {
        const type = dtype === "uint8" ? ElementType.uint8 : ElementType.float32;
        this.initializers.push(initializer(names[i], type, shape, new Uint8Array(0)));
      });
      return name;
    });
    return names;
  }

  /** Tells where weights lie that were not in the checkpoint's own files. */
  place(path: string, places: ReadonlyMap<string, Pick<StoredTensor, "offset" | "length">>): void {
    for (const tensor of this.initializers) {
      const place = places.get(tensor.name);
      if (place) referTo(tensor, { ...place, path });
    }
  }

  #stored(weight: string, dims: readonly number[], part?: Part): string {
    const { name, stored } = this.#tensor(weight, dims, part);
    return this.once(`weight ${name}`, () => {
      const code = CODES[stored.dtype as keyof typeof CODES];
      const tensor = initializer(name, code, stored.shape, new Uint8Array(0));
      referTo(tensor, stored);
      this.initializers.push(tensor);
      return name;
    });
  }

  /** A tensor, or a part of it, which has a name and an offset of its own. */
  #tensor(name: string, dims: readonly number[], part?: Part): { name: string; stored: StoredTensor } {
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
    if (!(tensor.dtype in CODES)) {
      throw new ModelError(
        `Expected the tensor "${name}" in float32, float16 or bfloat16 but it is in ${tensor.dtype}: take a checkpoint in ` +
          "one of these",
      );
    }
    this.used.add(name);
    if (!part) return { name, stored: tensor };
    const length = tensor.length / part.of;
    const own = { ...tensor, shape: dims, offset: tensor.offset + part.index * length, length };
    return { name: `${name}.${part.index}`, stored: own };
  }

  #dtypeOf(name: string): string {
    return this.tensors.get(name)!.dtype;
  }

  #cast(from: string, name: string, to: number): string {
    return this.op("Cast", name, [from], { to: BigInt(to) });
  }

  #constant(name: string, type: number, dims: readonly number[], data: ArrayBufferView): string {
    this.initializers.push(initializer(name, type, dims, data));
    return name;
  }
}

/** Makes an initializer a reference to bytes of a checkpoint. */
function referTo(
  tensor: TensorProto,
  { path, offset, length }: Pick<StoredTensor, "path" | "offset" | "length">,
): void {
  refer(tensor, { location: path, offset, length });
}
