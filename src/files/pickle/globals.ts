/** The names that a pickle may ask for, and what calling each of them gives. */
import { NumpyArray, numpyDtype, numpyFromBuffer, numpyScalar } from "./numpy.ts";
import { LONGEST_NAME, type PickleSource } from "./source.ts";
import {
  PickleBytes,
  PickleGlobal,
  PickleList,
  PickleObject,
  PickleSet,
  PickleText,
  type PickleValue,
} from "./values.ts";

const DICTIONARY = new PickleGlobal("Dictionary");
const PARTITION = new PickleGlobal("Partition");
const NDARRAY = new PickleGlobal("numpy.ndarray");
const RECONSTRUCT = new PickleGlobal("numpy._core.multiarray._reconstruct");
const SCALAR = new PickleGlobal("numpy._core.multiarray.scalar");
const FROM_BUFFER = new PickleGlobal("numpy._core.numeric._frombuffer");
const DTYPE = new PickleGlobal("numpy.dtype");
const SET = new PickleGlobal("builtins.set");
const BYTES = new PickleGlobal("builtins.bytes");
const ENCODE = new PickleGlobal("_codecs.encode");

/** NumPy 2 renamed `numpy.core`; published dictionaries were once of the package `cas`; protocol 2 spells sets as calls. */
const GLOBALS: ReadonlyMap<string, PickleGlobal> = new Map([
  ["ep.discovery.dictionary.Dictionary", DICTIONARY],
  ["ep.discovery.dictionary.Partition", PARTITION],
  ["cas.discovery.dictionary.Dictionary", DICTIONARY],
  ["cas.discovery.dictionary.Partition", PARTITION],
  ["ep.discovery.dictionary.ConceptLibrary", DICTIONARY],
  ["ep.discovery.dictionary.Concept", PARTITION],
  ["cas.discovery.dictionary.ConceptLibrary", DICTIONARY],
  ["cas.discovery.dictionary.Concept", PARTITION],
  ["numpy.ndarray", NDARRAY],
  ["numpy.dtype", DTYPE],
  ["numpy.core.multiarray._reconstruct", RECONSTRUCT],
  ["numpy._core.multiarray._reconstruct", RECONSTRUCT],
  ["numpy.core.multiarray.scalar", SCALAR],
  ["numpy._core.multiarray.scalar", SCALAR],
  ["numpy.core.numeric._frombuffer", FROM_BUFFER],
  ["numpy._core.numeric._frombuffer", FROM_BUFFER],
  ["builtins.set", SET],
  ["__builtin__.set", SET],
  ["builtins.bytes", BYTES],
  ["__builtin__.bytes", BYTES],
  ["_codecs.encode", ENCODE],
]);

/** What a name stands for; a sentence for any that is not admitted. */
export function globalNamed(source: PickleSource, module: string, name: string): PickleGlobal {
  const found = (source.dialect?.globals ?? GLOBALS).get(`${module}.${name}`);
  if (!found) throw source.refused(`${printable(module)}.${printable(name)}`);
  return found;
}

/** A text of the file as part of a name. */
export function nameOf(source: PickleSource, value: PickleValue | undefined): string {
  if (!(value instanceof PickleText)) throw source.damaged("a name is no text");
  if (value.length > LONGEST_NAME) throw source.damaged(`a name is ${value.length} bytes long`);
  return value.toString();
}

/** Names in sentences: whatever a file calls them, on one line. */
function printable(name: string): string {
  // deno-lint-ignore no-control-regex
  return name.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, "?");
}

/** What `callee(*args)` gives. */
export function callGlobal(source: PickleSource, callee: PickleValue, args: readonly PickleValue[]): PickleValue {
  const own = source.dialect?.call(callee, args);
  if (own !== undefined) {
    source.charge(200);
    return own;
  }
  switch (callee) {
    case RECONSTRUCT:
      if (args[0] !== NDARRAY) throw source.refused("an array of a class of its own");
      return new NumpyArray(source);
    case FROM_BUFFER:
      return numpyFromBuffer(source, args);
    case SCALAR:
      return numpyScalar(source, args);
    case DTYPE:
      return numpyDtype(source, args);
    case ENCODE:
      return latin1(source, args);
    case BYTES:
      if (args.length > 0) throw source.refused("a call of bytes with arguments");
      source.charge(56);
      return new PickleBytes(source.bytes, 0, 0);
    case SET:
      return setOf(source, args);
  }
  throw source.refused(callee instanceof PickleGlobal ? `a call of ${callee.name}` : "a call of what is no function");
}

/** A new object of a known class, without attributes. */
export function newObject(source: PickleSource, of: PickleValue, args: PickleValue[]): PickleObject {
  if (of !== DICTIONARY && of !== PARTITION) throw source.refused("an object of what is not a known class");
  if (args.length > 0) throw source.refused(`a ${of.name} made with arguments`);
  source.charge(40);
  return new PickleObject(of.name);
}

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
    const first = bytes[i++];
    if (first < 0x80) decoded[j] = first;
    else if ((first === 0xc2 || first === 0xc3) && i < end && (bytes[i] & 0xc0) === 0x80) {
      decoded[j] = ((first & 3) << 6) | (bytes[i++] & 0x3f);
    } else throw source.damaged("bytes spelled as a text are not Latin-1", i - 1);
  }
  return new PickleBytes(decoded, 0, length);
}
