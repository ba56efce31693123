/** Files of torch.save that nobody would write: damaged, cut off, claiming more than there is. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { readVectors } from "../../mod.ts";
import { Dictionary } from "../../src/partition/mod.ts";
import { describeFile } from "../../src/inspect/mod.ts";
import { OP } from "../../src/files/pickle/opcodes.ts";
import { outlineTorch, readTorch } from "../../src/files/torch/tensors.ts";
import { ZipWriter } from "../../src/files/zip.ts";
import { inFolder } from "../lib/folder.ts";
import { mutations } from "../lib/mutations.ts";
import { bytes, global, little, type Part, pickle, text } from "../lib/pickle_bytes.ts";
import { assertSentence } from "../lib/sentence.ts";
import { fileURLToPath } from "node:url";

const input = (name: string) => fileURLToPath(new URL(`../field/inputs/${name}`, import.meta.url));

const BINPERSID = 0x51;
const whole = (value: number): Part => [OP.LONG1, 8, little(value, 8)];
const tuple = (...items: Part[]): Part => [OP.MARK, ...items, OP.TUPLE];

/** A tensor over storage `0`. */
function tensor(shape: readonly number[], strides: readonly number[], first = 0, type = "FloatStorage"): Part {
  const storage = [tuple(text("storage"), global("torch", type), text("0"), text("cpu"), whole(6)), BINPERSID];
  const args = tuple(
    storage,
    whole(first),
    tuple(...shape.map(whole)),
    tuple(...strides.map(whole)),
    OP.NEWFALSE,
    OP.NONE,
  );
  return [global("torch._utils", "_rebuild_tensor_v2"), args, OP.REDUCE];
}

/** A file of torch.save with the storage 1, 2, ... 6. */
async function write(path: string, value: Part, members: Readonly<Record<string, Uint8Array>> = {}): Promise<void> {
  const storage = new Uint8Array(Float32Array.of(1, 2, 3, 4, 5, 6).buffer);
  const archive = new ZipWriter((await Deno.create(path)).writable, { level: 0 });
  const all = { "x/data.pkl": pickle(value), "x/byteorder": bytes("little"), "x/data/0": storage, ...members };
  for (const [name, content] of Object.entries(all)) {
    await archive.add(name, ReadableStream.from([content]));
  }
  await archive.close();
}

Deno.test("tensors are parts of storages in any order", () =>
  inFolder(async (folder) => {
    const path = `${folder}/x.pt`;
    const read = async (shape: readonly number[], strides: readonly number[], first = 0) => {
      await write(path, tensor(shape, strides, first));
      return [...(await readTorch(path)).get("")!.data];
    };
    assertEquals(await read([2, 3], [3, 1]), [1, 2, 3, 4, 5, 6]);
    assertEquals(await read([3, 2], [1, 3]), [1, 4, 2, 5, 3, 6]);
    assertEquals(await read([2, 2], [3, 2]), [1, 3, 4, 6]);
    assertEquals(await read([2], [2], 1), [2, 4]);
    assertEquals(await read([], [], 5), [6]);
    assertEquals(await read([0, 3], [3, 1]), []);
    assertEquals(await read([3, 2], [0, 1], 4), [5, 6, 5, 6, 5, 6]);
    // A checkpoint is mapped into memory: there only plain parts will do.
    await write(path, [OP.EMPTY_DICT, text("w"), tensor([2, 2], [2, 1], 1), OP.SETITEM]);
    const [[name, { dtype, shape, length }]] = await outlineTorch(path);
    assertEquals([name, dtype, [...shape], length], ["w", "float32", [2, 2], 16]);
    await write(path, [OP.EMPTY_DICT, text("w"), tensor([3, 2], [1, 3]), OP.SETITEM]);
    assertSentence(await assertRejects(() => outlineTorch(path), Error), "w is a turned view");
  }));

Deno.test("a big-endian machine's numbers are turned round", () =>
  inFolder(async (folder) => {
    const path = `${folder}/x.pt`;
    const storage = new Uint8Array(24);
    [1, 2, 3, 4, 5, 6].forEach((value, i) => new DataView(storage.buffer).setFloat32(4 * i, value));
    await write(path, tensor([3, 2], [1, 3]), { "x/byteorder": bytes("big"), "x/data/0": storage });
    assertEquals([...(await readTorch(path)).get("")!.data], [1, 4, 2, 5, 3, 6]);
    const [{ data }] = await Array.fromAsync(readVectors(path));
    assertEquals(data, Float32Array.of(1, 4, 2, 5, 3, 6));
  }));

