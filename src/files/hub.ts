/**
 * Files of the Hugging Face hub, kept in the cache that Python's `huggingface_hub` keeps them in, so that both share it:
 * `<cache>/datasets--<owner>--<name>/{refs/<revision>, snapshots/<commit>/<path> -> blobs/<checksum>}`. A file's checksum is
 * compared after the download, and again whenever the file is taken from the cache.
 */
import { dirname, join, relative } from "node:path";
import { writeTextAtomic } from "./atomic.ts";
import { isFile } from "./exists.ts";
import { digestOf, download, type Progress } from "./hub_download.ts";

/** Which file, and how it is fetched. */
export interface HubFileOptions {
  /** Owner and name, such as `J-RUM/exemplar-partitioning`. */
  repo: string;
  /** What the repository holds; default `"model"`. */
  type?: "model" | "dataset";
  /** Path in the repository. */
  path: string;
  /** Branch, tag or commit; default `main`. */
  revision?: string;
  /** Default: `HF_HUB_CACHE`, `$HF_HOME/hub`, or `~/.cache/huggingface/hub`, as for `huggingface_hub`. */
  cacheDir?: string;
  /** The hub, or a mirror; default `https://huggingface.co`. */
  endpoint?: string;
  /** Called while bytes arrive. */
  onProgress?: (progress: Progress) => void;
}

/** A file that the hub does not have. */
export class HubNotFoundError extends Error {
  /** As errors are called in messages. */
  override readonly name: string = "HubNotFoundError";
}

interface Remote {
  readonly url: string;
  readonly commit: string;
  readonly checksum: string;
  readonly bytes: number | undefined;
}

/**
 * The path of a file of the hub, downloaded if it is not in the cache. A commit that is cached needs no network; a branch is
 * looked up, and where the hub cannot be reached its last known commit is taken.
 *
 * @throws {HubNotFoundError} if the hub has no such file.
 * @throws {Error} A sentence if it cannot be fetched, if its bytes are not those of its checksum, or if it is not cached and
 * the hub cannot be reached. An interrupted download goes on where it stopped the next time.
 */
export async function hubFile(options: HubFileOptions): Promise<string> {
  const { repo, type = "model", path, revision = "main", endpoint = "https://huggingface.co" } = options;
  if (path.split("/").some((part) => part === ".." || part === "") || !/^[\w.-]+\/[\w.-]+$/.test(repo)) {
    throw new Error(`Expected a repository owner/name and a path inside of it but found ${repo} and ${path}`);
  }
  const folder = join(options.cacheDir ?? defaultCache(), `${type}s--${repo.replaceAll("/", "--")}`);
  const pointer = (commit: string) => join(folder, "snapshots", commit, path);
  const isCommit = /^[0-9a-f]{40}$/.test(revision);
  if (isCommit && await isCached(pointer(revision))) return pointer(revision);

  const prefix = type === "model" ? "" : `${type}s/`;
  const encoded = path.split("/").map(encodeURIComponent).join("/");
  const url = `${endpoint}/${prefix}${repo}/resolve/${encodeURIComponent(revision)}/${encoded}`;
  let remote: Remote;
  try {
    remote = await lookUp(url);
  } catch (error) {
    if (!(error instanceof TypeError || error instanceof Deno.errors.NotCapable)) throw error;
    const commit = await Deno.readTextFile(join(folder, "refs", revision)).catch(() => revision);
    if (await isCached(pointer(commit.trim()), error)) return pointer(commit.trim());
    throw new Error(
      `Cannot fetch ${url}: the hub cannot be reached (${error.message}), and the file is not in ${folder}. Go online once, ` +
        "or copy the cache of a machine that was.",
      { cause: error },
    );
  }
  const blob = join(folder, "blobs", remote.checksum);
  if (!(await isFile(blob) && await digestOf(blob, remote.checksum) === remote.checksum)) {
    await download({ ...remote, blob, onProgress: options.onProgress });
  }
  await link(blob, pointer(remote.commit));
  if (!isCommit) await writeTextAtomic(join(folder, "refs", revision), remote.commit);
  return pointer(remote.commit);
}

