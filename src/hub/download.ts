/** Downloads of single files: they go on where they stopped, and are whole or not there. */
import { dirname } from "node:path";
import { flushFolder } from "../files/atomic.ts";
import { isFile } from "../files/exists.ts";
import { isNamed, tryLock } from "../files/lock.ts";
import { isPacked, pause, pieces } from "./body.ts";
import { type HubClient, plainUrl, reasonOf, refusal } from "./client.ts";
import { digestOf } from "./digest.ts";
import { HubError, HubUnreachableError } from "./errors.ts";
import type { RepoRevision } from "./repo_files.ts";

/** What to download. */
export interface Download {
  readonly url: string;
  /** Its path in the repository. */
  readonly path: string;
  /** SHA-256 of large files; of small ones git's SHA-1. */
  readonly checksum: string;
  readonly bytes: number | undefined;
  /** Where to. */
  readonly blob: string;
  /** What it is of. */
  readonly repository: RepoRevision;
}

/** Times that a cut connection is taken up again without a byte gained. */
const TRIES = 3;
/** Milliseconds between looks at a download of another process. */
const LOOK_MS = 300;

/**
 * Downloads a file to `<blob>.incomplete`, goes on where an earlier download stopped, compares size and checksum, and only then
 * gives it its name. A cut connection is taken up again; another process at the same file is waited for.
 *
 * @throws {HubError} A sentence if the bytes end early, are not those of the checksum, or do not fit on the disk.
 */
export async function download(client: HubClient, what: Download): Promise<void> {
  const { blob, path, checksum } = what;
  const incomplete = partOf(blob);
  await Deno.mkdir(dirname(blob), { recursive: true });
  using file = await lockPart(client, what);
  if (file === undefined) return;
  let wasBegun = (await file.stat()).size > 0;
  for (;;) {
    await fill(client, what, file);
    await file.sync();
    const digest = await digestOf(incomplete, checksum);
    if (digest === checksum) break;
    await file.truncate(0);
    if (!wasBegun) {
      await Deno.remove(incomplete);
      throw new HubError(
        `Cannot use ${path} of ${
          plainUrl(what.url)
        }: its checksum should be ${checksum} but is ${digest}: it was changed on its way. ` +
          "Nothing was kept; fetch it again.",
      );
    }
    // What an earlier download left was damaged, perhaps when the power went: all of it comes anew.
    client.settings.onWait?.(`what was left of ${path} does not fit: fetching all of it again`);
    wasBegun = false;
  }
  await Deno.rename(incomplete, blob);
  await flushFolder(dirname(blob));
}

/** Where the bytes are kept until they are whole. */
export function partOf(blob: string): string {
  return `${blob}.incomplete`;
}

/** Opens the part and locks it; nothing if another process made the blob meanwhile. */
async function lockPart({ settings }: HubClient, { blob, path, bytes }: Download): Promise<Deno.FsFile | undefined> {
  for (let isTold = false;;) {
    const file = await Deno.open(partOf(blob), { read: true, write: true, create: true });
    const { size } = await file.stat();
    // Where there are no locks, two processes may spoil each other's part: the checksum tells.
    if (await tryLock(file) !== "taken") {
      const isCurrent = await isNamed(partOf(blob), file);
      const isDone = await isFile(blob);
      if (isCurrent && !isDone) return file;
      // Whoever held the lock gave its file the blob's name, and this is that file, or an empty one in its place.
      if (isCurrent) await Deno.remove(partOf(blob));
      file.close();
      if (isDone) return undefined;
      continue;
    }
    file.close();
    if (!isTold) settings.onWait?.(`another process is downloading ${path}: waiting for it`);
    isTold = true;
    settings.onProgress?.({ path, received: size, total: bytes });
    await pause(LOOK_MS, settings.signal);
  }
}

