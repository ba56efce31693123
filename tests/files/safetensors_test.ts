import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { float32Tensor, readSafetensors, type Tensor, writeSafetensors } from "../../src/files/mod.ts";
import { inFolder } from "../lib/folder.ts";
import { mutations } from "../lib/mutations.ts";
import { assertSentence } from "../lib/sentence.ts";

/** A file put together as the format's description says, without the writer. */
function file(header: unknown, data: Uint8Array, length?: bigint): Uint8Array<ArrayBuffer> {
  const text = new TextEncoder().encode(typeof header === "string" ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + text.length + data.length);
  new DataView(bytes.buffer).setBigUint64(0, length ?? BigInt(text.length), true);
  bytes.set(text, 8);
  bytes.set(data, 8 + text.length);
  return bytes;
}

const TENSORS = new Map<string, Tensor>([
  ["W_dec", float32Tensor(Float32Array.of(1, 2, 3, 4, 5, 6), [3, 2])],
  ["steps", { dtype: "int64", shape: [], data: BigInt64Array.of(5061n) }],
  ["half", { dtype: "float16", shape: [3], data: Float16Array.of(0.5, -1, 2) }],
  ["brain", { dtype: "bfloat16", shape: [1, 2], data: Uint16Array.of(0x3f80, 0xbf80) }],
  ["flags", { dtype: "bool", shape: [3], data: Uint8Array.of(1, 0, 1) }],
  ["empty", float32Tensor(new Float32Array(), [2, 0])],
  ["12", { dtype: "uint8", shape: [1], data: Uint8Array.of(9) }],
  ["__proto__", { dtype: "int32", shape: [1], data: Int32Array.of(-9) }],
]);

Deno.test("tensors and metadata come back from a safetensors file bit for bit", () =>
  inFolder(async (folder) => {
    const [path, again] = [`${folder}/a.safetensors`, `${folder}/b.safetensors`];
    await writeSafetensors(path, TENSORS, { model: "toy, 4層" });
    const { tensors, metadata } = await readSafetensors(path);
    assertEquals(metadata, { model: "toy, 4層" });
    assertEquals(tensors.size, TENSORS.size);
    for (const [name, tensor] of TENSORS) assertEquals(tensors.get(name), tensor);
    assertEquals([...(await readSafetensors(path, ["half", "12"])).tensors.keys()].toSorted(), ["12", "half"]);
    await writeSafetensors(again, TENSORS, { model: "toy, 4層" });
    assertEquals(await Deno.readFile(path), await Deno.readFile(again));
    await writeSafetensors(again, new Map());
    assertEquals(await readSafetensors(again), { tensors: new Map(), outline: new Map(), metadata: {} });
  }));

Deno.test("the bytes written are the format's: length, JSON, tensors without gaps, each aligned", () =>
  inFolder(async (folder) => {
    const path = `${folder}/a.safetensors`;
    await writeSafetensors(path, TENSORS);
    const bytes = await Deno.readFile(path);
    const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
    assertEquals(length % 8, 0);
    type Entry = { dtype: string; shape: number[]; data_offsets: [number, number] };
    const { __metadata__: _, ...header }: Record<string, Entry> = JSON.parse(
      new TextDecoder().decode(bytes.subarray(8, 8 + length)),
    );
    assertEquals(header.W_dec, { dtype: "F32", shape: [3, 2], data_offsets: [8, 32] });
    assertEquals([...new Float32Array(bytes.slice(8 + length + 8, 8 + length + 32).buffer)], [1, 2, 3, 4, 5, 6]);
    const ranges = Object.values(header).map(({ data_offsets }) => data_offsets).sort(([a, b], [c, d]) =>
      a - c || b - d
    );
    assertEquals(ranges.at(-1)![1], bytes.length - 8 - length);
    ranges.forEach(([start], i) => assertEquals(start, i > 0 ? ranges[i - 1][1] : 0));
  }));

Deno.test("a file of another writer is read: unaligned, padded, in any order", () =>
  inFolder(async (folder) => {
    const path = `${folder}/a.safetensors`;
    const data = new Uint8Array([7, ...new Uint8Array(Float32Array.of(1.5, -2).buffer)]);
    const header =
      '{"b":{"shape":[2],"data_offsets":[1,9],"dtype":"F32"},"a":{"dtype":"U8","shape":[],"data_offsets":[0,1]}}   ';
    await Deno.writeFile(path, file(header, data));
    assertEquals([...(await readSafetensors(path)).tensors], [
      ["a", { dtype: "uint8", shape: [], data: Uint8Array.of(7) }],
      ["b", { dtype: "float32", shape: [2], data: Float32Array.of(1.5, -2) }],
    ]);
  }));

