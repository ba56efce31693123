import { createHash } from "node:crypto";

/** The checksum of a file, of the kind that another one is of: SHA-256 (64 digits), or git's of a blob (40 digits). */
export async function digestOf(path: string, like: string): Promise<string> {
  using file = await Deno.open(path);
  const isGit = like.length === 40;
  const hash = createHash(isGit ? "sha1" : "sha256");
  // Git puts the size before the bytes.
  if (isGit) hash.update(`blob ${(await file.stat()).size}\0`);
  const buffer = new Uint8Array(1 << 20);
  for (let count; (count = await file.read(buffer)) !== null;) hash.update(buffer.subarray(0, count));
  return hash.digest("hex");
}
