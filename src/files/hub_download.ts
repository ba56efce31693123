import { createHash } from "node:crypto";
import { dirname } from "node:path";

/** How far a download is. */
export interface Progress {
  /** Bytes that are there. */
  readonly received: number;
  /** Bytes in all, if the server tells. */
  readonly total: number | undefined;
}

/** What to download. */
export interface Download {
  readonly url: string;
  /** SHA-256 of large files; of small ones git's SHA-1. */
  readonly checksum: string;
  readonly bytes: number | undefined;
  /** Where to. */
  readonly blob: string;
  readonly onProgress?: (progress: Progress) => void;
}

/**
 * Downloads a file to `<blob>.incomplete`, goes on where an earlier download stopped, compares size and checksum, and only then
 * gives it its name.
 *
 * @throws {Error} A sentence if the bytes end early or are not those of the checksum.
 */
export async function download({ url, checksum, bytes, blob, onProgress }: Download): Promise<void> {
  const incomplete = `${blob}.incomplete`;
  await Deno.mkdir(dirname(blob), { recursive: true });
  using file = await Deno.open(incomplete, { read: true, write: true, create: true });
  let { size: received } = await file.stat();
  const range = received > 0 ? { headers: { range: `bytes=${received}-` } } : {};
  const response = await fetch(url, range).catch((cause) => Promise.reject(interrupted(url, received, bytes, cause)));
  if (!response.ok && response.status !== 416) {
    await response.body?.cancel();
    throw new Error(`Cannot fetch ${url}: the server answers with status ${response.status}. Try again later.`);
  }
  if (response.status !== 206) {
    // All bytes come again, or what is there is of no use.
    received = 0;
    await file.truncate(0);
  }
  await file.seek(received, Deno.SeekMode.Start);
  try {
    for await (const chunk of response.status === 416 ? [] : response.body ?? []) {
      for (let written = 0; written < chunk.length;) written += await file.write(chunk.subarray(written));
      received += chunk.length;
      onProgress?.({ received, total: bytes });
    }
  } catch (cause) {
    throw interrupted(url, received, bytes, cause);
  }
  if (bytes !== undefined && received < bytes) throw interrupted(url, received, bytes);
  await file.sync();
  const digest = await digestOf(incomplete, checksum);
  if (digest !== checksum) {
    await Deno.remove(incomplete);
    throw new Error(
      `Cannot use ${url}: its checksum should be ${checksum} but is ${digest}: it was changed on its way. Nothing was kept; ` +
        "fetch it again.",
    );
  }
  await Deno.rename(incomplete, blob);
}

function interrupted(url: string, received: number, bytes: number | undefined, cause?: unknown): Error {
  const reason = cause instanceof Error ? ` (${cause.message})` : "";
  return new Error(
    `Cannot fetch ${url}: it ended after ${received} of ${
      bytes ?? "unknown"
    } bytes${reason}. Try again: it goes on from there.`,
    { cause },
  );
}

/** The checksum of a file, of the kind that another one is of: SHA-256 (64 digits), or git's of a blob (40 digits). */
export async function digestOf(path: string, like: string): Promise<string> {
  using file = await Deno.open(path);
  const isGit = like.length === 40;
  const hash = createHash(isGit ? "sha1" : "sha256");
  if (isGit) hash.update(`blob ${(await file.stat()).size}\0`);
  const buffer = new Uint8Array(1 << 20);
  for (let count; (count = await file.read(buffer)) !== null;) hash.update(buffer.subarray(0, count));
  return hash.digest("hex");
}
