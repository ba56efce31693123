/** Files as people report that tools take them for others: told apart by their bytes, and read around what cannot be read. */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { tableFromArrays, tableToIPC } from "npm:apache-arrow@21.2.0";
import { readSae, readVectors } from "../../mod.ts";
import { describeFile, type Description } from "../../src/inspect/mod.ts";
import { float32Tensor, visibleJson, writeNpz } from "../../src/files/mod.ts";
import { backendTest } from "../lib/backends.ts";
import { deno } from "../lib/deno.ts";
import { inFolder } from "../lib/folder.ts";
import { assertSentence } from "../lib/sentence.ts";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const input = (name: string) => fileURLToPath(new URL(`inputs/${name}`, import.meta.url));

/** What inspect lists, as `name type shape`. */
async function listed(name: string): Promise<string[]> {
  const { tables } = await describeFile(input(name), 5);
  return tables.tensors.map(({ tensor, dtype, shape }) => `${tensor} ${dtype} ${shape}`);
}

Deno.test("header-128: safetensors whose header is 128 bytes long begin like a pickle, and are none", async () => {
  assertEquals(await listed("header-128/tensors.safetensors"), ["a float32 2 x 3"]);
});

Deno.test("torch-state: a state dictionary of PyTorch is told as one", async () => {
  const { kind } = await describeFile(input("torch-state/ae.pt"), 5);
  assertEquals(kind, "tensors of PyTorch (torch.save)");
  assertEquals(await listed("torch-state/ae.pt"), ["encoder.weight float32 2 x 3", "encoder.bias float32 2"]);
});

Deno.test("any-zip: an archive without arrays is refused as that", async () => {
  const error = await assertRejects(() => describeFile(input("any-zip/notes.zip"), 5), Error);
  assertSentence(error, "notes.zip", "zip archive without arrays of NumPy");
});

Deno.test("npz-no-suffix: arrays under a checksum's name, as the hub's cache keeps them", async () => {
  assertEquals(await listed("npz-no-suffix/3f0c1d5e9a7b42864d1f"), ["good float32 2 x 3"]);
});

Deno.test("dataset-folder: a folder of the library datasets is told, by itself and by its state.json", async () => {
  for (const name of ["saved", "saved/state.json"]) {
    const { kind, tables } = await describeFile(input(`dataset-folder/${name}`), 5);
    assertMatch(kind, /^data set/);
    assertEquals(tables.columns, [{ column: "text", type: "string" }]);
  }
});

Deno.test("npz-text-array: an array of text hides no other", async () => {
  assertEquals(await listed("npz-text-array/arrays.npz"), ["good float32 2 x 3", "labels <U3 2"]);
});

Deno.test("safetensors-fp8: a tensor of float8 hides no other", async () => {
  const tensors = await listed("safetensors-fp8/tensors.safetensors");
  assertEquals(tensors.toSorted(), ["good float32 2 x 3", "scale bfloat16 1", "small F8_E4M3 2 x 2"]);
});

Deno.test("inspect-int64: files of Arrow's JavaScript library are read, 64-bit integers digit by digit", () =>
  inFolder(async (folder) => {
    const table = tableFromArrays({ id: BigInt64Array.of(1n, 2n ** 53n + 1n), value: Float64Array.of(0.5, 1.5) });
    const path = `${folder}/pairs.arrow`;
    await Deno.writeFile(path, tableToIPC(table, "file"));
    const { tables } = await describeFile(path, 5);
    assertEquals(tables["first 5 rows"], [{ id: 1, value: 0.5 }, { id: 2n ** 53n + 1n, value: 1.5 }]);
    const { code, stdout } = await deno("run", [
      "--allow-read",
      "--allow-env",
      "experiments/inspect.ts",
      path,
      "--json",
    ]);
    assertEquals(code, 0);
    assertMatch(stdout, /"id": 9007199254740993\b/);
    const [description] = JSON.parse(stdout) as Description[];
    assertEquals(description.facts.rows, 2);
    assertEquals(visibleJson({ n: -(2n ** 63n), list: [1n] }), '{"n":-9223372036854775808,"list":[1]}');
  }));

/** Autoencoders beside arrays that cannot be read, or whose numbers are written as few programs do. */
const SAES = {
  "npz-big-endian": "params.npz",
  "npz-python-2": "params.npz",
  "scope-extra-text": "layer_3/params.npz",
  "saelens-extra-fp8": "sae",
};

