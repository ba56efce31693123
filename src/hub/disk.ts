import { statfs } from "node:fs/promises";
import { dirname } from "node:path";

/** Bytes that a user may still write to the disk of a folder, which need not exist yet; undefined where Deno may not ask. */
export async function freeBytes(folder: string): Promise<number | undefined> {
  for (let place = folder;; place = dirname(place)) {
    try {
      const { bavail, bsize } = await statfs(place);
      return bavail * bsize;
    } catch (error) {
      if (error instanceof Deno.errors.NotCapable) return undefined;
      // The folder will be made below the nearest one that there is.
      const isMissing = ["ENOENT", "ENOTDIR"].includes((error as { code?: string }).code ?? "");
      if (!isMissing || place === dirname(place)) throw error;
    }
  }
}

/** Bytes as people read them: `2.4 GB`. */
export function bytesText(bytes: number): string {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  let unit = 0;
  for (; bytes >= 999.5 && unit < units.length - 1; unit++) bytes /= 1000;
  return `${unit === 0 ? bytes : Number(bytes.toPrecision(3))} ${units[unit]}`;
}
