/**
 * Checks Arrow's own metadata before it is decoded. It is a flatbuffer, whose JavaScript library trusts every offset and
 * count: it reads beyond the end without a word, and loops for as long as a damaged count says. C++ and Rust verify first;
 * this is the same, for the tables of Arrow's `Message.fbs`, `File.fbs` and `Schema.fbs`.
 */

/** What a field of a table holds: a number of so many bytes, a text, a list, another table, or one of several tables. */
type Shape =
  | number
  | "kind"
  | "text"
  | { readonly list: number | Table }
  | { readonly table: Table }
  | { readonly oneOf: (kind: number) => Table | undefined };

/** A table's fields in the order of their slots; "one of" takes two, its kind and its value. */
type Table = () => readonly Shape[];

const LONG = 8;
const PAIRS = { list: () => ["text", "text"] } as const satisfies Shape;
const int: Table = () => [4, 1];

/** Types of columns by their numbers in `Schema.fbs`: all hold numbers only but these. */
const typeOf = (kind: number): Table | undefined => {
  if (kind < 1 || kind > 26) return undefined;
  // Timestamp has a time zone, Union a list of its type ids.
  if (kind === 10) return () => [2, "text"];
  if (kind === 14) return () => [2, { list: 4 }];
  return () => [1, 1, 1];
};
const dictionaryEncoding: Table = () => [LONG, { table: int }, 1, 2];
const field: Table = () => [
  "text",
  1,
  "kind",
  { oneOf: typeOf },
  { table: dictionaryEncoding },
  { list: field },
  PAIRS,
];
const schema: Table = () => [2, { list: field }, PAIRS, { list: LONG }];
const recordBatch: Table = () => [LONG, { list: 16 }, { list: 16 }, { table: () => [1, 1] }, { list: LONG }];
const dictionaryBatch: Table = () => [LONG, { table: recordBatch }, 1];
const header = (kind: number) => ({ 1: schema, 2: dictionaryBatch, 3: recordBatch } as Record<number, Table>)[kind];
const message: Table = () => [2, "kind", { oneOf: header }, LONG, PAIRS];
const footer: Table = () => [2, { table: schema }, { list: 24 }, { list: 24 }, PAIRS];

/** Tables within tables, and tables at all: a small file could name one a billion times. */
const DEEPEST = 64;
const MOST_TABLES = 1_000_000;

/** Throws unless the bytes of a file's footer can be decoded. */
export function verifyFooter(bytes: Uint8Array): void {
  new Verifier(bytes).root(footer);
}

/** Throws unless the bytes of a message, behind its length, can be decoded. */
export function verifyMessage(bytes: Uint8Array): void {
  new Verifier(bytes).root(message);
}

class Verifier {
  readonly #view: DataView;
  #tables = 0;

  constructor(bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  root(table: Table): void {
    this.#table(this.#target(0), table, 0);
  }

  #table(position: number, table: Table, depth: number): void {
    if (depth > DEEPEST || ++this.#tables > MOST_TABLES) throw new Error("too many tables within each other");
    this.#need(position, 4);
    // A table begins with the way back to its slots; these with their own length and the table's. A slot is an offset
    // into the table, 0 for a field that is not there.
    const slots = position - this.#view.getInt32(position, true);
    this.#need(slots, 4);
    const [slotBytes, tableBytes] = [this.#view.getUint16(slots, true), this.#view.getUint16(slots + 2, true)];
    if (slotBytes < 4 || slotBytes % 2 > 0) throw new Error("a table without a list of its fields");
    this.#need(slots, slotBytes);
    this.#need(position, tableBytes);
    const shapes = table();
    let kind = 0;
    for (let i = 0; i < shapes.length && 4 + 2 * i < slotBytes; i++) {
      const offset = this.#view.getUint16(slots + 4 + 2 * i, true);
      const shape = shapes[i];
      if (offset === 0) continue;
      const width = typeof shape === "number" ? shape : shape === "kind" ? 1 : 4;
      if (offset + width > tableBytes) throw new Error("a field outside of its table");
      if (shape === "kind") kind = this.#view.getUint8(position + offset);
      else if (typeof shape !== "number") this.#field(position + offset, shape, kind, depth);
    }
  }

  #field(position: number, shape: Exclude<Shape, number | "kind">, kind: number, depth: number): void {
    const target = this.#target(position);
    if (shape === "text") this.#list(target, 1);
    else if ("list" in shape) {
      if (typeof shape.list === "number") this.#list(target, shape.list);
      else {
        const count = this.#list(target, 4);
        for (let i = 0; i < count; i++) this.#table(this.#target(target + 4 + 4 * i), shape.list, depth + 1);
      }
    } else if ("table" in shape) this.#table(target, shape.table, depth + 1);
    else {
      const table = shape.oneOf(kind);
      if (!table) throw new Error(`a part of unknown kind ${kind}`);
      this.#table(target, table, depth + 1);
    }
  }

  /** Where an offset leads. */
  #target(position: number): number {
    this.#need(position, 4);
    return position + this.#view.getUint32(position, true);
  }

  /** The length of a list whose items have so many bytes. */
  #list(position: number, itemBytes: number): number {
    this.#need(position, 4);
    const count = this.#view.getUint32(position, true);
    this.#need(position + 4, count * itemBytes);
    return count;
  }

  #need(position: number, bytes: number): void {
    if (position < 0 || position + bytes > this.#view.byteLength) throw new Error("an offset leads outside of it");
  }
}
