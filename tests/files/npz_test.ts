import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { float32Tensor, readNpz, type Tensor, toFloat32, writeNpz } from "../../src/files/mod.ts";
import { formatNpy, parseNpy } from "../../src/files/npy.ts";
import { ZipWriter } from "../../src/files/zip.ts";
import { inFolder } from "../lib/folder.ts";
import { mutations } from "../lib/mutations.ts";
import { assertSentence } from "../lib/sentence.ts";

/**
 * Written by NumPy 2: `savez_compressed(fortran=asfortranarray(arange(24.).reshape(2, 3, 4)), half=float16 [1.5, -2, 65504],
 * long=[[1, 2 ** 40]], single=int32 7, empty=zeros((0, 3), float32), flags=[True, False])`.
 */
const NUMPY = [
  "UEsDBC0AAAAIAAAAIQC4Hljr//////////8LABQAZm9ydHJhbi5ucHkBABAAQAEAAAAAAACJAAAAAAAAAJvsF+obEMnIUMZQrZ6SWpxcpG6loG",
  "6TZqGuo6Cell9UUpSYF59flJIKEg8pKk0FChdnJBakArkaRjoKxjoKJpo6CrUKZAIuBhSg4QChBaC0AZRWgNImUPqDPYTWgvJFoLQhlFaC0qZQ",
  "mgFK60BpCShtBKVVoLQZlOaA0npQWgZKG0NpNSht7gAAUEsDBC0AAAAIAAAAIQDoGG3B//////////8IABQAaGFsZi5ucHkBABAAhgAAAAAAAA",
  "BKAAAAAAAAAJvsF+obEMnIUMZQrZ6SWpxcpG6loG6TZqSuo6Cell9UUpSYF59flJIKEndLzClOBYoXZyQWpAL5GsY6mjoKtQoUAC4GO4YD/6sB",
  "UEsDBC0AAAAIAAAAIQCD0Y+V//////////8IABQAbG9uZy5ucHkBABAAkAAAAAAAAABMAAAAAAAAAJvsF+obEMnIUMZQrZ6SWpxcpG6loG6Taa",
  "Guo6Cell9UUpSYF59flJIKEndLzClOBYoXZyQWpAL5GoY6CkaaOgq1CmQDLkYGJADkAABQSwMELQAAAAgAAAAhAAwtsbT//////////woAFABz",
  "aW5nbGUubnB5AQAQAIQAAAAAAAAARgAAAAAAAACb7BfqGxDJyFDGUK2eklqcXKRupaBuk2mirqOgnpZfVFKUmBefX5SSChJ3S8wpTgWKF2ckFq",
  "QC+RqaOgq1ChQBLnYGBgYAUEsDBC0AAAAIAAAAIQCjaFJ3//////////8JABQAZW1wdHkubnB5AQAQAIAAAAAAAAAARgAAAAAAAACb7BfqGxDJ",
  "yFDGUK2eklqcXKRupaBuk2airqOgnpZfVFKUmBefX5SSChJ3S8wpTgWKF2ckFqQC+RoGOgrGmjoKtQpkAy4AUEsDBC0AAAAIAAAAIQDuGbtd//",
  "////////8JABQAZmxhZ3MubnB5AQAQAIIAAAAAAAAARgAAAAAAAACb7BfqGxDJyFDGUK2eklqcXKRupaBek2SorqOgnpZfVFKUmBefX5SSChJ3",
  "S8wpTgWKF2ckFqQC+RpGOpo6CrUKFAAuRgYAUEsBAi0DLQAAAAgAAAAhALgeWOuJAAAAQAEAAAsAAAAAAAAAAAAAAIABAAAAAGZvcnRyYW4ubn",
  "B5UEsBAi0DLQAAAAgAAAAhAOgYbcFKAAAAhgAAAAgAAAAAAAAAAAAAAIABxgAAAGhhbGYubnB5UEsBAi0DLQAAAAgAAAAhAIPRj5VMAAAAkAAA",
  "AAgAAAAAAAAAAAAAAIABSgEAAGxvbmcubnB5UEsBAi0DLQAAAAgAAAAhAAwtsbRGAAAAhAAAAAoAAAAAAAAAAAAAAIAB0AEAAHNpbmdsZS5ucH",
  "lQSwECLQMtAAAACAAAACEAo2hSd0YAAACAAAAACQAAAAAAAAAAAAAAgAFSAgAAZW1wdHkubnB5UEsBAi0DLQAAAAgAAAAhAO4Zu11GAAAAggAA",
  "AAkAAAAAAAAAAAAAAIAB0wIAAGZsYWdzLm5weVBLBQYAAAAABgAGAEsBAABUAwAAAAA=",
].join("");

