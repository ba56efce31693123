/**
 * Reads an ONNX file without its weights: large tensors become references to their bytes in the file, as ONNX's
 * external data has them. What is left of a model of gigabytes is some hundred kilobytes, and onnxruntime maps the
 * rest.
 */
import { append } from "../compute/long_lists.ts";
import type { ByteFile } from "../files/byte_file.ts";

/**
 * Messages up to this size are copied whole; a tensor below it stays in the graph, where shapes are inferred from it.
 */
const LARGE = 1 << 16;

/**
 * How the messages that can hold weights nest: field numbers of ModelProto, GraphProto, NodeProto and AttributeProto.
 */
const CHILDREN = {
  model: { 7: "graph" },
  graph: { 1: "node", 5: "tensor" },
  node: { 5: "attribute" },
  attribute: { 5: "tensor", 6: "graph" },
  tensor: {},
} as const;
type Kind = keyof typeof CHILDREN;

/** TensorProto's fields: `data_type`, `float_data`, `raw_data`, `external_data`, `data_location`. */
const TENSOR = { dataType: 2, floats: 4, raw: 9, external: 13, location: 14 } as const;
const FLOAT32 = 1;

/** One field of a message: its number and wire type, where it begins, and where its value lies. */
interface Field {
  readonly number: number;
  readonly wire: number;
  readonly start: number;
  readonly value: number;
  readonly end: number;
}

/**
 * The serialized model of a file, its large tensors as external data at `location`.
 *
 * @param location What the references name as the file; the bytes themselves are not read.
 * @throws {Error} if the bytes are not those of a protobuf message, or end too early.
 */
export async function slimModel(file: ByteFile, location: string): Promise<Uint8Array<ArrayBuffer>> {
  return join(await slim(new Window(file), 0, file.size, "model", location));
}

async function slim(file: Window, start: number, end: number, kind: Kind, location: string): Promise<Uint8Array[]> {
  const pieces: Uint8Array[] = [];
  let weights: Field | undefined;
  let dataType = 0;
  for (let offset = start; offset < end;) {
    const field = await file.field(offset, end);
    offset = field.end;
    const child = (CHILDREN[kind] as Record<number, Kind>)[field.number];
    const length = field.end - field.value;
    if (kind === "tensor" && field.number === TENSOR.dataType) dataType = await file.varint(field.value);
    if (length < LARGE || field.wire !== 2) pieces.push(await file.bytes(field.start, field.end));
    else if (child) {
      const inner = await slim(file, field.value, field.end, child, location);
      pieces.push(header(field.number, inner.reduce((sum, piece) => sum + piece.length, 0)));
      append(pieces, inner);
    } else if (kind === "tensor" && (field.number === TENSOR.raw || field.number === TENSOR.floats)) weights = field;
    else pieces.push(await file.bytes(field.start, field.end));
  }
  if (!weights) return pieces;
  // Packed floats are little-endian, as raw data is.
  if (weights.number === TENSOR.floats && dataType !== FLOAT32) {
    return [...pieces, await file.bytes(weights.start, weights.end)];
  }
  const { value, end: last } = weights;
  const entries = { location, offset: String(value), length: String(last - value) };
  return [
    ...pieces,
    ...Object.entries(entries).map(([key, text]) => entry(key, text)),
    // `data_location` EXTERNAL, a varint: wire type 0.
    Uint8Array.of(TENSOR.location << 3, 1),
  ];
}

/** A StringStringEntryProto as a tensor's external data. */
function entry(key: string, value: string): Uint8Array {
  const parts = [key, value].flatMap((text, i) => {
    const bytes = new TextEncoder().encode(text);
    return [header(i + 1, bytes.length), bytes];
  });
  const inner = join(parts);
  return join([header(TENSOR.external, inner.length), inner]);
}

/** Tag and length of a field that holds bytes. */
function header(number: number, length: number): Uint8Array {
  return Uint8Array.from([...varint(number * 8 + 2), ...varint(length)]);
}

function varint(value: number): number[] {
  return value < 128 ? [value] : [value % 128 + 128, ...varint(Math.floor(value / 128))];
}

function join(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let offset = 0;
  for (const piece of pieces) {
    joined.set(piece, offset);
    offset += piece.length;
  }
  return joined;
}

/** A file seen through a buffer, so that small reads that follow each other cost one. */
class Window {
  static readonly #size = 1 << 18;
  #start = 0;
  #buffer = new Uint8Array(0);

  constructor(readonly file: ByteFile) {}

  /** A copy of the bytes from `start` to before `end`. */
  async bytes(start: number, end: number): Promise<Uint8Array> {
    if (end - start > Window.#size) return await this.file.read(start, new Uint8Array(end - start));
    if (start < this.#start || end > this.#start + this.#buffer.length) {
      const length = Math.min(Window.#size, this.file.size - start);
      this.#buffer = await this.file.read(start, new Uint8Array(length));
      this.#start = start;
    }
    return this.#buffer.slice(start - this.#start, end - this.#start);
  }

  /** The number at `start`. */
  async varint(start: number): Promise<number> {
    return readVarint(await this.bytes(start, Math.min(start + 10, this.file.size)), 0).value;
  }

  /** The field that begins at `start` in a message that ends at `end`. */
  async field(start: number, end: number): Promise<Field> {
    const head = await this.bytes(start, Math.min(start + 20, end));
    const tag = readVarint(head, 0);
    const [number, wire] = [Math.floor(tag.value / 8), tag.value % 8];
    const place = { number, wire, start, value: start + tag.end, end: start + tag.end };
    if (wire === 0) place.end = start + readVarint(head, tag.end).end;
    else if (wire === 1) place.end += 8;
    else if (wire === 5) place.end += 4;
    else if (wire === 2) {
      const length = readVarint(head, tag.end);
      place.value = start + length.end;
      place.end = place.value + length.value;
    } else throw new Error(`Expected a field of a protobuf message at byte ${start} but found wire type ${wire}`);
    if (number === 0 || place.end > end) {
      throw new Error(`Expected a field that ends by byte ${end} at byte ${start} but it ends at ${place.end}`);
    }
    return place;
  }
}

function readVarint(bytes: Uint8Array, start: number): { value: number; end: number } {
  let value = 0;
  // Multiplied, not shifted: shifts end at 32 bits, and files of weights do not.
  for (let i = start, scale = 1; i < bytes.length && i < start + 10; i++, scale *= 128) {
    value += (bytes[i] & 127) * scale;
    if (bytes[i] < 128) return { value, end: i + 1 };
  }
  throw new Error("Expected a number of a protobuf message but it does not end");
}
