/** What caches have of a commit: ours, and those of other programs. */
import { join } from "node:path";
import { isFile } from "../files/exists.ts";
import type { RepoCache } from "./cache.ts";
import { HubNotFoundError } from "./errors.ts";
import { assertInside, type RepoFiles } from "./repo_files.ts";

/** What a cache has of a commit. */
export class CachedFiles implements RepoFiles {
  readonly folder: string;

  constructor(
    readonly repo: string,
    readonly cache: RepoCache,
    readonly commit: string,
    readonly own: RepoCache,
    readonly files: RepoFiles["files"],
  ) {
    this.folder = cache.snapshot(commit);
  }

  async has(path: string): Promise<boolean> {
    return this.files?.has(path) ?? await isFile(join(this.folder, path));
  }

  async isUncertain(path: string): Promise<boolean> {
    return this.files === undefined && !await this.has(path) && !await this.cache.isAbsent(this.commit, path);
  }

  async get(paths: readonly string[]): Promise<void> {
    for (const path of paths) {
      assertInside(path);
      const file = join(this.folder, path);
      if (!await isFile(file)) throw new HubNotFoundError(`Cannot use ${path}: it is not in ${this.folder}.`);
      const checksum = await this.cache.checksumOf(this.commit, path);
      if (checksum === undefined || await this.own.isWhole(file, checksum)) continue;
      throw new HubNotFoundError(
        `Cannot use ${path}: the cached bytes are not those of its checksum. Delete ${await Deno.realPath(
          file,
        )} and fetch ` +
          "it again.",
      );
    }
  }
}

/** The files of a snapshot that was taken whole. Nobody needs git's own file: whoever has it took all. */
export async function wholeSnapshot(folder: string): Promise<RepoFiles["files"]> {
  if (!await isFile(join(folder, ".gitattributes"))) return undefined;
  const files = new Map<string, undefined>();
  const walk = async (below: string) => {
    for await (const { name, isDirectory } of Deno.readDir(join(folder, below))) {
      const path = below === "" ? name : `${below}/${name}`;
      if (isDirectory) await walk(path);
      else files.set(path, undefined);
    }
  };
  await walk("");
  return files;
}
