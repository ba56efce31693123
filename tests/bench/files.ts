/** Raw little-endian arrays in files, which NumPy reads with `fromfile`. */
import { join } from "node:path";

/** Writes an array and gives the file's path. */
export async function writeRaw(folder: string, name: string, data: Float32Array<ArrayBuffer>): Promise<string> {
  const path = join(folder, name);
  await Deno.writeFile(path, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  return path;
}

/** Whole numbers of 32 bits that the peer wrote. */
export async function readIntegers(folder: string, name: string): Promise<Int32Array> {
  return new Int32Array((await Deno.readFile(join(folder, name))).buffer);
}