Deno.test("a tensor of a type that is not read hides no other, and is refused when it is asked for", () =>
  inFolder(async (folder) => {
    const path = `${folder}/a.safetensors`;
    const small = { dtype: "F8_E4M3", shape: [4], data_offsets: [8, 12] };
    await Deno.writeFile(
      path,
      file({ a: { dtype: "F32", shape: [2], data_offsets: [0, 8] }, small }, new Uint8Array(12)),
    );
    const { tensors, outline } = await readSafetensors(path);
    assertEquals([...tensors.keys()], ["a"]);
    assertEquals(tensors.get("b"), undefined);
    assertEquals(outline.get("small"), { dtype: "F8_E4M3", shape: [4] });
    assertSentence(assertThrows(() => tensors.get("small"), Error), path, "F8_E4M3");
    assertSentence(await assertRejects(() => readSafetensors(path, ["small"]), Error), path, "F8_E4M3");
  }));

Deno.test("headers that lie are refused with what is wrong", () =>
  inFolder(async (folder) => {
    const path = `${folder}/a.safetensors`;
    const rejects = async (bytes: Uint8Array<ArrayBuffer>, part: string) => {
      await Deno.writeFile(path, bytes);
      assertSentence(await assertRejects(() => readSafetensors(path), Error), path, part);
    };
    const tensor = (offsets: unknown, shape: unknown = [2], dtype = "F32") => ({ dtype, shape, data_offsets: offsets });
    const eight = new Uint8Array(8);
    await rejects(new Uint8Array(5), "5 bytes");
    await rejects(file({}, eight, 2n ** 63n), "9223372036854775808 bytes long");
    await rejects(file({}, eight, 11n), "11 bytes long");
    await rejects(file("{nonsense", eight), "not JSON");
    await rejects(file([1], eight), "not a JSON object");
    await rejects(file({ a: 1 }, eight), "says nothing of a");
    await rejects(file({ a: tensor([0, 8], [2], "F8_E4M3") }, eight), "F8_E4M3");
    await rejects(file({ a: tensor([0, 8], [3]) }, eight), "shape (3)");
    await rejects(file({ a: tensor([0, 8], [-2]) }, eight), "shape of a is [-2]");
    await rejects(file({ a: tensor([0, 8], [1e300, 1e300]) }, eight), "shape of a");
    await rejects(file({ a: tensor([0, 8], "2") }, eight), "shape of a");
    await rejects(file({ a: tensor([8, 0]) }, eight), "offsets of a are [8,0]");
    await rejects(file({ a: tensor([-8, 0]) }, eight), "offsets of a");
    await rejects(file({ a: tensor([0, 8, 9]) }, eight), "offsets of a");
    await rejects(file({ a: tensor([0.5, 8.5]) }, eight), "offsets of a");
    await rejects(file({ a: tensor([0, 8]), b: tensor([4, 12]) }, new Uint8Array(12)), "b begins at byte 4, not at 8");
    await rejects(
      file({ a: tensor([0, 8]), b: tensor([12, 20]) }, new Uint8Array(20)),
      "b begins at byte 12, not at 8",
    );
    await rejects(file({ a: tensor([0, 8]) }, new Uint8Array(7)), "take 8 bytes and the file has 7");
    await rejects(file({ a: tensor([0, 8]) }, new Uint8Array(9)), "take 8 bytes and the file has 9");
    await rejects(file({ __metadata__: { a: 1 } }, new Uint8Array()), "metadata are not strings");
    await writeSafetensors(path, TENSORS);
    const error = await assertRejects(() => readSafetensors(path, ["W_enc"]), Error);
    assertSentence(error, "W_enc", "steps, W_dec");
    assertSentence(await assertRejects(() => readSafetensors(`${folder}/none`), Error), "no such file");
  }));

Deno.test("a changed file is refused, or its tensors are as its header says", () =>
  inFolder(async (folder) => {
    const path = `${folder}/a.safetensors`;
    await writeSafetensors(path, TENSORS, { a: "b" });
    const whole = await Deno.readFile(path);
    let refused = 0;
    for (const bytes of mutations(whole, 300)) {
      await Deno.writeFile(path, bytes);
      try {
        for (const { shape, data } of (await readSafetensors(path)).tensors.values()) {
          assertEquals(data.length, shape.reduce((product, length) => product * length, 1));
        }
      } catch (error) {
        assertSentence(error as Error);
        refused++;
      }
    }
    assertEquals(refused > 150, true, `only ${refused} of 300 refused`);
  }));

Deno.test("a tensor named as the metadata is, or of another size than its shape, is not written", () =>
  inFolder(async (folder) => {
    const path = `${folder}/a.safetensors`;
    const tensor = float32Tensor(Float32Array.of(1), [1]);
    const named = new Map([["__metadata__", tensor]]);
    assertSentence(await assertRejects(() => writeSafetensors(path, named), Error), "__metadata__");
    const short = new Map([["a", { ...tensor, shape: [2] }]]);
    assertSentence(await assertRejects(() => writeSafetensors(path, short), Error), "to hold 2 numbers");
    assertEquals([...Deno.readDirSync(folder)], []);
  }));

Deno.test("a pointer of Git LFS is told as what it is", () =>
  inFolder(async (folder) => {
    const path = `${folder}/model.safetensors`;
    await Deno.writeTextFile(path, "version https://git-lfs.github.com/spec/v1\noid sha256:aa\nsize 3\n");
    assertSentence(await assertRejects(() => readSafetensors(path)) as Error, "Git LFS", "git lfs pull");
  }));