/** One of every dtype that NumPy has. */
const SAMPLES = new Map<string, Tensor>([
  ["W_enc", float32Tensor(Float32Array.of(1, -2.5, 3e-40, Infinity, 0, 6), [2, 3])],
  ["double", { dtype: "float64", shape: [1, 1, 2], data: Float64Array.of(Math.PI, -0) }],
  ["half", { dtype: "float16", shape: [2], data: Float16Array.of(0.1, -7) }],
  ["long", { dtype: "int64", shape: [2], data: BigInt64Array.of(-1n, 2n ** 62n) }],
  ["unsigned long", { dtype: "uint64", shape: [1], data: BigUint64Array.of(2n ** 64n - 1n) }],
  ["int", { dtype: "int32", shape: [], data: Int32Array.of(-7) }],
  ["unsigned", { dtype: "uint32", shape: [1], data: Uint32Array.of(4e9) }],
  ["short", { dtype: "int16", shape: [1], data: Int16Array.of(-300) }],
  ["unsigned short", { dtype: "uint16", shape: [1], data: Uint16Array.of(60_000) }],
  ["byte", { dtype: "int8", shape: [3], data: Int8Array.of(-1, 0, 1) }],
  ["unsigned byte", { dtype: "uint8", shape: [1], data: Uint8Array.of(255) }],
  ["flags", { dtype: "bool", shape: [2], data: Uint8Array.of(1, 0) }],
  ["empty", { dtype: "float32", shape: [0, 5], data: new Float32Array() }],
]);

Deno.test("every dtype comes back from an npz file bit for bit, in the order written", () =>
  inFolder(async (folder) => {
    await writeNpz(`${folder}/a.npz`, SAMPLES);
    assertEquals([...await readNpz(`${folder}/a.npz`)], [...SAMPLES]);
    const some = await readNpz(`${folder}/a.npz`, ["flags", "W_enc"]);
    assertEquals([...some.keys()], ["flags", "W_enc"]);
    await writeNpz(`${folder}/b.npz`, SAMPLES);
    assertEquals(await Deno.readFile(`${folder}/a.npz`), await Deno.readFile(`${folder}/b.npz`));
  }));

Deno.test("NumPy's own compressed file is read, Fortran order too", () =>
  inFolder(async (folder) => {
    const path = `${folder}/numpy.npz`;
    await Deno.writeFile(path, Uint8Array.fromBase64(NUMPY));
    assertEquals([...await readNpz(path)], [
      ["fortran", { dtype: "float64", shape: [2, 3, 4], data: Float64Array.from({ length: 24 }, (_, i) => i) }],
      ["half", { dtype: "float16", shape: [3], data: Float16Array.of(1.5, -2, 65504) }],
      ["long", { dtype: "int64", shape: [1, 2], data: BigInt64Array.of(1n, 2n ** 40n) }],
      ["single", { dtype: "int32", shape: [], data: Int32Array.of(7) }],
      ["empty", { dtype: "float32", shape: [0, 3], data: new Float32Array() }],
      ["flags", { dtype: "bool", shape: [2], data: Uint8Array.of(1, 0) }],
    ]);
  }));

Deno.test("the embedded autoencoder's file has the shapes that its description gives", async () => {
  const tensors = await readNpz("fixtures/sae/params.npz");
  assertEquals(
    Object.fromEntries([...tensors].map(([name, { dtype, shape }]) => [name, `${dtype} ${shape.join(" x ")}`])),
    {
      W_enc: "float32 192 x 2048",
      b_enc: "float32 2048",
      threshold: "float32 2048",
      W_dec: "float32 2048 x 192",
      b_dec: "float32 192",
    },
  );
});

Deno.test("numbers become float32: half, brain half, integers; 64-bit integers are refused", () => {
  const floats = (tensor: Tensor) => [...toFloat32(tensor)];
  assertEquals(floats(SAMPLES.get("half")!), [Math.fround(Float16Array.of(0.1)[0]), -7]);
  assertEquals(
    floats({ dtype: "bfloat16", shape: [4], data: Uint16Array.of(0x3f80, 0xc049, 0x7f80, 0x0001) }),
    [1, -3.140625, Infinity, 2 ** -133],
  );
  assertEquals(floats(SAMPLES.get("byte")!), [-1, 0, 1]);
  assertThrows(() => floats(SAMPLES.get("long")!), TypeError, "int64");
});

Deno.test("a file that is no whole npz is told from what is missing in it", () =>
  inFolder(async (folder) => {
    const path = `${folder}/a.npz`;
    const rejects = async (bytes: Uint8Array<ArrayBuffer>, ...parts: string[]) => {
      await Deno.writeFile(path, bytes);
      assertSentence(await assertRejects(() => readNpz(path), Error), path, ...parts);
    };
    assertSentence(await assertRejects(() => readNpz(`${folder}/none.npz`), Error), "no such file");
    assertSentence(await assertRejects(() => readNpz(folder), Error), "folder");
    await rejects(new Uint8Array(), "zip archive");
    await rejects(new TextEncoder().encode("a,b\n1,2\n"), "zip archive");
    await writeNpz(path, SAMPLES);
    const whole = await Deno.readFile(path);
    await rejects(whole.slice(0, whole.length / 2), "cut off or damaged");
    const flipped = whole.slice();
    flipped[160] ^= 1;
    await rejects(flipped, "cut off or damaged", "CRC");
    await Deno.writeFile(path, whole);
    const error = await assertRejects(() => readNpz(path, ["W_dec"]), Error);
    assertSentence(error, "W_dec", "it has W_enc, double, half");
  }));

