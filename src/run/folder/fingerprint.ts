import { join } from "node:path";
import { openByteFile } from "../../files/byte_file.ts";
import { checksumOf } from "../../files/checksum.ts";
import { expandPattern } from "../../files/glob.ts";
import { localPath } from "../../hub/hub_file.ts";

/** Folders below a named one whose files count: `onnx` of a model, shards of a corpus. */
const DEPTH = 1;

/** Bytes that are read of a file's start, middle and end. */
const SAMPLE = 1 << 16;

/**
 * Sizes, times and checksums of parts of a file, of all files that a pattern names, or of all files of a folder and of the
 * folders in it; empty where there is nothing. A file of the hub lies in a cache whose path holds its commit.
 *
 * @param name A path, a pattern, or a name of the hub, which is fetched if it is not cached.
 * @returns The same text as long as none of them changes.
 *
 * @example
 * ```ts
 * const path = await Deno.makeTempFile();
 * const before = await fingerprint(path);
 * await Deno.writeTextFile(path, "Another text.");
 * if (await fingerprint(path) === before) throw new Error("its size is another");
 * await Deno.remove(path);
 * ```
 */
export async function fingerprint(name: string): Promise<string> {
  const paths = await expandPattern(await localPath(name));
  return (await Promise.all(paths.map((path) => partsOf(path, DEPTH)))).flat().join(" ");
}

async function partsOf(path: string, depth: number): Promise<string[]> {
  try {
    const { isFile, isDirectory, size, mtime } = await Deno.stat(path);
    if (isFile) return [`${path}:${size}:${mtime?.getTime()}:${await sampleOf(path, size)}`];
    if (!isDirectory || depth < 0) return [];
    const names = (await Array.fromAsync(Deno.readDir(path))).map(({ name }) => name).sort();
    return (await Promise.all(names.map((name) => partsOf(join(path, name), depth - 1)))).flat();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return [];
    throw error;
  }
}

/** A checksum of a file's start, middle and end: copies and archives keep times, so that size and time may lie. */
async function sampleOf(path: string, size: number): Promise<string> {
  using file = await openByteFile(path, "a file");
  const starts = new Set([0, Math.floor((size - SAMPLE) / 2), size - SAMPLE].map((start) => Math.max(0, start)));
  const samples: Uint8Array<ArrayBuffer>[] = [];
  for (const start of starts) {
    samples.push(await file.read(start, new Uint8Array(Math.min(SAMPLE, size - start))));
  }
  return checksumOf(...samples);
}
