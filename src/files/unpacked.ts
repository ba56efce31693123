/** Whole files that were packed by gzip, Zstandard or zlib, unpacked into memory. */
import { gunzipSync, inflateSync, zstdDecompressSync } from "node:zlib";
import { readWhole } from "./byte_file.ts";
import { calledFrame, type Frame } from "./frames.ts";
import { UnpackBudget, type UnpackOptions } from "./unpacking.ts";

/** Frames that {@linkcode unpackedFile} takes. */
export type PackedFrame = "gzip" | "zstd" | "zlib";

const UNPACK = { gzip: gunzipSync, zstd: zstdDecompressSync, zlib: inflateSync } as const;

/** Whether a file is packed as {@linkcode unpackedFile} takes it. */
export function isPacked(frame: Frame): frame is PackedFrame {
  return frame in UNPACK;
}

/**
 * The bytes that a packed file unpacks to.
 *
 * @throws {UnpackError} if they are more than is allowed.
 * @throws {Error} A sentence if the file is cut off or damaged.
 */
export async function unpackedFile(
  path: string,
  frame: PackedFrame,
  options: UnpackOptions = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const budget = new UnpackBudget(path, options);
  const packed = await readWhole(path);
  try {
    return new Uint8Array(UNPACK[frame](packed, { maxOutputLength: Math.min(budget.left, 2 ** 32) }));
  } catch (cause) {
    if ((cause as { code?: unknown }).code === "ERR_BUFFER_TOO_LARGE") budget.take(budget.left + 1);
    throw new Error(
      `Cannot read ${path}: it is ${calledFrame(frame)}, cut off or damaged. Write or copy it again.`,
      { cause },
    );
  }
}