for (const [name, path] of Object.entries(SAES)) {
  backendTest(`${name}: its features and output`, async (backend) => {
    const { x, acts, out, rows, dim } = JSON.parse(await Deno.readTextFile(input(`${name}/expected.json`)));
    using sae = await readSae(input(`${name}/${path}`), { backend });
    const features = await sae.encode({ data: Float32Array.from(x), rows, dim });
    const dense = new Float32Array(rows * features.size);
    for (let row = 0; row < rows; row++) {
      for (let i = features.offsets[row]; i < features.offsets[row + 1]; i++) {
        dense[row * features.size + features.features[i]] = features.values[i];
      }
    }
    assertNear(dense, acts);
    assertNear(await sae.decode(features), out);
  });
}

function assertNear(values: Float32Array, expected: readonly number[]): void {
  assertEquals(values.length, expected.length);
  for (const [i, value] of values.entries()) {
    assert(
      Math.abs(value - expected[i]) <= 1e-4 * Math.max(1, Math.abs(expected[i])),
      `${i}: ${value}, ${expected[i]}`,
    );
  }
}

Deno.test("a corpus is told by the fields and the rows of its beginning, packed or not", () =>
  inFolder(async (folder) => {
    const lines = '{"id": 9007199254740993, "text": "one"}\r\n\r\n{"id": 2, "text": null}\r\n';
    const array = '[\n{"id": 9007199254740993, "text": "one"},\n{"id": 2, "text": null}]';
    const files: Record<string, [Uint8Array, string]> = {
      "a.jsonl": [new TextEncoder().encode(lines), "corpus (JSON Lines)"],
      "a.json": [new TextEncoder().encode(lines), "corpus (JSON Lines)"],
      "unnamed": [new TextEncoder().encode(lines), "corpus (JSON Lines)"],
      "b.json": [new TextEncoder().encode(array), "corpus (JSON)"],
      "a.jsonl.gz": [gzipSync(lines), "corpus (JSON Lines)"],
      "3f0c1d5e": [gzipSync(lines), "corpus (JSON Lines)"],
    };
    for (const [name, [bytes, kind]] of Object.entries(files)) {
      await Deno.writeFile(`${folder}/${name}`, bytes);
      const told = await describeFile(`${folder}/${name}`, 5);
      assertEquals([told.kind, told.facts["rows looked at"]], [kind, 2], name);
      assertEquals(told.facts.packed, bytes[0] === 0x1f ? "gzip" : undefined);
      assertEquals(told.tables.fields, [{ field: "id", type: "number" }, { field: "text", type: "text, null" }]);
      assertEquals(told.tables["first 2 rows"], [{ id: 9007199254740993n, text: "one" }, { id: 2, text: null }]);
    }
    // A record that is cut off is damaged, and no corpus.
    await Deno.writeTextFile(`${folder}/run.json`, '{\n  "findings": {\n');
    assertSentence(await assertRejects(() => describeFile(`${folder}/run.json`, 5), Error), "run.json", "damaged");
    await Deno.writeFile(`${folder}/a.npy.gz`, gzipSync(await Deno.readFile(input("vectors/npy-int64.npy"))));
    const error = await assertRejects(() => describeFile(`${folder}/a.npy.gz`, 5), Error);
    assertSentence(error, "a.npy.gz", "an .npy file of NumPy, packed (gzip)", "gunzip");
  }));

Deno.test("a damaged array of an archive hides no other, and is named", () =>
  inFolder(async (folder) => {
    const path = `${folder}/arrays.npz`;
    const arrays = ["first", "second", "third"].map((name, i) => [name, new Float32Array(64).fill(2.5 + i)] as const);
    await writeNpz(path, new Map(arrays.map(([name, data]) => [name, float32Tensor(data, [8, 8])])));
    const bytes = await Deno.readFile(path);
    const second = new Uint8Array(Float32Array.of(3.5).buffer);
    const place = bytes.findIndex((_, i) => second.every((byte, j) => bytes[i + j] === byte));
    bytes[place + 1] ^= 1;
    await Deno.writeFile(path, bytes);
    const { facts, tables } = await describeFile(path, 5);
    assertEquals(facts.damaged, ["second"]);
    assertEquals(tables.tensors.map(({ tensor }) => tensor), ["first", "third"]);
    const read = (name: string) => Array.fromAsync(readVectors(path, { name }));
    assertEquals([...(await read("third"))[0].data], [...arrays[2][1]]);
    assertSentence(await assertRejects(() => read("second"), Error), "arrays.npz", "damaged");
    const error = await assertRejects(() => read("fourth"), Error);
    assertSentence(error, "named fourth", "it has first, second, third", "option name");
    assert(!error.message.includes("copy it"), error.message);
  }));
