import { OP } from "./opcodes.ts";
import { PickleSource } from "./source.ts";

/** A set of whole numbers, one bit each. */
export class BitSet {
  #bits = new Uint8Array(1024);

  constructor(readonly source: PickleSource) {}

  /** Adds a number. */
  add(i: number): void {
    const byte = Math.floor(i / 8);
    if (byte >= this.#bits.length) {
      const larger = new Uint8Array(2 * (byte + 1));
      this.source.charge(larger.length);
      larger.set(this.#bits);
      this.#bits = larger;
    }
    this.#bits[byte] |= 1 << (i % 8);
  }

  /** Whether it holds a number. */
  has(i: number): boolean {
    return ((this.#bits[Math.floor(i / 8)] ?? 0) & (1 << (i % 8))) !== 0;
  }
}

/**
 * Looks at every opcode once, before any is executed: each must be known and admitted, with its argument inside the file;
 * frames must end where an opcode does; the file must end with STOP.
 *
 * @returns The memo entries that are fetched: the others need not be kept.
 * @throws {Error} A sentence that names the first thing that is wrong.
 */
export function scanPickle(source: PickleSource): BitSet {
  const { bytes } = source;
  if (bytes.length < 2 || bytes[0] !== OP.PROTO) {
    throw source.damaged("expected it to start with the PROTO opcode, as protocols 2 to 5 do", 0);
  }
  const fetched = new BitSet(source);
  let stored = 0;
  let frameEnd = -1;
  for (let offset = 0;; offset = source.next) {
    source.step(offset);
    if (source.isNamed("joblib.numpy_pickle")) source.isJoblib = true;
    if (frameEnd >= 0 && source.next > frameEnd) throw source.damaged("a frame ends within an opcode");
    switch (source.code) {
      case OP.PROTO:
        checkProtocol(source);
        break;
      case OP.FRAME:
        if (frameEnd >= 0) throw source.damaged("a frame starts within another");
        frameEnd = source.next + source.unsigned;
        if (frameEnd > bytes.length) throw source.damaged("a frame is longer than the file");
        break;
      case OP.MEMOIZE:
        stored++;
        break;
      case OP.BINPUT:
      case OP.LONG_BINPUT:
        if (source.unsigned !== stored) throw source.damaged("memo entries are stored out of order");
        stored++;
        break;
      case OP.BINGET:
      case OP.LONG_BINGET:
        if (source.unsigned >= stored) throw source.damaged(`memo entry ${source.unsigned} was never stored`);
        fetched.add(source.unsigned);
        break;
      case OP.STOP:
        if (source.next !== bytes.length) throw source.damaged("bytes follow its end");
        return fetched;
    }
    if (source.next === frameEnd) frameEnd = -1;
  }
}

/**
 * Bytes of the pickle with which others begin, such as one of several in a file.
 *
 * @param name What sentences call the file.
 * @param isPart Whether more follows than the bytes that are here.
 * @returns undefined if the bytes are a part and the pickle goes on behind them.
 * @throws {Error} A sentence if there is no pickle, or it does not end.
 */
export function pickleLength(bytes: Uint8Array, name: string, isPart = false): number | undefined {
  const source = new PickleSource(bytes, name, { admits: "tensors", hasOutside: true });
  if (bytes[0] !== OP.PROTO) throw source.damaged("a pickle is missing", 0);
  for (let offset = 0;; offset = source.next) {
    try {
      source.step(offset);
    } catch (error) {
      // Whatever is wrong may be that the bytes end here: with more of them it is told apart.
      if (isPart) return undefined;
      throw error;
    }
    if (source.code === OP.STOP) return source.next;
  }
}

function checkProtocol(source: PickleSource): void {
  const protocol = source.unsigned;
  if (source.offset !== 0) throw source.damaged("a second pickle starts within it");
  if (protocol < 2 || protocol > 5) throw source.damaged(`it is of protocol ${protocol}, and 2 to 5 are read`);
}
