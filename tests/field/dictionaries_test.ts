/** Published dictionaries as pickle, gzip, joblib, NumPy and PyTorch save them. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { gunzipSync, gzipSync, zstdCompressSync } from "node:zlib";
import { Dictionary } from "../../mod.ts";
import { describeFile } from "../../src/inspect/mod.ts";
import { backendTest } from "../lib/backends.ts";
import { inFolder } from "../lib/folder.ts";
import { assertSentence } from "../lib/sentence.ts";
import { fileURLToPath } from "node:url";

const input = (name: string) => fileURLToPath(new URL(`inputs/dictionaries/${name}`, import.meta.url));

/** Those that are read; float16 is as near as its numbers are. */
const READ = {
  "dictionary-pickle-gzip": "dictionary.pkl.gz",
  "dictionary-torch-zip": "dictionary.pt",
  "dictionary-torch-old": "dictionary.pt",
  "dictionary-torch-zip-tensors": "dictionary.pt",
  "dictionary-torch-shared": "dictionary.pt",
  "dictionary-torch-float16": "dictionary.pt",
};

for (const [name, path] of Object.entries(READ)) {
  backendTest(`${name}: its regions, and the distances to them`, async (backend) => {
    const expected = JSON.parse(await Deno.readTextFile(input(`${name}/expected.json`)));
    using dictionary = await Dictionary.load(input(`${name}/${path}`), { backend });
    assertEquals(dictionary.size, expected.size);
    const x: number[][] = expected.x;
    const { regions, distances } = await dictionary.assign({
      data: Float32Array.from(x.flat()),
      rows: x.length,
      dim: x[0].length,
    });
    assertEquals([...regions], expected.regions);
    const tolerance = name.endsWith("float16") ? 1e-4 : 1e-6;
    const far = distances.findIndex((distance, i) => !(Math.abs(distance - expected.distances[i]) <= tolerance));
    assertEquals(far, -1, `${distances} are not ${expected.distances}`);
    const { kind, facts } = await describeFile(input(`${name}/${path}`), 2);
    assert(kind.startsWith("published dictionary"), kind);
    assertEquals(facts.regions, expected.size);
  });
}

/** Those that are named for what they are. */
const NAMED: Readonly<Record<string, readonly string[]>> = {
  "dictionary-joblib/dictionary.joblib": ["joblib.dump", "pickle.dump"],
  "dictionary-pickle-0/dictionary.pkl": ["protocol 0 or 1", "2 to 5 are read"],
  "dictionary-npy-object/dictionary.npy": [".npy file of NumPy"],
  "dictionary-npz-plain/dictionary.npz": ["dictionary.regions.safetensors"],
  "dictionary-torch-state/dictionary.pt": ["torch.save", "exemplars, center", "readVectors"],
  "dictionary-torch-pickle-tensors/dictionary.pkl": ["torch._utils._rebuild_tensor_v2"],
};

for (const [path, parts] of Object.entries(NAMED)) {
  Deno.test(`${path.split("/")[0]}: refused as what it is`, async () => {
    const error = await assertRejects(() => Dictionary.load(input(path), { backend: "cpu" }), Error);
    assertSentence(error, path, ...parts);
  });
}

Deno.test("a packed dictionary unpacks to no more than is allowed, and what is packed otherwise is named", () =>
  inFolder(async (folder) => {
    const packed = await Deno.readFile(input("dictionary-pickle-gzip/dictionary.pkl.gz"));
    const bytes = gunzipSync(packed);
    const path = `${folder}/0a1b2c`;
    const refuse = async (file: Uint8Array, options: { maxUnpacked?: number }, ...parts: string[]) => {
      await Deno.writeFile(path, file);
      const load = () => Dictionary.load(path, { backend: "cpu", ...options });
      assertSentence(await assertRejects(load, Error), path, ...parts);
    };
    await refuse(packed, { maxUnpacked: 1000 }, "at most 1000 bytes");
    await refuse(gzipSync(new Uint8Array(1e7)), { maxUnpacked: 1e6 }, "at most 1000000 bytes");
    await refuse(packed.subarray(0, 1000), {}, "gzip", "cut off or damaged");
    await refuse(gzipSync("a text"), {}, "a text, packed (gzip)");
    await Deno.writeFile(path, zstdCompressSync(bytes));
    using dictionary = await Dictionary.load(path, { backend: "cpu" });
    assertEquals(dictionary.size, 8);
  }));
