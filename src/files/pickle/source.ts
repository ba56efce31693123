/** The bytes of a pickle, the memory that reading it may take, and the sentences that say what is wrong with it. */
import { type Argument, BINPERSID, NOTHING, OP, OPCODES, REFUSED } from "./opcodes.ts";
import { visibleText } from "../visible_text.ts";

/**
 * Memory that reading may take besides the pickle: with it, twice the file that it is in, which of a file of `torch.save` is
 * mostly storages. The garbage collector copies while it works, and that keeps the whole within three times the file, as
 * measured. Objects take many times their opcodes, the smallest dictionaries of honest files some 25 times: up to 32 MiB
 * they may, whatever the file.
 */
function allowance(pickleBytes: number, fileBytes: number): number {
  const objects = MOST_OBJECTS * pickleBytes;
  // A small pickle beside large storages may not take what only these account for.
  const share = Math.max(pickleBytes, Math.min(2 * fileBytes - pickleBytes, objects));
  return Math.max(share, Math.min(objects, 2 ** 25), 2 ** 20);
}

/** Times its bytes that a pickle's objects may take. */
const MOST_OBJECTS = 32;

/** Longest name of a module or class, in bytes. */
export const LONGEST_NAME = 256;

/** What a pickle may ask for, as far as its bytes tell. */
export interface Admission {
  /** What sentences say is admitted besides plain values. */
  readonly admits: string;
  /** Whether it may name objects that are kept outside of it. */
  readonly hasOutside: boolean;
}

/** One file of bytes that is read as a pickle. Its cursor ({@linkcode step}) stands on one opcode at a time. */
export class PickleSource {
  readonly view: DataView;
  /** Bytes that reading may still take, besides the file's own. */
  #left: number;
  /** The opcode that the cursor stands on. */
  code = 0;
  /** Where the opcode stands. */
  offset = 0;
  /** Where its argument starts, behind any count. */
  start = 0;
  /** Bytes of its argument, without any count. */
  length = 0;
  /** Where the next opcode starts. */
  next = 0;
  /** Whether it names joblib's arrays, whose numbers lie between the opcodes. */
  isJoblib = false;

  /**
   * @param bytes The whole pickle.
   * @param name What sentences call it.
   * @param fileBytes Bytes of the file that it is in, default its own.
   */
  constructor(
    readonly bytes: Uint8Array,
    readonly name: string,
    readonly admission: Admission,
    readonly fileBytes: number = bytes.length,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#left = allowance(bytes.length, fileBytes);
  }

  /** Takes `bytes` of memory; a negative number gives back what nothing holds any more. */
  charge(bytes: number): void {
    this.#left -= bytes;
    if (this.#left < 0) {
      throw new Error(
        `Cannot read ${this.name}: reading it would take more memory than the file's ${this.fileBytes} bytes ` +
          "account for. Nothing was run; if it is a file of yours, save its arrays without the other objects.",
      );
    }
  }

  /** Moves the cursor to the opcode at an offset. */
  step(offset: number): void {
    if (offset >= this.bytes.length) throw this.damaged("it ends without STOP", offset);
    this.offset = offset;
    this.code = this.bytes[offset];
    const isOutside = this.code === BINPERSID && this.admission.hasOutside;
    const argument = isOutside ? NOTHING : OPCODES.get(this.code);
    if (!argument) {
      const refused = REFUSED.get(this.code);
      if (refused) throw this.refused(refused, offset);
      throw this.damaged(`0x${this.code.toString(16).padStart(2, "0")} is no opcode`, offset);
    }
    this.#argument(argument, offset + 1);
  }

  #argument(argument: Argument, start: number): void {
    if (argument.kind === "lines") {
      this.start = start;
      const end = this.#lineEnd(this.#lineEnd(start));
      this.length = end - start;
      this.next = end;
      return;
    }
    const size = argument.kind === "none" ? 0 : argument.bytes;
    this.#within(start, size);
    this.start = start;
    this.length = size;
    if (argument.kind === "counted") {
      this.start = start + size;
      this.length = this.#unsigned(start, size);
      this.#within(this.start, this.length);
    }
    this.next = this.start + this.length;
  }

  /** Whether the opcode names a module: as a text, or as the first of two lines. */
  isNamed(module: string): boolean {
    const { code, start, length, bytes } = this;
    const isText = code === OP.SHORT_BINUNICODE || code === OP.BINUNICODE;
    if (!(isText ? length === module.length : code === OP.GLOBAL && length > module.length)) return false;
    for (let i = 0; i < module.length; i++) if (bytes[start + i] !== module.charCodeAt(i)) return false;
    return isText || bytes[start + module.length] === 0x0a;
  }

  /** Whether the opcode is a whole number of at most 64 bits. */
  get isInteger(): boolean {
    const { code, length } = this;
    return code === OP.BININT1 || code === OP.BININT2 || code === OP.BININT ||
      ((code === OP.LONG1 || code === OP.LONG4) && length <= 8);
  }

  /** The whole number that the cursor stands on; a bigint beyond 2^53. */
  get integer(): number | bigint {
    const { code, start, length, view } = this;
    if (code === OP.BININT1 || code === OP.BININT2) return this.unsigned;
    if (code === OP.BININT) return view.getInt32(start, true);
    if (length > 8) throw this.refused(`a whole number of ${length} bytes, where 8 are the most`);
    // Two's complement, in as many bytes as it takes; none for 0.
    let value = 0n;
    for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(this.bytes[start + i]);
    const signed = BigInt.asIntN(8 * length, value);
    return Number.isSafeInteger(Number(signed)) ? Number(signed) : signed;
  }

  /** The argument as an unsigned number, for opcodes whose argument is one. */
  get unsigned(): number {
    return this.#unsigned(this.start, this.length);
  }

  #unsigned(offset: number, size: number): number {
    if (size === 1) return this.bytes[offset];
    if (size === 2) return this.view.getUint16(offset, true);
    if (size === 4) return this.view.getUint32(offset, true);
    return this.view.getUint32(offset, true) + this.view.getUint32(offset + 4, true) * 2 ** 32;
  }

  #within(start: number, length: number): void {
    if (start + length > this.bytes.length) {
      throw this.damaged(`${length} bytes are announced but ${this.bytes.length - start} follow`, this.offset);
    }
  }

  /** Where the text line from `start` on ends, behind its newline. */
  #lineEnd(start: number): number {
    const end = this.bytes.subarray(start, start + LONGEST_NAME + 1).indexOf(0x0a);
    if (end < 0) throw this.damaged("a name has no end", this.offset);
    return start + end + 1;
  }

  /** For what a pickle asks for and does not get. */
  refused(what: string, offset: number = this.offset): Error {
    return new Error(
      `Cannot read ${this.name}: at byte ${offset} it asks for ${visibleText(what)}. Only plain values and ` +
        `${this.admission.admits} are admitted; nothing was run.`,
    );
  }

  /** For bytes that make no sense. */
  damaged(why: string, offset: number = this.offset): Error {
    if (this.isJoblib) {
      return new Error(
        `Cannot read ${this.name}: it is a file of joblib.dump, which puts the numbers of arrays between the opcodes of the ` +
          "pickle. Nothing was run; save it with pickle.dump.",
      );
    }
    return new Error(
      `Cannot read ${this.name}: the pickle is cut off, damaged or of another kind: ${
        visibleText(why)
      } (byte ${offset}). Nothing was ` +
        "run; copy or download it again.",
    );
  }
}
