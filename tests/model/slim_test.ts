/** A graph without its weights is the same graph: what it refers to in the file is what was there. */
import { assert, assertEquals, assertGreater, assertLess, assertRejects } from "@std/assert";
import { ModelError } from "../../src/model/mod.ts";
import {
  decodeModel,
  ElementType,
  encodeModel,
  graphModel,
  type GraphProto,
  initializer,
  node,
  type TensorProto,
  valueInfo,
} from "../../src/compute/onnx/codec.ts";
import { type InferenceSession, nativeRuntime } from "../../src/compute/ort.ts";
import type { ByteFile } from "../../src/files/byte_file.ts";
import { GraphFile } from "../../src/model/graph_file.ts";
import { slimModel } from "../../src/model/slim.ts";
import { inFolder } from "../lib/folder.ts";
import { assertSentence } from "../lib/sentence.ts";
import { assertSameBits, ORT_TEST } from "./toy.ts";

/** A matrix of this side has 256 KiB; tensors below 64 KiB stay in the graph. */
const SIDE = 256;

function matrix(name: string, seed: number): TensorProto {
  const values = Float32Array.from({ length: SIDE * SIDE }, (_, i) => Math.sin(seed + i * 78.233));
  return initializer(name, ElementType.float32, [SIDE, SIDE], values);
}

/** The same tensor with its numbers in `float_data`, packed, as older exporters write them. */
function packed(tensor: TensorProto): TensorProto {
  const length: number[] = [];
  for (let rest = tensor.rawData.length; rest > 0; rest >>= 7) length.push(rest & 127 | (rest > 127 ? 128 : 0));
  const data = Uint8Array.from([...length, ...tensor.rawData]);
  tensor.$unknown = [...tensor.$unknown ?? [], { no: 4, wireType: 2, data }];
  // Not empty but absent: onnxruntime takes raw data that is there.
  delete (tensor as Partial<TensorProto>).rawData;
  return tensor;
}

/** `y` of `x` and weights of every kind; the branch that holds its own is taken where `wanted` is true. */
function manyKinds(): Uint8Array<ArrayBuffer> {
  const branch = (own: TensorProto): GraphProto => {
    const output = `${own.name}_result`;
    const graph = graphModel({
      nodes: [node("MatMul", ["plus", own.name], [output])],
      inputs: [],
      outputs: [valueInfo(output, ElementType.float32, ["rows", SIDE])],
      initializers: [own],
    }).graph!;
    return graph;
  };
  return encodeModel(graphModel({
    nodes: [
      node("MatMul", ["x", "raw"], ["first"]),
      node("MatMul", ["first", "floats"], ["second"]),
      node("Constant", [], ["constant"], { value: matrix("value", 5) }),
      node("MatMul", ["second", "constant"], ["third"]),
      node("Add", ["third", "small"], ["plus"]),
      node("If", ["wanted"], ["y"], {
        then_branch: branch(matrix("inner", 3)),
        else_branch: branch(matrix("other", 4)),
      }),
    ],
    inputs: [valueInfo("x", ElementType.float32, ["rows", SIDE]), valueInfo("wanted", ElementType.bool, [])],
    outputs: [valueInfo("y", ElementType.float32, ["rows", SIDE])],
    initializers: [
      matrix("raw", 1),
      packed(matrix("floats", 2)),
      initializer("small", ElementType.float32, [SIDE], new Float32Array(SIDE).fill(0.5)),
    ],
  }));
}

async function outputsOf(session: InferenceSession): Promise<Float32Array[]> {
  const { Tensor } = await nativeRuntime();
  const x = new Tensor("float32", Float32Array.from({ length: 3 * SIDE }, (_, i) => Math.cos(i)), [3, SIDE]);
  const outputs: Float32Array[] = [];
  for (const wanted of [1, 0]) {
    const { y } = await session.run({ x, wanted: new Tensor("bool", Uint8Array.of(wanted), []) });
    outputs.push(y.data as Float32Array);
  }
  await session.release();
  return outputs;
}

