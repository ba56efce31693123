/** Compressed files that unpack to more than they say, or than is allowed: refused before the memory is taken. */
import { assertEquals, assertRejects } from "@std/assert";
import { brotliCompressSync, gzipSync, zstdCompressSync } from "node:zlib";
import { parquetWriteBuffer } from "npm:hyparquet-writer@0.17.0";
import { CorpusError, Dictionary, readCorpus, readSae } from "../../mod.ts";
import { float32Tensor, readNpz, writeNpz } from "../../src/files/mod.ts";
import { runExperiment } from "../../src/run/mod.ts";
import { formatNpy } from "../../src/files/npy.ts";
import { ZipWriter } from "../../src/files/zip.ts";
import { deno } from "../lib/deno.ts";
import { inFolder } from "../lib/folder.ts";
import { assertSentence } from "../lib/sentence.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** An `.npz` file whose members are packed. */
async function packedNpz(path: string, members: Readonly<Record<string, readonly Bytes[]>>): Promise<void> {
  const file = await Deno.create(path);
  const archive = new ZipWriter(file.writable, { level: 1, zip64: false });
  for (const [name, parts] of Object.entries(members)) await archive.add(`${name}.npy`, ReadableStream.from(parts));
  await archive.close();
}

/** Zeros as an `.npy` file. */
const zeros = (...shape: number[]) =>
  formatNpy(float32Tensor(new Float32Array(shape.reduce((product, size) => product * size, 1)), shape), "zeros");

Deno.test("an npz file unpacks to no more than is allowed, all wanted members together", () =>
  inFolder(async (folder) => {
    const path = `${folder}/a.npz`;
    await packedNpz(path, { W_dec: zeros(1000, 100), b_dec: zeros(1000, 50) });
    assertEquals((await readNpz(path)).size, 2);
    const refusal = (names?: string[]) => assertRejects(() => readNpz(path, names, { maxUnpacked: 500_000 }), Error);
    assertSentence(await refusal(), path, "at most 500000 bytes but it takes 600256", "--max-unpacked");
    assertEquals((await readNpz(path, ["W_dec"], { maxUnpacked: 500_000 })).size, 1);
    await assertRejects(() => readNpz(path, [], { maxUnpacked: NaN }), RangeError, "maxUnpacked");
    for (const read of [Dictionary.load, readSae]) {
      await Deno.writeTextFile(path.replace("npz", "regions.safetensors"), "");
      const error = await assertRejects(() => read(path, { backend: "cpu", maxUnpacked: 1000 }), Error);
      assertSentence(error, "at most 1000 bytes");
    }
  }));

Deno.test("two gigabytes are allowed without a word, and any size that is not packed", () =>
  inFolder(async (folder) => {
    const path = `${folder}/a.npz`;
    const noise = new Uint8Array(3e6);
    for (let i = 0; i < noise.length; i += 65536) crypto.getRandomValues(noise.subarray(i, i + 65536));
    await packedNpz(path, { W_dec: [noise] });
    // The size in the archive's table of contents.
    const bytes = await Deno.readFile(path);
    const entry = bytes.findLastIndex((_, i) => bytes[i] === 0x50 && bytes[i + 1] === 0x4b && bytes[i + 2] === 1);
    new DataView(bytes.buffer).setUint32(entry + 24, 2.5e9, true);
    await Deno.writeFile(path, bytes);
    assertSentence(await assertRejects(() => readNpz(path), Error), "at most 2000000000 bytes but it takes 2500000000");
    await writeNpz(path, new Map([["W_dec", float32Tensor(new Float32Array(10), [10])]]));
    assertEquals((await readNpz(path, undefined, { maxUnpacked: 1 })).size, 1);
  }));

Deno.test("a member is inflated only if its header says what the archive claims", () =>
  inFolder(async (folder) => {
    const path = `${folder}/a.npz`;
    const [header] = zeros(1, 100);
    await packedNpz(path, { W_dec: [header, new Uint8Array(2 ** 24)] });
    // Whoever inflates it to the end finds it damaged, and says that.
    const bytes = await Deno.readFile(path);
    bytes.fill(255, bytes.length / 2, bytes.length / 2 + 10);
    await Deno.writeFile(path, bytes);
    assertSentence(await assertRejects(() => readNpz(path), Error), "W_dec", "does not fill its 16777216 bytes");
  }));