Deno.test("a member that claims more bytes than deflate can make is refused before it is read", () =>
  inFolder(async (folder) => {
    const path = `${folder}/a.npz`;
    await Deno.writeFile(path, Uint8Array.fromBase64(NUMPY));
    const bytes = await Deno.readFile(path);
    // The uncompressed size in the first entry of the table of contents.
    const entry = bytes.findIndex((_, i) => bytes[i] === 0x50 && bytes[i + 1] === 0x4b && bytes[i + 2] === 1);
    new DataView(bytes.buffer).setUint32(entry + 24, 0xf0000000, true);
    await Deno.writeFile(path, bytes);
    assertSentence(await assertRejects(() => readNpz(path), Error), "fortran.npy claims 4026531840 bytes");
  }));

Deno.test("two members of one name are refused", () =>
  inFolder(async (folder) => {
    const path = `${folder}/a.npz`;
    const [header, data] = formatNpy(SAMPLES.get("W_enc")!, "a");
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    const written = Deno.writeFile(path, readable);
    const archive = new ZipWriter(writable, { level: 0 });
    for (const name of ["aa.npy", "ab.npy"]) await archive.add(name, ReadableStream.from([header, data]));
    await archive.close();
    await written;
    const bytes = await Deno.readFile(path);
    bytes.forEach((byte, i) => byte === 0x62 && bytes[i - 1] === 0x61 && bytes[i + 1] === 0x2e && (bytes[i] = 0x61));
    await Deno.writeFile(path, bytes);
    assertSentence(await assertRejects(() => readNpz(path), Error), path);
  }));

Deno.test("a header that lies about its array is refused", () => {
  const npy = (text: string, data = 24) => {
    const [header] = formatNpy(SAMPLES.get("W_enc")!, "a");
    header.fill(0x20, 10, header.length - 1).set(new TextEncoder().encode(text), 10);
    const bytes = new Uint8Array(header.length + data);
    bytes.set(header);
    return bytes;
  };
  const good = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }";
  assertEquals(parseNpy(npy(good), "a").shape, [2, 3]);
  const refused: [string, string][] = [
    [good.replace("(2, 3)", "(2, 4)"), "does not fill"],
    [good.replace("(2, 3)", "(-2, -3)"), "does not fill"],
    [good.replace("(2, 3)", "(2.0, 3)"), "does not fill"],
    [good.replace("(2, 3)", "(4294967296, 4294967296)"), "does not fill"],
    [good.replace("<f4", ">c8"), "dtype is >c8"],
    [good.replace("<f4", "|O"), "dtype is |O"],
    [good.replace("'<f4'", "[('a', '<f4')]"), "dtype is [('a', '<f4')]"],
    [good.replace("False", "Maybe"), "header says"],
    ["{}", "header says"],
  ];
  for (const [text, part] of refused) assertSentence(assertThrows(() => parseNpy(npy(text), "the array"), Error), part);
  const long = npy(good);
  long.set([255, 255], 8);
  assertSentence(assertThrows(() => parseNpy(long, "the array"), Error), "65535 bytes long");
  for (const [at, part] of [[0, "magic"], [6, "version is 0"]] as const) {
    const bytes = npy(good);
    bytes[at] = 0;
    assertSentence(assertThrows(() => parseNpy(bytes, "the array"), Error), part);
  }
  for (const length of [0, 5, 6, 9, 20]) {
    assertSentence(assertThrows(() => parseNpy(npy(good).slice(0, length), "the array"), Error), "NumPy array");
  }
});

Deno.test("an npz file that was changed is refused, or still holds the same numbers", () =>
  inFolder(async (folder) => {
    const path = `${folder}/a.npz`;
    const whole = Uint8Array.fromBase64(NUMPY);
    await Deno.writeFile(path, whole);
    const right = await readNpz(path);
    let refused = 0;
    for (const bytes of mutations(whole, 200)) {
      await Deno.writeFile(path, bytes);
      try {
        for (const [name, tensor] of await readNpz(path)) {
          // A flipped name is no damage that a format without names elsewhere can see.
          if (right.has(name)) assertEquals(tensor, right.get(name));
        }
      } catch (error) {
        assertSentence(error as Error);
        refused++;
      }
    }
    assertEquals(refused > 100, true, `only ${refused} of 200 refused`);
  }));

Deno.test("what NumPy cannot hold, and arrays of another size than their shape, are not written", () =>
  inFolder(async (folder) => {
    const path = `${folder}/a.npz`;
    const brain: Tensor = { dtype: "bfloat16", shape: [1], data: Uint16Array.of(1) };
    assertSentence(await assertRejects(() => writeNpz(path, new Map([["b", brain]])), Error), "bfloat16");
    const short: Tensor = { dtype: "float32", shape: [2], data: Float32Array.of(1) };
    assertSentence(await assertRejects(() => writeNpz(path, new Map([["s", short]])), Error), "to hold 2 numbers");
    assertEquals([...Deno.readDirSync(folder)], []);
  }));