Deno.test("what claims more than there is, is refused before memory is taken", () =>
  inFolder(async (folder) => {
    const path = `${folder}/x.pt`;
    const refuse = async (value: Part, ...parts: string[]) => {
      await write(path, value);
      for (const read of [() => readTorch(path), () => Array.fromAsync(readVectors(path))]) {
        assertSentence(await assertRejects(read, Error), path, ...parts);
      }
    };
    await refuse(tensor([2, 4], [4, 1]), "ends after its storage 0");
    await refuse(tensor([2, 3], [3, 1], 1), "ends after its storage 0");
    await refuse(tensor([2 ** 50, 2], [1, 1]), "ends after its storage 0");
    await refuse(tensor([2 ** 40, 2 ** 40], [0, 0]), "ends after its storage 0");
    await refuse(tensor([2, 2], [2 ** 52, 2 ** 52]), "ends after its storage 0");
    await refuse(tensor([2, 3], [1]), "torch._utils._rebuild_tensor_v2");
    await refuse(tensor([2, 3], [3, 1], 0, "QInt8Storage"), "torch.QInt8Storage");
    await refuse([global("os", "system"), tuple(text("true")), OP.REDUCE], "os.system", "nothing was run");
    await write(path, tensor([2 ** 40], [0]));
    assertSentence(await assertRejects(() => readTorch(path), Error), "repeats numbers");
    assertSentence(await assertRejects(() => Array.fromAsync(readVectors(path)), Error), "1099511627776");
  }));

/** `count` vectors `[key]` of three numbers, each with a storage of its own, beside what `more` adds to the dictionary. */
async function writeMany(path: string, count: number, more: Part = []): Promise<void> {
  const size = (value: number): Part => [OP.BININT2, little(value, 2)];
  const vector = (key: number): Part => [
    global("torch._utils", "_rebuild_tensor_v2"),
    tuple(
      [tuple(text("storage"), global("torch", "FloatStorage"), text(`${key + 1}`), text("cpu"), size(3)), BINPERSID],
      size(0),
      tuple(size(3)),
      tuple(size(1)),
      OP.NEWFALSE,
      OP.NONE,
    ),
    OP.REDUCE,
  ];
  const items = Array.from({ length: count }, (_, key) => [text(`layer.${key}`), vector(key), OP.SETITEM]);
  const members = Array.from(
    { length: count },
    (_, key) => [`x/data/${key + 1}`, new Uint8Array(Float32Array.of(key, 1, 2).buffer)],
  );
  await write(path, [OP.EMPTY_DICT, items, more], Object.fromEntries(members));
}

Deno.test("thousands of tensors, of token texts and of metadata are what honest files hold", () =>
  inFolder(async (folder) => {
    const path = `${folder}/x.pt`;
    await writeMany(path, 3000);
    const [{ data }] = await Array.fromAsync(readVectors(path, { name: "layer.2999" }));
    assertEquals([...data], [2999, 1, 2]);
    assertEquals((await describeFile(path, 3)).tables.tensors.length, 3000);
    const list = (count: number, item: (i: number) => Part): Part => [
      OP.EMPTY_LIST,
      OP.MARK,
      Array.from({ length: count }, (_, i) => item(i)),
      OP.APPENDS,
    ];
    const records = list(3000, (i) => [OP.EMPTY_DICT, text("layer"), OP.BININT1, 7, OP.SETITEM, text(`${i}`), OP.POP]);
    for (const more of [records, list(30_000, (i) => text(`token ${i}`))]) {
      await writeMany(path, 1, [text("meta"), more, OP.SETITEM]);
      const [{ data }] = await Array.fromAsync(readVectors(path));
      assertEquals([...data], [0, 1, 2]);
    }
  }));