const CODECS = {
  GZIP: (bytes: Uint8Array) => new Uint8Array(gzipSync(bytes)),
  ZSTD: (bytes: Uint8Array) => new Uint8Array(zstdCompressSync(bytes)),
  BROTLI: (bytes: Uint8Array) => new Uint8Array(brotliCompressSync(bytes)),
};

/** A Parquet file of long texts. */
async function writeTexts(path: string, codec: keyof typeof CODECS | "SNAPPY", compressors = CODECS): Promise<void> {
  const texts = Array.from({ length: 20 }, (_, i) => "a".repeat(100_000 + i));
  const columnData = [{ name: "text", data: texts, type: "STRING" as const }];
  await Deno.writeFile(path, new Uint8Array(parquetWriteBuffer({ columnData, codec, compressors, rowGroupSize: 10 })));
}

for (const codec of ["SNAPPY", "GZIP", "ZSTD", "BROTLI"] as const) {
  Deno.test(`Parquet, ${codec}: a row group unpacks to no more than is allowed`, () =>
    inFolder(async (folder) => {
      const path = `${folder}/a.parquet`;
      await writeTexts(path, codec);
      const read = (maxUnpacked: number) => Array.fromAsync(readCorpus(path, { maxUnpacked }));
      assertEquals((await read(1_100_000)).length, 20);
      assertSentence(
        await assertRejects(() => read(900_000), CorpusError),
        path,
        "at most 900000 bytes but it takes 1000",
      );
    }));
}

Deno.test("Parquet: a page is not unpacked beyond what its header says", async () => {
  for (const codec of ["GZIP", "ZSTD", "BROTLI"] as const) {
    await inFolder(async (folder) => {
      const path = `${folder}/a.parquet`;
      await writeTexts(path, codec, { ...CODECS, [codec]: () => CODECS[codec](new Uint8Array(2 ** 22)) });
      const error = await assertRejects(() => Array.fromAsync(readCorpus(path)), CorpusError);
      assertSentence(error, path, "Cannot create a Buffer larger than 1000");
    });
  }
});

Deno.test("Parquet: values that take no bytes in the file take some of what is allowed", () =>
  inFolder(async (folder) => {
    const path = `${folder}/a.parquet`;
    const columnData = [{ name: "text", data: new Array(100_000).fill("x"), type: "STRING" as const }];
    await Deno.writeFile(path, new Uint8Array(parquetWriteBuffer({ columnData, codec: "SNAPPY" })));
    const error = await assertRejects(() => Array.fromAsync(readCorpus(path, { maxUnpacked: 1e6 })), CorpusError);
    assertSentence(error, "at most 1000000 bytes", "takes 4");
  }));

Deno.test("--max-unpacked allows it, in every experiment and in inspect", () =>
  inFolder(async (folder) => {
    const path = `${folder}/a.parquet`;
    await writeTexts(path, "ZSTD");
    const run = async (...args: string[]) => {
      const said: string[] = [];
      const code = await runExperiment(
        { name: "sample", question: "", description: "" },
        async () => void await Array.fromAsync(readCorpus(path)),
        { args: ["--quiet", "--out", `${folder}/out`, ...args], print() {}, printError: (text) => said.push(text) },
      );
      return { code, said: said.join() };
    };
    assertEquals(await run(), { code: 0, said: "" });
    const { code, said } = await run("--max-unpacked", "900k");
    assertSentence(new Error(said.replace("sample: ", "")), "at most 900000 bytes", "--max-unpacked");
    assertEquals([code, (await run()).code], [1, 0]);

    await packedNpz(`${folder}/a.npz`, { W_dec: zeros(1000, 100) });
    const inspect = (...args: string[]) =>
      deno("run", ["--allow-read", "--allow-env", "experiments/inspect.ts", ...args]);
    assertEquals((await inspect(`${folder}/a.npz`)).code, 0);
    const refused = await inspect(`${folder}/a.npz`, "--max-unpacked", "100k");
    assertEquals(refused.code, 1);
    assertSentence(new Error(refused.stderr.trim().replace("inspect: ", "")), "at most 100000 bytes");
    assertEquals((await inspect(`${folder}/a.npz`, "--max-unpacked", "much")).code, 2);
  }));
