/**
 * Reads a pickle of so many MiB that it fills with one kind of thing, and prints the most memory that the process ever took
 * for it, the file's own bytes included, as a multiple of the file's size.
 */
import { cpuUsage } from "node:process";
import { OP } from "../../src/files/pickle/opcodes.ts";
import { readPickle } from "../../src/files/pickle/pickle.ts";
import { bytes, global, little, type Part, text } from "../lib/pickle_bytes.ts";
import { PUBLISHED } from "../../src/partition/published_pickle.ts";

/** One array of a real dictionary: 2304 numbers, their dtype from the memo. */
const array: Part = [
  global("numpy._core.numeric", "_frombuffer"),
  [OP.MARK, OP.BYTEARRAY8, little(9216, 8), new Uint8Array(9216), OP.BINGET, 0, OP.BININT2, little(2304, 2), OP.TUPLE1],
  [text("C"), OP.TUPLE, OP.REDUCE],
];
const dtype: Part = [global("numpy", "dtype"), text("f4"), OP.NEWFALSE, OP.NEWTRUE, OP.TUPLE3, OP.REDUCE, OP.MEMOIZE];
const thousand: Part = [
  OP.MARK,
  Array.from({ length: 1000 }, (_, i) => [OP.BININT, little(70_000 + i, 4)]),
  OP.APPENDS,
];

/** What comes first, what then fills the file, and what comes last. */
const KINDS: Readonly<Record<string, readonly [Part, Part, Part?]>> = {
  arrays: [[dtype, OP.POP, OP.EMPTY_LIST], [array, OP.APPEND]],
  numbers: [OP.EMPTY_LIST, thousand],
  lists: [OP.NONE, OP.EMPTY_LIST],
  tuples: [OP.NONE, OP.TUPLE1],
  appended: [OP.EMPTY_LIST, [OP.NONE, OP.APPEND]],
  marks: [OP.NONE, OP.MARK],
  copies: [OP.NONE, OP.DUP],
  memo: [OP.EMPTY_LIST, [OP.MEMOIZE, OP.EMPTY_LIST]],
  texts: [OP.NONE, [OP.SHORT_BINUNICODE, 0]],
};

const [kind, mebibytes] = Deno.args;
const [first, then, last = []] = KINDS[kind];
readPickle(bytes(OP.PROTO, 4, OP.NONE, OP.STOP), "warm", PUBLISHED);
const [head, part, tail] = [bytes(OP.PROTO, 4, first), bytes(then), bytes(last, OP.STOP)];
const before = peakBytes();
const repeats = Math.floor((Number(mebibytes) * 2 ** 20 - head.length - tail.length) / part.length);
const file = new Uint8Array(head.length + repeats * part.length + tail.length);
file.set(head);
for (let i = 0; i < repeats; i++) file.set(part, head.length + i * part.length);
file.set(tail, file.length - tail.length);
const started = cpuUsage();
let outcome: unknown;
try {
  outcome = readPickle(file, kind, PUBLISHED);
} catch (error) {
  outcome = (error as Error).message;
}
const { user, system } = cpuUsage(started);
const seconds = (user + system) / 1e6;
const times = (peakBytes() - before) / file.length;
console.log(JSON.stringify({ times, seconds, refused: typeof outcome === "string" ? outcome : null }));

function peakBytes(): number {
  return 1024 * Number(/VmHWM:\s+(\d+)/.exec(Deno.readTextFileSync("/proc/self/status"))![1]);
}