Deno.test("arrays of NumPy are vectors, too, and are told beside tensors", () =>
  inFolder(async (folder) => {
    const path = `${folder}/x.pt`;
    const data = new Uint8Array(Float64Array.of(1, 2, 3, 4, 5, 6).buffer);
    const array = (order: string): Part => [
      global("numpy._core.numeric", "_frombuffer"),
      tuple(
        [OP.BYTEARRAY8, little(48, 8), data],
        [global("numpy", "dtype"), tuple(text("f8"), OP.NEWFALSE, OP.NEWTRUE), OP.REDUCE],
        tuple(whole(3), whole(2)),
        text(order),
      ),
      OP.REDUCE,
    ];
    const save = (...items: Part[]) => write(path, [OP.EMPTY_DICT, items.map((item) => [item, OP.SETITEM])]);
    const read = async (name?: string) =>
      (await Array.fromAsync(readVectors(path, { name, batchRows: 2 }))).map(({ data }) => [...data]);
    await save([text("a"), array("C")]);
    assertEquals(await read(), [[1, 2, 3, 4], [5, 6]]);
    await save([text("a"), array("F")], [text("b"), tensor([2, 3], [3, 1])]);
    assertEquals(await read("a"), [[1, 4, 2, 5], [3, 6]]);
    assertEquals(await read("b"), [[1, 2, 3, 4, 5, 6]]);
    const { tables: { tensors } } = await describeFile(path, 3);
    assertEquals(tensors, [
      { tensor: "a", dtype: "float64", shape: "3 x 2" },
      { tensor: "b", dtype: "float32", shape: "2 x 3" },
    ]);
    assertSentence(await assertRejects(() => read("c"), Error), path, "named c", "it has a, b", "option name");
    assertSentence(await assertRejects(() => Dictionary.load(path), Error), path, "that holds a, b");
  }));

Deno.test("objects that no file accounts for are refused, by the size of the file", () =>
  inFolder(async (folder) => {
    const path = `${folder}/x.pt`;
    // 2 MiB of opcodes that would take 160 each; the storages beside them do not buy that.
    await write(path, [OP.NONE, new Uint8Array(2 ** 21).fill(OP.EMPTY_DICT)], { "x/data/9": new Uint8Array(2 ** 21) });
    const { size } = await Deno.stat(path);
    const error = await assertRejects(() => readTorch(path), Error);
    assertSentence(error, path, `more memory than the file's ${size} bytes`);
    assert(!error.message.includes("dictionary") && !error.message.includes("publisher"), error.message);
  }));

Deno.test("containers that name each other a billion times have an end", () =>
  inFolder(async (folder) => {
    const path = `${folder}/x.pt`;
    // Tuples of sixteen times the one before.
    let value: Part = [tuple(tensor([2], [1])), OP.MEMOIZE];
    for (let i = 0; i < 7; i++) {
      value = [OP.MARK, value, Array.from({ length: 15 }, () => [OP.BINGET, i] as Part), OP.TUPLE, OP.MEMOIZE];
    }
    await write(path, value);
    assertSentence(await assertRejects(() => readTorch(path), Error), "more than 1000000 values");
  }));

Deno.test("a member that is missing, packed or twice there", () =>
  inFolder(async (folder) => {
    const path = `${folder}/x.pt`;
    await write(path, tensor([2, 3], [3, 1]), { "x/byteorder": bytes("middle") });
    assertSentence(await assertRejects(() => readTorch(path), Error), 'byte order is "middle"');
    const archive = new ZipWriter((await Deno.create(path)).writable, { level: 0 });
    await archive.add("x/data.pkl", ReadableStream.from([pickle(tensor([2, 3], [3, 1]))]));
    await archive.close();
    assertSentence(await assertRejects(() => readTorch(path), Error), "storage 0 is not there");
  }));

for (const name of ["vectors/zip-shared.pt", "vectors/old-nested.pt", "vectors/old-T.pt"]) {
  Deno.test(`${name}, damaged: a sentence, or as many numbers as before`, () =>
    inFolder(async (folder) => {
      const path = `${folder}/damaged.pt`;
      const original = await Deno.readFile(input(name));
      const right = await readTorch(input(name));
      let refused = 0;
      for (const file of mutations(original, 210)) {
        await Deno.writeFile(path, file);
        try {
          for (const [key, { shape, data }] of await readTorch(path)) {
            assertEquals(data.length, shape.reduce((product, length) => product * length, 1));
            if (right.has(key)) assert(data.length <= original.length);
          }
        } catch (error) {
          assertSentence(error as Error);
          refused++;
        }
      }
      assert(refused > 60, `only ${refused} of 210 refused`);
    }));
}

for (const name of ["dictionary-torch-shared", "dictionary-torch-old", "dictionary-torch-float16"]) {
  Deno.test(`${name}, damaged: a sentence, or a dictionary of as many regions`, () =>
    inFolder(async (folder) => {
      const path = `${folder}/damaged.pt`;
      const original = await Deno.readFile(input(`dictionaries/${name}/dictionary.pt`));
      let refused = 0;
      for (const file of mutations(original, 140)) {
        await Deno.writeFile(path, file);
        try {
          using dictionary = await Dictionary.load(path, { backend: "cpu" });
          assertEquals(dictionary.size, 8);
        } catch (error) {
          assertSentence(error as Error);
          refused++;
        }
      }
      assert(refused > 60, `only ${refused} of 140 refused`);
    }));
}
