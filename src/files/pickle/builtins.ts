/** Python's own functions that pickles of plain values call: protocol 2 spells sets and bytes as calls. */
import type { PickleSource } from "./source.ts";
import { PickleBytes, PickleGlobal, PickleList, PickleSet, PickleText, type PickleValue } from "./values.ts";

const SET = new PickleGlobal("builtins.set", setOf);
const BYTES = new PickleGlobal("builtins.bytes", noBytes);
const ENCODE = new PickleGlobal("_codecs.encode", latin1);

/** By their names in Python 3 and 2. */
export const BUILTINS: ReadonlyMap<string, PickleGlobal> = new Map([
  ["builtins.set", SET],
  ["__builtin__.set", SET],
  ["builtins.bytes", BYTES],
  ["__builtin__.bytes", BYTES],
  ["_codecs.encode", ENCODE],
]);

function setOf(source: PickleSource, args: readonly PickleValue[]): PickleSet {
  const [list] = args;
  if (args.length > 1 || (list !== undefined && !(list instanceof PickleList))) {
    throw source.refused("a set of something else than a list");
  }
  const set = new PickleSet();
  source.charge(256);
  for (const item of list?.parts() ?? []) {
    source.charge(24);
    set.add(item);
  }
  return set;
}

/** `bytes()`: none. */
function noBytes(source: PickleSource, args: readonly PickleValue[]): PickleBytes {
  if (args.length > 0) throw source.refused("a call of bytes with arguments");
  source.charge(56);
  return new PickleBytes(source.bytes, 0, 0);
}

/** `_codecs.encode(text, "latin1")`: how protocol 2 spells bytes. */
function latin1(source: PickleSource, args: readonly PickleValue[]): PickleBytes {
  const [text, encoding] = args;
  const isLatin1 = encoding instanceof PickleText && encoding.length === 6 && encoding.toString() === "latin1";
  if (!(text instanceof PickleText) || !isLatin1) throw source.refused("a call of _codecs.encode but to spell bytes");
  const { bytes } = source;
  const end = text.start + text.length;
  let length = 0;
  for (let i = text.start; i < end; i++) if ((bytes[i] & 0xc0) !== 0x80) length++;
  source.charge(length + 120);
  const decoded = new Uint8Array(length);
  for (let i = text.start, j = 0; i < end; j++) {
    // Latin-1 is U+0000 to U+00FF: in UTF-8 one byte, or two of which the first is C2 or C3.
    const first = bytes[i++];
    if (first < 0x80) decoded[j] = first;
    else if ((first === 0xc2 || first === 0xc3) && i < end && (bytes[i] & 0xc0) === 0x80) {
      decoded[j] = ((first & 3) << 6) | (bytes[i++] & 0x3f);
    } else throw source.damaged("bytes spelled as a text are not Latin-1", i - 1);
  }
  return new PickleBytes(decoded, 0, length);
}
