/** Runs a made graph with onnxruntime alone: prompts from their beginning, and steps through the cache. */
import { decodeModel, encodeModel } from "../../../src/compute/onnx/codec.ts";
import { type InferenceSession, nativeRuntime, type OrtRuntime, type Tensor } from "../../../src/compute/ort.ts";

type Feeds = Record<string, Tensor>;

/** A padded batch: ids, and 1 where a token stands. */
export interface Batch {
  readonly ids: readonly (readonly number[])[];
  readonly mask: readonly (readonly number[])[];
}

/** One prompt without padding. */
export function batchOf(tokens: readonly number[]): Batch {
  return { ids: [tokens], mask: [tokens.map(() => 1)] };
}

/** Prompts padded to one length, with token 0. */
export function padded(prompts: readonly (readonly number[])[], side: "left" | "right"): Batch {
  const width = Math.max(...prompts.map(({ length }) => length));
  const fill = (row: readonly number[]) => {
    const empty = Array<number>(width - row.length).fill(0);
    return side === "left" ? [...empty, ...row] : [...row, ...empty];
  };
  return { ids: prompts.map(fill), mask: prompts.map((row) => fill(row.map(() => 1))) };
}

/** The model with all that its nodes give as outputs, fused sums too; what is inside subgraphs and functions is not. */
export function exposed(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const model = decodeModel(bytes);
  const graph = model.graph!;
  const known = new Set(graph.output.map(({ name }) => name));
  const [template] = graph.output;
  for (const node of graph.node) {
    if (node.opType === "SkipSimplifiedLayerNormalization") {
      node.output = [node.output[0], "", "", node.output[3] ?? `${node.name}/sum`];
    }
    for (const name of node.output) {
      // Without a type: onnxruntime infers it.
      if (name && !known.has(name)) graph.output.push({ ...template, name, type: undefined });
    }
  }
  return encodeModel(model);
}

/** What a run gives. */
export interface Run {
  /** `[prompt][position][vocab]`. */
  readonly logits: number[][][];
  /** What to feed at the next step. */
  readonly cache: Feeds;
}

export class Runner {
  private constructor(private readonly ort: OrtRuntime, private readonly session: InferenceSession) {}

  static async open(bytes: Uint8Array): Promise<Runner> {
    const ort = await nativeRuntime();
    return new Runner(ort, await ort.InferenceSession.create(bytes, { logSeverityLevel: 3 }));
  }

  release(): Promise<void> {
    return this.session.release();
  }

  /** Runs a batch. `mask` is that of all tokens so far, those in the cache included. */
  async run(batch: Batch, cache?: Feeds): Promise<Run> {
    const outputs = await this.session.run(this.#feeds(batch, cache));
    const next = Object.entries(outputs).filter(([name]) => name.startsWith("present")).map(([name, tensor]) => [
      name.replace(/^present\./, "past_key_values.").replace(/^present_/, "past_"),
      this.#again(tensor),
    ]);
    return { logits: rowsOf(outputs.logits), cache: Object.fromEntries(next) };
  }

  #feeds({ ids, mask }: Batch, cache?: Feeds): Feeds {
    const feeds: Feeds = {};
    for (const meta of this.session.inputMetadata) {
      if (!meta.isTensor) continue;
      const { name, type, shape } = meta;
      if (name === "input_ids") feeds[name] = this.#integers(ids);
      else if (name === "attention_mask") feeds[name] = this.#integers(mask);
      else if (name === "position_ids") feeds[name] = this.#integers(positions(mask, ids[0].length));
      else feeds[name] = cache?.[name] ?? this.#empty(type, shape, ids.length);
    }
    return feeds;
  }

  /** All outputs that are numbers with a fraction, for one prompt. */
  async tensors(tokens: readonly number[]): Promise<Map<string, ArrayLike<number>>> {
    const outputs = await this.session.run(this.#feeds(batchOf(tokens)));
    const floats = Object.entries(outputs).filter(([, { type }]) => type.startsWith("float"));
    return new Map(floats.map(([name, tensor]) => [name, numbersOf(tensor)]));
  }

  #integers(rows: readonly (readonly number[])[]): Tensor {
    return new this.ort.Tensor("int64", BigInt64Array.from(rows.flat(), BigInt), [rows.length, rows[0].length]);
  }

  /** A cache that holds no token: lengths are 0, states zeros. */
  #empty(type: string, shape: readonly (number | string)[], batch: number): Tensor {
    const dims = shape.map((dim, i) => i === 0 ? batch : typeof dim === "number" && dim >= 0 ? dim : 0);
    const size = dims.reduce((a, b) => a * b, 1);
    return type === "float16"
      ? new this.ort.Tensor("float16", new Uint16Array(size), dims)
      : new this.ort.Tensor("float32", new Float32Array(size), dims);
  }

  /** An output as an input: the native runtime takes halves as 16-bit integers, and no Float16Array. */
  #again(tensor: Tensor): Tensor {
    if (tensor.type !== "float16") return tensor;
    const { buffer, byteOffset, length } = tensor.data as Uint16Array<ArrayBuffer>;
    const bits = new Uint16Array(buffer.slice(byteOffset, byteOffset + 2 * length));
    const copy = new this.ort.Tensor("float16", bits, tensor.dims);
    (copy as unknown as { cpuData: Uint16Array }).cpuData = bits;
    return copy;
  }
}

/** Positions count the tokens before, as transformers.js gives them. */
function positions(mask: readonly (readonly number[])[], fed: number): number[][] {
  return mask.map((row) => {
    let count = 0;
    return row.map((kept) => kept ? count++ : 0).slice(-fed);
  });
}

/** A tensor's numbers, of whichever precision. */
function numbersOf({ data, type, size }: Tensor): Float32Array | Float16Array {
  if (type === "float32") return data as Float32Array;
  const { buffer, byteOffset } = data as Uint16Array<ArrayBuffer>;
  return new Float16Array(buffer, byteOffset, size);
}

/** Logits as `[prompt][position][vocab]`. */
function rowsOf(tensor: Tensor): number[][][] {
  const [batch, length, vocab] = tensor.dims;
  const numbers = numbersOf(tensor);
  return Array.from({ length: batch }, (_, b) =>
    Array.from({ length }, (_, p) => {
      const start = (b * length + p) * vocab;
      return Array.from(numbers.slice(start, start + vocab));
    }));
}
