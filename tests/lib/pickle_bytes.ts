/** Byte streams of pickles, written opcode by opcode. */
import { OP } from "../../src/files/pickle/opcodes.ts";

/** A part of a pickle: an opcode, bytes, or text as ASCII. */
export type Part = number | Uint8Array | string | readonly Part[];

/** A whole pickle of protocol 4, without frames. */
export function pickle(...parts: Part[]): Uint8Array<ArrayBuffer> {
  return bytes(OP.PROTO, 4, ...parts, OP.STOP);
}

/** Parts in a row. */
export function bytes(...parts: Part[]): Uint8Array<ArrayBuffer> {
  const flat: number[] = [];
  const add = (part: Part) => {
    if (typeof part === "number") flat.push(part);
    else if (typeof part === "string") flat.push(...new TextEncoder().encode(part));
    else if (part instanceof Uint8Array) { for (const byte of part) flat.push(byte); }
    else part.forEach(add);
  };
  parts.forEach(add);
  return Uint8Array.from(flat);
}

/** A number's bytes, little endian. */
export function little(value: number, size: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: size }, (_, i) => Math.floor(value / 256 ** i) % 256);
}

/** A text. */
export const text = (value: string): Part => [OP.SHORT_BINUNICODE, new TextEncoder().encode(value).length, value];

/** A class or function of a module. */
export const global = (module: string, name: string): Part => [text(module), text(name), OP.STACK_GLOBAL];
