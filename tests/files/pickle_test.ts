import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  NumpyArray,
  NumpyDtype,
  PickleBytes,
  PickleDict,
  PickleList,
  PickleSet,
  PickleText,
  PickleTuple,
  type PickleValue,
  readPickle,
} from "../../src/files/pickle/pickle.ts";
import { OP } from "../../src/files/pickle/opcodes.ts";
import { bytes, global, little, type Part, pickle, text } from "../lib/pickle_bytes.ts";
import { assertSentence } from "../lib/sentence.ts";
import { PUBLISHED } from "../../src/partition/published_pickle.ts";

const folder = new URL("../golden/pickles/", import.meta.url);

/** A value as plain JavaScript. */
function plain(value: PickleValue): unknown {
  if (value instanceof PickleText) return value.toString();
  if (value instanceof PickleBytes) return [...value.all.subarray(value.start, value.start + value.length)];
  if (value instanceof PickleTuple) return value.items.map(plain);
  if (value instanceof PickleList || value instanceof PickleSet) return Array.from(value, plain);
  if (value instanceof PickleDict) return Object.fromEntries([...value.entries].map(([key, v]) => [key, plain(v)]));
  if (value instanceof NumpyArray) {
    return {
      shape: value.shape,
      values: Array.from({ length: value.length }, (_, i) => value.at(i)),
    };
  }
  if (value instanceof NumpyDtype) return `${value.kind}${value.size}`;
  return value;
}

/** Reads a pickle that must be refused, and gives the sentence. */
function refusal(data: Uint8Array): Error {
  const error = assertThrows(() => readPickle(data, "x.pkl", PUBLISHED), Error);
  assert(!(error instanceof TypeError || error instanceof RangeError), error.message);
  assertSentence(error, "x.pkl", "othing was run");
  return error;
}

for (const protocol of [2, 3, 4, 5]) {
  Deno.test(`values of Python and NumPy, protocol ${protocol}`, async () => {
    const data = await Deno.readFile(new URL(`values_protocol${protocol}.pkl`, folder));
    assertEquals(plain(readPickle(data, "values", PUBLISHED)), {
      f32: 1.5,
      f64: -2.5,
      i64: 2 ** 40,
      yes: true,
      fortran: { shape: [2, 3], values: [0, 1, 2, 3, 4, 5] },
      strided: { shape: [3, 2], values: [0, 2, 4, 6, 8, 10] },
      ints: { shape: [5], values: [-2, -1, 0, 1, 2] },
      bytes: { shape: [3], values: [0, 1, 2] },
      big: { shape: [3], values: [0, 1, 2] },
      half: { shape: [3], values: [0, 0.5, -2] },
      none: { shape: [0, 3], values: [] },
      single: { shape: [], values: [3] },
      set: [1, 2, 300],
      "no set": [],
      tuple: [1, "a", [0x78, 0xff], null, true, -5, 2 ** 40, 3.5],
      long: -(2n ** 60n),
      nested: [[1, 2], [3, [4]], { a: [1] }],
      text: "žluť 漢字 🙂",
      dtype: "f4",
      many: Array.from({ length: 1100 }, (_, i) => i),
      mixed: [1, 2, "x", 3],
      readonly: { shape: [4], values: [97, 98, 99, 100] },
      "no bytes": [],
    });
  });
}

Deno.test("an array is copied row by row, from any order and offset", async () => {
  const values = readPickle(
    await Deno.readFile(new URL("values_protocol4.pkl", folder)),
    "values",
    PUBLISHED,
  ) as PickleDict;
  for (const name of ["fortran", "strided"]) {
    const array = values.entries.get(name) as NumpyArray;
    const target = new Float32Array(4).fill(-1);
    array.copyTo(target, 1, 2, 2);
    assertEquals([...target], [-1, Number(array.at(2)), Number(array.at(3)), -1]);
  }
});

Deno.test("two passes over one list at once do not mix", async () => {
  const values = readPickle(
    await Deno.readFile(new URL("values_protocol4.pkl", folder)),
    "values",
    PUBLISHED,
  ) as PickleDict;
  const many = values.entries.get("many") as PickleList;
  const [a, b] = [many[Symbol.iterator](), many[Symbol.iterator]()];
  assertEquals([a.next().value, a.next().value, b.next().value, a.next().value, b.next().value], [0, 1, 0, 2, 1]);
});

const call = (module: string, name: string, ...args: Part[]): Part => [
  global(module, name),
  OP.MARK,
  ...args,
  OP.TUPLE,
  OP.REDUCE,
];
const dtype = (name: string) => call("numpy", "dtype", text(name), OP.NEWFALSE, OP.NEWTRUE);

