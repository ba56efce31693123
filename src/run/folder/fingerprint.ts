import { join } from "node:path";
import { localPath } from "../../hub/hub_file.ts";

/** Folders below a named one whose files count: `onnx` of a model, shards of a corpus. */
const DEPTH = 1;

/**
 * Sizes and times of a file, or of all files of a folder and of the folders in it; empty where there is nothing. A file
 * of the hub lies in a cache whose path holds its commit.
 *
 * @param name A path, or a name of the hub, which is fetched if it is not cached.
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
  return (await partsOf(await localPath(name), DEPTH)).join(" ");
}

async function partsOf(path: string, depth: number): Promise<string[]> {
  try {
    const { isFile, isDirectory, size, mtime } = await Deno.stat(path);
    if (isFile) return [`${path}:${size}:${mtime?.getTime()}`];
    if (!isDirectory || depth < 0) return [];
    const names = (await Array.fromAsync(Deno.readDir(path))).map(({ name }) => name).sort();
    return (await Promise.all(names.map((name) => partsOf(join(path, name), depth - 1)))).flat();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return [];
    throw error;
  }
}