Deno.test({
  name: "the slim graph, its weights mapped from the file, gives what the whole file gives, bit for bit",
  ...ORT_TEST,
  fn: () =>
    inFolder(async (folder) => {
      const path = `${folder}/model.onnx`;
      const bytes = manyKinds();
      await Deno.writeFile(path, bytes);
      const file = await GraphFile.read(path);
      // Five matrices are left out, in a node and in the branches too; the vector is not.
      assertLess(file.bytes.length, 10_000);
      assertGreater(file.bytes.length, SIDE * 4);
      const graph = file.decode().graph!;
      const located = graph.initializer.filter(({ externalData }) => externalData.length > 0).map(({ name }) => name);
      assertEquals(located, ["raw", "floats"]);
      assertEquals(file.weightBytes, 5 * SIDE * SIDE * 4 + SIDE * 4);

      const { InferenceSession } = await nativeRuntime();
      const expected = await outputsOf(await InferenceSession.create(path));
      const actual = await outputsOf(await file.open("cpu", file.decode()));
      assert(expected[0].some((value, i) => value !== expected[1][i]));
      actual.forEach((values, i) => assertSameBits(values, expected[i], `branch ${i}`));
    }),
});

/** Bytes as a file. */
function inMemory(bytes: Uint8Array<ArrayBuffer>): ByteFile {
  return {
    path: "in memory",
    size: bytes.length,
    read(start: number, into: Uint8Array<ArrayBuffer>) {
      if (start + into.length > bytes.length) return Promise.reject(new Error("Expected to read within the file"));
      into.set(bytes.subarray(start, start + into.length));
      return Promise.resolve(into);
    },
    [Symbol.dispose]: () => {},
  };
}

Deno.test("a graph all of whose tensors are small stays as it is, byte for byte", async () => {
  const small = graphModel({
    nodes: [node("Add", ["x", "w"], ["y"])],
    inputs: [valueInfo("x", ElementType.float32, ["n"])],
    outputs: [valueInfo("y", ElementType.float32, ["n"])],
    initializers: [initializer("w", ElementType.float32, [1], Float32Array.of(2))],
  });
  const bytes = encodeModel(small);
  assertEquals(await slimModel(inMemory(bytes), "elsewhere"), bytes);
});

Deno.test("what is referred to is where the numbers are", async () => {
  const bytes = manyKinds();
  const slim = decodeModel(await slimModel(inMemory(bytes), "elsewhere"));
  for (const [i, name] of ["raw", "floats"].entries()) {
    const tensor = slim.graph!.initializer.find((tensor) => tensor.name === name)!;
    const entries = Object.fromEntries(tensor.externalData.map(({ key, value }) => [key, value]));
    assertEquals([entries.location, Number(entries.length)], ["elsewhere", SIDE * SIDE * 4]);
    const offset = Number(entries.offset);
    assertEquals(bytes.slice(offset, offset + SIDE * SIDE * 4), matrix(name, i + 1).rawData);
    assertEquals([tensor.rawData.length, tensor.$unknown?.some(({ no }) => no === 4) ?? false], [0, false]);
  }
});

Deno.test("a file that ends too early, or whose lengths lie, is refused wherever that is", async () => {
  const bytes = manyKinds();
  // The graph's own field ends before the operator sets, some bytes from the end.
  for (let at = 1; at < bytes.length - 20; at += 4093) {
    await assertRejects(() => slimModel(inMemory(bytes.slice(0, at)), ""), Error, "Expected");
  }
  // A matrix's length, its lowest seven bits and the next, made larger: it would reach into what follows its tensor.
  const length = [0x80, 0x80, 0x10];
  const places = [...bytes.keys()].filter((i) => length.every((value, j) => bytes[i + j] === value));
  assertGreater(places.length, 3);
  for (const place of places.slice(0, 4)) {
    const lying = bytes.slice();
    lying[place + 2] = 0x11;
    await assertRejects(() => slimModel(inMemory(lying), ""), Error, "Expected a field that ends by byte");
  }
  await inFolder(async (folder) => {
    const path = `${folder}/model.onnx`;
    await Deno.writeFile(path, bytes.subarray(0, bytes.length >> 1));
    const error = await assertRejects(() => GraphFile.read(path), ModelError);
    assertSentence(error, path, `its ${bytes.length >> 1} bytes`, "fetch or copy it again");
  });
});
