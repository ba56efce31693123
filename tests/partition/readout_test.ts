/** Read-outs worked by hand. */
import { assertEquals, assertLess, assertRejects } from "@std/assert";
import { type ActivationBatch, Batch } from "../../src/activations/mod.ts";
import { type Backend, Random } from "../../src/compute/mod.ts";
import { type Basis, Dictionary, type Readout } from "../../src/partition/mod.ts";
import { otsuCut } from "../../src/partition/readout.ts";
import { backendTest } from "../lib/backends.ts";
import { assertSentence } from "../lib/sentence.ts";
import { at, degrees, rowsOf } from "./streams.ts";

const CENTER = [1, 2];

/** A dictionary with a region at each of these directions from the center. */
async function regionsAt(backend: Backend, threshold: number, ...directions: [number, number][]): Promise<Dictionary> {
  const dictionary = await Dictionary.create({ center: Float32Array.from(CENTER), threshold }, { backend });
  await dictionary.add(fromCenter(...directions));
  return dictionary;
}

function fromCenter(...rows: [number, number][]): ActivationBatch {
  return rowsOf(...rows.map(([x, y]) => [x + CENTER[0], y + CENTER[1]]));
}

function assertNear(found: ArrayLike<number>, expected: readonly number[], message = ""): void {
  assertEquals(found.length, expected.length, message);
  expected.forEach((value, i) => assertLess(Math.abs(found[i] - value), 2e-6, `${message} ${[...found as number[]]}`));
}

const CASES: [Readout, number | undefined, number[]][] = [
  ["signed", undefined, [3, 4, -3, 5]],
  ["cosine", undefined, [0.6, 0.8, -0.6, 1]],
  ["topk", undefined, [0, 0, 0, 5]],
  ["topk", 2, [0, 4, 0, 5]],
  ["topk", 4, [3, 4, 0, 5]],
  ["topk", 99, [3, 4, 0, 5]],
  ["topk_norm", 1, [0, 0, 0, 1]],
  ["topk_norm", 3, [0.6, 0.8, 0, 1]],
  ["binary", undefined, [0, 0, 0, 1]],
  // Between-class variances of the cuts after -0.6, 0.6 and 0.8: 3 * 1.4^2, 4 * 0.9^2, 3 * (11/15)^2.
  ["otsu", undefined, [0.6, 0.8, 0, 1]],
];

backendTest("every read-out of one activation, as worked by hand", async (backend) => {
  using dictionary = await regionsAt(backend, 0.1, [1, 0], [0, 2], [-3, 0], [0.6, 0.8]);
  assertEquals(dictionary.size, 4);
  const query = fromCenter([3, 4]);
  const expected = new Map<string, number[]>();
  for (const [kind, k, values] of CASES) {
    for (const basis of ["mean", "exemplar"] as Basis[]) {
      assertNear(await dictionary.readout(query, { kind, k, basis }), values, `${kind} ${k} ${basis}`);
    }
    expected.set(kind, values);
  }
  assertNear(await dictionary.similarities(query), expected.get("cosine")!);
});

backendTest("rows that hardly have a direction are read out as next to nothing", async (backend) => {
  const random = new Random(5);
  for (const dim of [3, 700]) {
    const center = Float32Array.from({ length: dim }, (_, j) => j === 0 ? 1.6 : 1e-7 * random.normal());
    using dictionary = await Dictionary.create({ center, threshold: 0.1 }, { backend });
    const away = center.map((value) => value + random.normal());
    await dictionary.add({ data: away, rows: 1, dim });
    // About as far away from the center as a row must be, to sides where it is nearly nothing and numbers are fine.
    const data = Float32Array.from({ length: 300 * dim }, (_, i) => center[i % dim]);
    for (let row = 0; row < 300; row++) {
      const side = Float64Array.from({ length: dim }, (_, j) => j === 0 ? 0 : random.normal());
      const length = 1.6 * 2 ** -20 * (1 + 1e-7 * random.normal()) / Math.hypot(...side);
      side.forEach((value, j) => data[row * dim + j] += length * value);
    }
    const values = await dictionary.readout({ data, rows: 300, dim }, { kind: "signed" });
    assertLess(Math.max(...values.map(Math.abs)), 2e-6);
  }
});

backendTest("rows are read out one by one, and the center itself is nothing", async (backend) => {
  using dictionary = await regionsAt(backend, 0.1, [1, 0], [0, 1]);
  const query = fromCenter([3, 4], [0, 0], [-2, -1]);
  const read = (kind: Readout) => dictionary.readout(query, { kind });
  assertNear(await read("signed"), [3, 4, 0, 0, -2, -1]);
  assertNear(await read("topk"), [0, 4, 0, 0, 0, 0]);
  // Which region it is nearest to, nothing says.
  for (const kind of ["cosine", "topk_norm", "binary", "otsu"] as const) {
    await assertRejects(
      () => read(kind),
      Error,
      "row 1 of a batch that does not say where its rows come from lies on it",
    );
  }
  assertEquals(
    (await dictionary.readout({ ...query, data: new Float32Array(0), rows: 0 }, { kind: "signed" })).length,
    0,
  );
});