/** Fills the part to its end, over as many connections as it takes. */
async function fill(client: HubClient, what: Download, file: Deno.FsFile): Promise<void> {
  const { path, bytes } = what;
  let { size: received } = await file.stat();
  for (let failures = 0; received !== bytes;) {
    const before = received;
    let cause: unknown;
    try {
      for await (received of append(client, what, file, received)) {
        client.settings.onProgress?.({ path, received, total: bytes });
      }
      // Of a file of unknown length the body's end is the end; its checksum will tell.
      if (bytes === undefined || received >= bytes) return;
    } catch (error) {
      client.settings.signal?.throwIfAborted();
      if (error instanceof HubError && !(error instanceof HubUnreachableError)) throw error;
      if (error instanceof Error && error.cause instanceof Deno.errors.NotCapable) throw error;
      if (["ENOSPC", "EDQUOT"].includes(codeOf(error))) throw diskFull(what, received, error);
      cause = error;
    }
    failures = received > before ? 0 : failures + 1;
    // Whoever cannot be reached at all is said with what to do about it.
    if (failures === TRIES) throw cause instanceof HubUnreachableError ? cause : interrupted(what, received, cause);
    const wait = 2 ** failures / 2;
    client.settings.onWait?.(`${path} ended after ${received} of ${bytes ?? "unknown"} bytes: going on in ${wait} s`);
    await pause(wait * 1000, client.settings.signal);
  }
}

/** Writes what one connection brings, and gives the bytes that are there after each piece. */
async function* append(
  client: HubClient,
  { url, path, bytes, repository }: Download,
  file: Deno.FsFile,
  received: number,
): AsyncGenerator<number> {
  let response = await client.send(url, received > 0 ? { headers: { range: `bytes=${received}-` } } : {});
  if (response.status === 206 && (isPacked(response) || startOf(response) !== received)) {
    // Not the part that was asked for: all of it, then.
    await response.body?.cancel();
    response = await client.send(url);
  }
  if (response.status === 416) {
    // Nothing after what is there: it is whole, or of no use.
    await response.body?.cancel();
    return;
  }
  if (!response.ok) {
    await response.body?.cancel();
    if (new URL(response.url).host === new URL(url).host) {
      throw await refusal(response, repository, path, client.settings);
    }
    throw new HubError(
      `Cannot fetch ${path}: ${
        new URL(response.url).host
      }, where the hub keeps it, answers with status ${response.status}. ` +
        "Try again later.",
    );
  }
  if (response.status !== 206) {
    await file.truncate(0);
    received = 0;
  }
  const total = totalOf(response);
  if (bytes !== undefined && total !== undefined && total !== bytes) {
    await response.body?.cancel();
    throw new HubError(
      `Cannot use ${path}: it should have ${bytes} bytes but the server has ${total}: it changed meanwhile. Start again.`,
    );
  }
  await file.seek(received, Deno.SeekMode.Start);
  for await (const chunk of pieces(response)) {
    // Thousands of small pieces: the system takes them faster than a promise each would.
    for (let written = 0; written < chunk.length;) written += file.writeSync(chunk.subarray(written));
    received += chunk.length;
    yield received;
    // More than the file has: its checksum will tell. A packed body could go on for as long as there is disk.
    if (bytes !== undefined && received > bytes) return;
  }
}

/** First byte of a part. */
function startOf({ headers }: Response): number {
  return Number(/^bytes (\d+)-/.exec(headers.get("content-range") ?? "")?.[1]);
}

/** Bytes of the whole file, as a server tells them. */
function totalOf(response: Response): number | undefined {
  if (isPacked(response)) return undefined;
  const { status, headers } = response;
  const told = status === 206
    ? /\/(\d+)$/.exec(headers.get("content-range") ?? "")?.[1]
    : headers.get("content-length");
  return told === undefined || told === null ? undefined : Number(told);
}

function interrupted({ path, url, bytes }: Download, received: number, cause: unknown): HubError {
  const reason = cause === undefined ? "" : ` (${reasonOf(cause)})`;
  return new HubError(
    `Cannot fetch ${path} of ${plainUrl(url)}: it ended after ${received} of ${bytes ?? "unknown"} bytes${reason}. ` +
      "Try again: it goes on from there.",
    { cause },
  );
}

function diskFull({ path, blob, bytes }: Download, received: number, cause: unknown): HubError {
  return new HubError(
    `Cannot fetch ${path}: the disk of ${dirname(blob)} is full after ${received} of ${
      bytes ?? "unknown"
    } bytes. Make room and ` +
      "start again: it goes on from there; or choose another folder with --cache or EXEMPLAR_CACHE.",
    { cause },
  );
}

function codeOf(error: unknown): string {
  return (error as { code?: string }).code ?? "";
}
