/**
 * The opcodes of Python's pickle format, protocols 2 to 5 (CPython's `Lib/pickletools.py` describes each). What is not in
 * {@link OPCODES} is refused: opcodes that call or import at will, reach outside of the file, or that only Python 2 wrote.
 */

/** What follows an opcode: nothing, a number of so many bytes, bytes after a count of so many bytes, or two lines of text. */
export type Argument =
  | { readonly kind: "none" }
  | { readonly kind: "fixed" | "counted"; readonly bytes: 1 | 2 | 4 | 8 }
  | { readonly kind: "lines" };

/** The argument of opcodes that have none. */
export const NOTHING: Argument = { kind: "none" };
const fixed = (bytes: 1 | 2 | 4 | 8): Argument => ({ kind: "fixed", bytes });
const counted = (bytes: 1 | 2 | 4 | 8): Argument => ({ kind: "counted", bytes });

/** Code of an object kept outside of the file, which a dialect may admit. */
export const BINPERSID = 0x51;

/** Codes of the opcodes that are read. */
export const OP = {
  MARK: 0x28,
  EMPTY_TUPLE: 0x29,
  STOP: 0x2e,
  POP: 0x30,
  POP_MARK: 0x31,
  DUP: 0x32,
  BINBYTES: 0x42,
  SHORT_BINBYTES: 0x43,
  BINFLOAT: 0x47,
  BININT: 0x4a,
  BININT1: 0x4b,
  BININT2: 0x4d,
  NONE: 0x4e,
  REDUCE: 0x52,
  BINUNICODE: 0x58,
  EMPTY_LIST: 0x5d,
  APPEND: 0x61,
  BUILD: 0x62,
  GLOBAL: 0x63,
  APPENDS: 0x65,
  BINGET: 0x68,
  LONG_BINGET: 0x6a,
  BINPUT: 0x71,
  LONG_BINPUT: 0x72,
  SETITEM: 0x73,
  TUPLE: 0x74,
  SETITEMS: 0x75,
  EMPTY_DICT: 0x7d,
  PROTO: 0x80,
  NEWOBJ: 0x81,
  TUPLE1: 0x85,
  TUPLE2: 0x86,
  TUPLE3: 0x87,
  NEWTRUE: 0x88,
  NEWFALSE: 0x89,
  LONG1: 0x8a,
  LONG4: 0x8b,
  SHORT_BINUNICODE: 0x8c,
  BINUNICODE8: 0x8d,
  BINBYTES8: 0x8e,
  EMPTY_SET: 0x8f,
  ADDITEMS: 0x90,
  STACK_GLOBAL: 0x93,
  MEMOIZE: 0x94,
  FRAME: 0x95,
  BYTEARRAY8: 0x96,
} as const;

/** Arguments that are not empty. */
const ARGUMENTS: Readonly<Record<number, Argument>> = {
  [OP.BINBYTES]: counted(4),
  [OP.SHORT_BINBYTES]: counted(1),
  [OP.BINFLOAT]: fixed(8),
  [OP.BININT]: fixed(4),
  [OP.BININT1]: fixed(1),
  [OP.BININT2]: fixed(2),
  [OP.BINUNICODE]: counted(4),
  [OP.GLOBAL]: { kind: "lines" },
  [OP.BINGET]: fixed(1),
  [OP.LONG_BINGET]: fixed(4),
  [OP.BINPUT]: fixed(1),
  [OP.LONG_BINPUT]: fixed(4),
  [OP.PROTO]: fixed(1),
  [OP.LONG1]: counted(1),
  [OP.LONG4]: counted(4),
  [OP.SHORT_BINUNICODE]: counted(1),
  [OP.BINUNICODE8]: counted(8),
  [OP.BINBYTES8]: counted(8),
  [OP.FRAME]: fixed(8),
  [OP.BYTEARRAY8]: counted(8),
};

/** Every opcode that is read, by its code. */
export const OPCODES: ReadonlyMap<number, Argument> = new Map(
  Object.values(OP).map((code) => [code, ARGUMENTS[code] ?? NOTHING]),
);

/** What the opcodes that are known but not read would do. */
export const REFUSED: ReadonlyMap<number, string> = new Map([
  [0x46, "a number written as text (FLOAT), as protocol 0 does"],
  [0x49, "a number written as text (INT), as protocol 0 does"],
  [0x4c, "a number written as text (LONG), as protocol 0 does"],
  [0x50, "an object kept outside of the file (PERSID)"],
  [0x51, "an object kept outside of the file (BINPERSID)"],
  [0x53, "a string of Python 2 (STRING)"],
  [0x54, "a string of Python 2 (BINSTRING)"],
  [0x55, "a string of Python 2 (SHORT_BINSTRING)"],
  [0x56, "a text of protocol 0 (UNICODE)"],
  [0x64, "a dictionary of protocol 0 (DICT)"],
  [0x67, "a memo entry of protocol 0 (GET)"],
  [0x69, "an object made by a call (INST)"],
  [0x6c, "a list of protocol 0 (LIST)"],
  [0x6f, "an object made by a call (OBJ)"],
  [0x70, "a memo entry of protocol 0 (PUT)"],
  [0x82, "an entry of Python's extension registry (EXT1)"],
  [0x83, "an entry of Python's extension registry (EXT2)"],
  [0x84, "an entry of Python's extension registry (EXT4)"],
  [0x91, "a frozen set (FROZENSET)"],
  [0x92, "an object made by a call with names (NEWOBJ_EX)"],
  [0x97, "a buffer kept outside of the file (NEXT_BUFFER)"],
  [0x98, "a buffer kept outside of the file (READONLY_BUFFER)"],
]);
