import { assertThrows } from "@std/assert";
import { type AnyKind, assertKind } from "../../src/compute/kinds.ts";
import { openBackend } from "../../src/compute/mod.ts";
import { assertSentence } from "../lib/sentence.ts";

const backend = await openBackend("cpu");

/** Of each kind what is one, and what is none. */
const KINDS: readonly [kind: AnyKind, values: readonly unknown[], others: readonly unknown[]][] = [
  ["null", [null], [undefined, 0]],
  ["boolean", [true, false], ["false", 0, null, new Boolean(true)]],
  ["number", [0, -1.5, Infinity], ["1", 1n, null, [1], new Number(1)]],
  ["string", ["", "a"], [1, ["a"], null, new URL("file:///a")]],
  ["function", [() => {}, Map], ["() => {}", {}]],
  ["numbers", [[], [1, 2]], [1, ["1"], [1, [2]], new Float32Array(2), { length: 0 }]],
  ["strings", [[], ["a"]], ["a", [1], ["a", null], new Set(["a"])]],
  ["list", [[], [1, "a"]], ["ab", new Float32Array(2), new Set(), { length: 0 }]],
  ["array", [[], [1, 2], new Float32Array(2)], [1, ["1"], new DataView(new ArrayBuffer(8)), "12"]],
  ["backend", [backend], ["cpu", {}, null, { upload: true }]],
  ["object", [{}, new Map(), backend], [null, [], "{}", () => {}]],
  [AbortSignal, [AbortSignal.timeout(0)], [new AbortController(), "x", null, {}]],
  [Map, [new Map()], [{}, new Set(), [["a", 1]], Map]],
  [["string", "numbers"], ["a", [1]], [1, ["a"]]],
];

Deno.test("a kind holds for its values, and says of others what they are instead", () => {
  for (const [kind, values, others] of KINDS) {
    for (const value of values) assertKind("it", value, kind);
    for (const value of others) {
      assertSentence(assertThrows(() => assertKind("it", value, kind), TypeError), "it to be");
    }
  }
});

Deno.test("what came is shown in a few words, whatever it is", () => {
  const long = "a".repeat(1000);
  // Without a prototype, or with one that says nothing.
  const odd = Object.assign(Object.create(null), { constructor: 3 });
  const shown: readonly [value: unknown, words: string][] = [
    ["3", 'found "3"'],
    [long, "aaa..."],
    [3n, "found 3n"],
    [NaN, "found NaN"],
    [undefined, "found undefined"],
    [[1, "4", [2]], 'found [1, "4", [...]]'],
    [Array(1e6).fill(0), "found [0, 0, 0, 0, ...]"],
    [{ a: 1 }, "found an object"],
    [odd, "found an object"],
    [new Float32Array(3), "found a Float32Array"],
    [new AbortController(), "found an AbortController"],
    [() => 3, "found a function"],
    [Symbol("a"), "found Symbol(a)"],
  ];
  for (const [value, words] of shown) {
    const { message } = assertThrows(() => assertKind("it", value, "boolean"), TypeError);
    if (!message.includes(words) || message.length > 200) throw new Error(message);
  }
});
