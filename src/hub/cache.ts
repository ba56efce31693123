/**
 * The cache of one repository, laid out as `huggingface_hub` does, so that either reads the other's:
 *
 *     models--<owner>--<name>/
 *       refs/<revision>               the commit that a branch or tag was
 *       snapshots/<commit>/<path>     a link to
 *       blobs/<checksum>              the bytes
 *       trees/<commit>.json           all files of a commit, with sizes and checksums
 *       .no_exist/<commit>/<path>     a file that a commit has not
 */
import { basename, dirname, join, relative, resolve } from "node:path";
import { flushFolder, writeJsonAtomic, writeTextAtomic } from "../files/atomic.ts";
import { isFile } from "../files/exists.ts";
import { textOf } from "../files/open.ts";
import { digestOf, stampOf } from "./digest.ts";
import { HubError } from "./errors.ts";

/** A file of a commit. */
export interface Entry {
  readonly path: string;
  /** SHA-256 of large files; of small ones git's SHA-1 of the blob. */
  readonly checksum: string;
  readonly bytes: number | undefined;
}

/** All files of a commit, by path. */
export type Tree = ReadonlyMap<string, Entry>;

/** Which repository. */
export interface RepoName {
  /** Owner and name, such as `J-RUM/exemplar-partitioning`. */
  readonly repo: string;
  readonly type: "model" | "dataset";
}

/** A checksum of either kind. */
export function isChecksum(text: unknown): text is string {
  return typeof text === "string" && /^([0-9a-f]{64}|[0-9a-f]{40})$/.test(text);
}

/** Whether a revision is a commit, which never changes. */
export function isCommit(revision: string): boolean {
  return /^[0-9a-f]{40}$/.test(revision);
}

/** One repository's folder in a cache. */
export class RepoCache {
  /** The repository's folder. */
  readonly folder: string;

  constructor(
    /** The cache's folder. */
    readonly root: string,
    { repo, type }: RepoName,
  ) {
    this.folder = join(resolve(root), `${type}s--${repo.replaceAll("/", "--")}`);
  }

  /** The commit that a revision was when it was last looked up. */
  async commitOf(revision: string): Promise<string | undefined> {
    if (isCommit(revision)) return revision;
    const commit = (await textOf(join(this.folder, "refs", revision)))?.trim();
    return commit !== undefined && isCommit(commit) ? commit : undefined;
  }

  /** The folder of a commit's files. */
  snapshot(commit: string): string {
    return join(this.folder, "snapshots", commit);
  }

  /** Where the bytes of a checksum are. */
  blob(checksum: string): string {
    return join(this.folder, "blobs", checksum);
  }

  /** All files of a commit, where they were written down. */
  async tree(commit: string): Promise<Tree | undefined> {
    const text = await textOf(this.#treeFile(commit));
    if (text === undefined) return undefined;
    try {
      const { format_version, files } = JSON.parse(text) as TreeFile;
      if (format_version !== 1 || Object.keys(files).length === 0) return undefined;
      return new Map(
        Object.entries(files).map(([path, { size, blob_id, lfs_sha256 }]) => {
          return [path, { path, checksum: lfs_sha256 ?? blob_id, bytes: size }];
        }),
      );
    } catch (error) {
      // Half a file, or one of another program: the hub is asked again.
      if (error instanceof SyntaxError || error instanceof TypeError) return undefined;
      throw error;
    }
  }

  /** Whether it is written down that a commit has no such file. */
  isAbsent(commit: string, path: string): Promise<boolean> {
    return isFile(join(this.folder, ".no_exist", commit, path));
  }

  /** The checksum that a cached file should have, where the cache tells. */
  async checksumOf(commit: string, path: string): Promise<string | undefined> {
    try {
      // One step only: a blob may be a link itself, to a store of blobs by other names.
      const target = await Deno.readLink(join(this.snapshot(commit), path));
      if (basename(dirname(target)) === "blobs" && isChecksum(basename(target))) return basename(target);
    } catch (error) {
      // Where links are not to be had, the file itself is in its place.
      if (!isNoLink(error)) throw error;
    }
    return (await this.tree(commit))?.get(path)?.checksum;
  }

  /** Writes down which commit a branch or tag is. */
  async writeRef(revision: string, commit: string): Promise<void> {
    if (isCommit(revision) || await this.commitOf(revision) === commit) return;
    await writeTextAtomic(join(this.folder, "refs", revision), commit);
  }

  /** Writes down all files of a commit. */
  async writeTree(commit: string, tree: Tree): Promise<void> {
    if ((await this.tree(commit))?.size === tree.size) return;
    const files = Object.fromEntries([...tree.values()].map(({ path, checksum, bytes }) => [path, {
      size: bytes,
      blob_id: checksum,
      ...(checksum.length === 64 ? { lfs_sha256: checksum, lfs_size: bytes } : {}),
    }]));
    await writeJsonAtomic(this.#treeFile(commit), { format_version: 1, files });
  }

  /** Writes down that a commit has no such file. */
  async writeAbsence(commit: string, path: string): Promise<void> {
    await writeTextAtomic(join(this.folder, ".no_exist", commit, path), "");
  }

  /** Puts a link to a blob, of this cache or another, in a commit's folder. */
  async link(commit: string, path: string, blob: string): Promise<void> {
    const pointer = join(this.snapshot(commit), path);
    // Relative within the cache, as huggingface_hub links, so that it can be moved as a whole.
    const target = blob.startsWith(this.folder) ? relative(dirname(pointer), blob) : blob;
    const temporary = `${pointer}.${crypto.randomUUID()}.tmp`;
    await Deno.mkdir(dirname(pointer), { recursive: true });
    try {
      await Deno.symlink(target, temporary);
    } catch (cause) {
      if (cause instanceof Deno.errors.NotCapable) {
        throw new HubError(
          `Cannot make the link ${pointer} (${cause.message}): links need --allow-read and --allow-write without folders`,
          { cause },
        );
      }
      // Windows makes symbolic links for developers only; a second name for the same file does as well.
      await Deno.link(blob, temporary);
    }
    // A link that is there is replaced in one step.
    await Deno.rename(temporary, pointer);
    await flushFolder(dirname(pointer));
  }

  /** Whether the bytes at `path`, in this cache or another, are those of a checksum. */
  async isWhole(path: string, checksum: string): Promise<boolean> {
    const real = await Deno.realPath(path);
    // Gigabytes are read once, and again when the system says that the file was touched.
    if (await textOf(this.#stampFile(checksum)) === await stampOf(real)) return true;
    if (await digestOf(real, checksum) !== checksum) return false;
    await this.stamp(real, checksum);
    return true;
  }

  /** Writes down that the bytes of a file were compared with its checksum. */
  async stamp(path: string, checksum: string): Promise<void> {
    try {
      await writeTextAtomic(this.#stampFile(checksum), await stampOf(path));
    } catch {
      // A cache that may only be read is compared anew every time: nothing else comes of it.
    }
  }

  #stampFile(checksum: string): string {
    return join(this.folder, "verified", checksum);
  }

  #treeFile(commit: string): string {
    return join(this.folder, "trees", `${commit}.json`);
  }
}

/** What `trees/<commit>.json` holds. */
interface TreeFile {
  readonly format_version: number;
  readonly files: Record<string, { readonly size: number; readonly blob_id: string; readonly lfs_sha256?: string }>;
}

function isNoLink(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound ||
    ["EINVAL", "UNKNOWN"].includes((error as { code?: string }).code ?? "");
}
