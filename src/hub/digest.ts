import { createHash } from "node:crypto";
import { join } from "node:path";
import { writeJsonAtomic } from "../files/atomic.ts";
import { exists } from "../files/exists.ts";
import { openFile, readText } from "../files/open.ts";

/** The checksum of a file, of the kind that another one is of: SHA-256 (64 digits), or git's of a blob (40 digits). */
export async function digestOf(path: string, like: string): Promise<string> {
  using file = await openFile(path);
  const isGit = like.length === 40;
  const hash = createHash(isGit ? "sha1" : "sha256");
  // Git puts the size before the bytes.
  if (isGit) hash.update(`blob ${(await file.stat()).size}\0`);
  const buffer = new Uint8Array(1 << 20);
  for (let count; (count = await file.read(buffer)) !== null;) hash.update(buffer.subarray(0, count));
  return hash.digest("hex");
}

/**
 * SHA-256 of a file. It is read once, and again when the system says that it was touched.
 *
 * @param folder Where checksums are kept.
 */
export async function fileChecksum(path: string, folder: string): Promise<string> {
  const stamp = await stampOf(path);
  const note = join(folder, `${createHash("sha256").update(path).digest("hex")}.json`);
  const known = await exists(note) ? noted(await readText(note)) : undefined;
  if (known?.stamp === stamp) return known.sha256;
  const sha256 = await digestOf(path, "0".repeat(64));
  await writeJsonAtomic(note, { stamp, sha256 });
  return sha256;
}

/** What is written down of a file; nothing where that is damaged. */
function noted(text: string): { stamp: string; sha256: string } | undefined {
  try {
    const { stamp, sha256 } = JSON.parse(text);
    return typeof stamp === "string" && /^[0-9a-f]{64}$/.test(sha256) ? { stamp, sha256 } : undefined;
  } catch {
    return undefined;
  }
}

/** What the system tells of a file, which changes with its bytes. */
export async function stampOf(file: string): Promise<string> {
  const { size, mtime, ctime, ino } = await Deno.stat(file);
  return JSON.stringify({ file, size, mtime, ctime, ino });
}