function defaultCache(): string {
  const of = (name: string) => Deno.env.get(name) || undefined;
  const home = of("HF_HOME") ??
    join(of("XDG_CACHE_HOME") ?? join(of("HOME") ?? of("USERPROFILE") ?? ".", ".cache"), "huggingface");
  return of("HF_HUB_CACHE") ?? of("HUGGINGFACE_HUB_CACHE") ?? join(home, "hub");
}

/** Asks the hub for commit, checksum and size of a file, without its bytes. */
async function lookUp(url: string): Promise<Remote> {
  let at = url;
  let commit = "";
  for (let hop = 0; hop < 5; hop++) {
    const response = await fetch(at, {
      method: "HEAD",
      redirect: "manual",
      headers: { "accept-encoding": "identity" },
    });
    await response.body?.cancel();
    const { headers, status } = response;
    commit = headers.get("x-repo-commit") ?? commit;
    const next = headers.get("location");
    const isMoved = status >= 300 && status < 400 && next !== null;
    // Renamed repositories are elsewhere on the hub; the bytes of large files are on another host, told with their checksum.
    if (isMoved && !headers.has("x-linked-etag") && new URL(next, at).origin === new URL(at).origin) {
      at = new URL(next, at).href;
      continue;
    }
    if (!isMoved && !response.ok) throw refusal(url, status, headers);
    const checksum = (headers.get("x-linked-etag") ?? headers.get("etag") ?? "").replace(/^W\//, "").replaceAll(
      '"',
      "",
    );
    if (!/^([0-9a-f]{64}|[0-9a-f]{40})$/.test(checksum) || !/^[0-9a-f]{40}$/.test(commit)) {
      throw new Error(`Cannot fetch ${url}: the answer tells no checksum or no commit. Is it the Hugging Face hub?`);
    }
    const bytes = headers.get("x-linked-size") ?? (isMoved ? null : headers.get("content-length"));
    return { url, commit, checksum, bytes: bytes === null ? undefined : Number(bytes) };
  }
  throw new Error(`Cannot fetch ${url}: it is redirected again and again.`);
}

function refusal(url: string, status: number, headers: Headers): Error {
  const reason = headers.get("x-error-message") ?? `status ${status}`;
  if (status === 404) return new HubNotFoundError(`Cannot fetch ${url}: the hub has no such file (${reason}).`);
  const advice = status === 401 || status === 403
    ? "Only files that are open to everybody can be fetched"
    : "Try again later";
  return new Error(`Cannot fetch ${url}: the hub refuses (${reason}). ${advice}.`);
}

/** Whether a file is in the cache; a sentence if it is and its bytes are not those of its checksum. */
async function isCached(path: string, cause?: Error): Promise<boolean> {
  if (!await isFile(path)) return false;
  const blob = await Deno.realPath(path);
  const checksum = blob.split(/[/\\]/).at(-1)!;
  if (await digestOf(blob, checksum) === checksum) return true;
  throw new Error(
    `Cannot use ${path}: the cached bytes are not those of its checksum. Delete ${blob} and fetch it again.`,
    { cause },
  );
}

async function link(blob: string, pointer: string): Promise<void> {
  if (await isFile(pointer)) return;
  await Deno.mkdir(dirname(pointer), { recursive: true });
  await Deno.symlink(relative(dirname(pointer), blob), pointer).catch((cause) => {
    if (cause instanceof Deno.errors.AlreadyExists) return;
    throw new Error(
      `Cannot make the link ${pointer}: ${cause.message}. Run with --allow-read and --allow-write; on Windows turn on ` +
        "Developer Mode.",
      { cause },
    );
  });
}