for (
  const [what, named, parts] of [
    ["os.system", "os.system", [call("os", "system", text("echo ran"))]],
    ["os.system by GLOBAL", "posix.system", [OP.GLOBAL, "posix\nsystem\n", text("echo ran"), OP.TUPLE1, OP.REDUCE]],
    ["builtins.eval", "builtins.eval", [call("builtins", "eval", text("1"))]],
    ["a nested name", "numpy.core.os.system", [call("numpy.core", "os.system", text("echo ran"))]],
    ["NumPy's own runner", "numpy.testing._private.utils.runstring", [
      call("numpy.testing._private.utils", "runstring", text("1")),
    ]],
    ["an unknown class", "evil.Thing", [global("evil", "Thing"), OP.EMPTY_TUPLE, OP.NEWOBJ]],
    ["an unknown class beside the known ones", "ep.discovery.dictionary.Other", [
      global("ep.discovery.dictionary", "Other"),
      OP.EMPTY_TUPLE,
      OP.NEWOBJ,
    ]],
    ["a known class that is called", "a call of Dictionary", [call("ep.discovery.dictionary", "Dictionary")]],
    ["an object of NumPy's dtype", "not a known class", [global("numpy", "dtype"), OP.EMPTY_TUPLE, OP.NEWOBJ]],
    ["a subclass of ndarray", "class of its own", [
      call("numpy.core.multiarray", "_reconstruct", global("numpy", "dtype"), OP.EMPTY_TUPLE, OP.NONE),
    ]],
    ["an object array", '"O8"', [dtype("O8")]],
    ["a persistent id", "BINPERSID", [OP.NONE, 0x51]],
    ["the extension registry", "EXT1", [0x82, 1]],
    ["INST", "INST", [OP.MARK, 0x69, "os\nsystem\n"]],
    ["OBJ", "OBJ", [OP.MARK, OP.NONE, 0x6f]],
    ["NEWOBJ_EX", "NEWOBJ_EX", [OP.NONE, OP.NONE, OP.NONE, 0x92]],
    ["a buffer outside", "NEXT_BUFFER", [0x97]],
    ["a state for a class", "what is no object", [global("numpy", "ndarray"), OP.EMPTY_DICT, OP.BUILD]],
    ["bytes of a size", "bytes with arguments", [call("builtins", "bytes", [OP.BININT1, 9])]],
    ["another codec", "_codecs.encode", [call("_codecs", "encode", text("a"), text("rot13"))]],
    ["a whole number of a million digits", "415242 bytes", [OP.LONG4, little(415242, 4), new Uint8Array(415242)]],
    ["a name that breaks the line", "a?b.c", [global("a\nb", "c")]],
  ] satisfies [string, string, Part[]][]
) {
  Deno.test(`refused and named: ${what}`, () => {
    assertSentence(refusal(pickle(...parts)), named);
  });
}

for (
  const [what, data] of [
    ["nothing", bytes()],
    ["protocol 0", bytes("I1\n.")],
    ["protocol 6", bytes(OP.PROTO, 6, OP.NONE, OP.STOP)],
    ["no STOP", bytes(OP.PROTO, 4, OP.NONE)],
    ["bytes behind STOP", bytes(pickle(OP.NONE), 0)],
    ["an unknown opcode", pickle(0xff)],
    ["an empty stack", pickle()],
    ["a value too many", pickle(OP.NONE, OP.NONE)],
    ["a MARK left open", pickle(OP.MARK, OP.NONE)],
    ["values missing", pickle(OP.TUPLE2)],
    ["values below a MARK", pickle(OP.NONE, OP.MARK, OP.TUPLE1, OP.TUPLE)],
    ["a MARK missing", pickle(OP.NONE, OP.TUPLE)],
    ["a memo entry missing", pickle(OP.BINGET, 3)],
    ["a memo entry far off", pickle(OP.NONE, OP.LONG_BINPUT, little(2 ** 31, 4))],
    ["a text of 4 GB", pickle(OP.BINUNICODE, little(2 ** 32 - 1, 4))],
    ["bytes of 2^63", pickle(OP.BINBYTES8, little(2 ** 63, 8))],
    ["a frame past the end", pickle(OP.FRAME, little(2 ** 40, 8), OP.NONE)],
    ["a frame that ends within a text", pickle(OP.FRAME, little(2, 8), text("abc"))],
    ["an item for no list", pickle(OP.NONE, OP.NONE, OP.APPEND)],
    ["numbers for no list", pickle(OP.NONE, OP.MARK, OP.BININT1, 1, OP.APPENDS)],
    ["a key without a value", pickle(OP.EMPTY_DICT, OP.MARK, OP.NONE, OP.SETITEMS)],
    ["a list as a key", pickle(OP.EMPTY_DICT, OP.EMPTY_LIST, OP.NONE, OP.SETITEM)],
    ["arguments that are no tuple", pickle(global("numpy", "dtype"), OP.NONE, OP.REDUCE)],
    [
      "a scalar of too few bytes",
      pickle(call("numpy.core.multiarray", "scalar", dtype("f4"), [OP.SHORT_BINBYTES, 1, 0])),
    ],
    [
      "a shape of 10^30 values",
      pickle(call(
        "numpy.core.numeric",
        "_frombuffer",
        [OP.SHORT_BINBYTES, 1, 0],
        dtype("f8"),
        Array.from({ length: 3 }, () => [OP.LONG1, 5, little(10 ** 10, 5)]),
        OP.TUPLE3,
        text("C"),
      )),
    ],
  ] satisfies [string, Uint8Array][]
) {
  Deno.test(`damaged: ${what}`, () => void refusal(data));
}

Deno.test("a text that is not UTF-8 is a sentence, when it is looked at", () => {
  const value = readPickle(pickle(OP.SHORT_BINUNICODE, 1, 0xff), "x.pkl", PUBLISHED);
  assertSentence(assertThrows(() => String(value), Error), "not UTF-8");
});

Deno.test("sharing and cycles cost nothing", () => {
  const doubled: Part[] = Array.from({ length: 1000 }, (_, i) => [OP.MEMOIZE, OP.LONG_BINGET, little(i, 4), OP.TUPLE2]);
  assert(readPickle(pickle(OP.EMPTY_TUPLE, ...doubled), "laughs", PUBLISHED) instanceof PickleTuple);
  const list = readPickle(pickle(OP.EMPTY_LIST, OP.MEMOIZE, OP.BINGET, 0, OP.APPEND), "cycle", PUBLISHED) as PickleList;
  assertEquals([...list][0], list);
});