backendTest("of equal values the lower region comes first", async (backend) => {
  using dictionary = await regionsAt(backend, 0.1, [-1, 0], [1, 0], [0, 1]);
  const query = fromCenter([2, 2]);
  assertNear(await dictionary.readout(query, { kind: "topk", k: 1 }), [0, 2, 0]);
  assertNear(await dictionary.readout(query, { kind: "topk", k: 2 }), [0, 2, 2]);
  assertNear(await dictionary.readout(query, { kind: "binary" }), [0, 1, 0]);
  assertNear(await dictionary.readout(query, { kind: "otsu" }), [0, Math.SQRT1_2, Math.SQRT1_2]);
  await dictionary.add(fromCenter([4, 3]));
  assertNear(await dictionary.readout(query, { kind: "topk", k: 2 }), [0, 2, 0, 2.8]);
});

backendTest("the bases differ where members differ from their exemplar", async (backend) => {
  using dictionary = await regionsAt(backend, degrees(45), at(0), at(40));
  assertEquals(dictionary.size, 1);
  const query = fromCenter(at(20).map((value) => 7 * value) as [number, number]);
  assertNear(await dictionary.readout(query, { kind: "signed", basis: "mean" }), [7]);
  assertNear(await dictionary.readout(query, { kind: "signed", basis: "exemplar" }), [7 * Math.cos(Math.PI / 9)]);
  assertNear(await dictionary.readout(query, { kind: "signed" }), [7], "the default is the mean");
  assertNear(await dictionary.similarities(query), [Math.cos(Math.PI / 9)], "similarities are to exemplars");
  assertNear(await dictionary.decode(Float32Array.of(2)), [1 + 2 * at(20)[0], 2 + 2 * at(20)[1]]);
  assertNear(await dictionary.decode(Float32Array.of(2, 0), { basis: "exemplar" }), [3, 2, 1, 2]);
});

backendTest("a batch that lives on the backend only is read out too", async (backend) => {
  using dictionary = await regionsAt(backend, 0.1, [1, 0], [0, 1]);
  const { data, rows, dim } = fromCenter([3, 4], [-2, -1]);
  using matrix = backend.upload(data.slice(), rows, dim);
  for (const kind of ["signed", "topk", "otsu"] as const) {
    assertEquals(
      await dictionary.readout(Batch.onBackend(matrix), { kind }),
      await dictionary.readout({ rows, dim, data }, { kind }),
    );
  }
});

backendTest(
  "decode is features times directions plus center, and refuses features of another size",
  async (backend) => {
    using dictionary = await regionsAt(backend, 0.1, [1, 0], [0, 1], [-1, 0]);
    assertNear(await dictionary.decode(Float32Array.of(2, 3, 5, 0, 0, 0)), [-2, 5, 1, 2]);
    assertEquals((await dictionary.decode(new Float32Array(0))).length, 0);
    const error = await assertRejects(() => dictionary.decode(new Float32Array(4)), RangeError);
    assertSentence(error, "3 regions a row", "4 numbers");
  },
);

backendTest("an empty dictionary reads out nothing", async (backend) => {
  using dictionary = await Dictionary.create({ center: new Float32Array(2), threshold: 0.5 }, { backend });
  for (const kind of ["signed", "topk", "binary", "otsu"] as const) {
    assertEquals((await dictionary.readout(rowsOf([1, 2], [3, 4]), { kind })).length, 0);
  }
  assertEquals((await dictionary.decode(new Float32Array(0))).length, 0);
  await assertRejects(() => dictionary.decode(new Float32Array(2)), RangeError);
});

backendTest("read-outs that there are none of are refused with a sentence", async (backend) => {
  using dictionary = await regionsAt(backend, 0.1, [1, 0]);
  for (const kind of ["softmax", "toString"]) {
    const options = { kind: kind as Readout };
    const error = await assertRejects(() => dictionary.readout(rowsOf([1, 2]), options), RangeError);
    assertSentence(error, "signed, cosine, topk, topk_norm, binary, otsu", `"${kind}"`);
  }
  for (const k of [0, -1, 1.5, NaN]) {
    const error = await assertRejects(() => dictionary.readout(rowsOf([1, 2]), { kind: "topk", k }), RangeError);
    assertSentence(error, "at least 1", String(k));
  }
});

Deno.test("Otsu's cut is the largest value of the lower class", () => {
  const cuts: [number[], number][] = [
    [[1, 0.25, 0, 0.75], 0.25],
    [[0, 0, 0, 1, 1, 10], 1],
    [[-0.5, 2], -0.5],
    // Both cuts have the same variance: the lower one is taken, and more is kept.
    [[1, -1, 0], -1],
    [[3, 3, 3], -Infinity],
    [[7], -Infinity],
    [[], -Infinity],
  ];
  for (const [values, cut] of cuts) assertEquals(otsuCut(Float32Array.from(values)), cut, String(values));
});
