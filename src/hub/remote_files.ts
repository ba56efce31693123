/** What the hub has of a commit, and how it comes into our cache. */
import { isFile } from "../files/exists.ts";
import type { Entry, RepoCache } from "./cache.ts";
import { type HubClient, refusal } from "./client.ts";
import { bytesText, freeBytes } from "./disk.ts";
import { download, partOf } from "./download.ts";
import { HubError, HubNotFoundError } from "./errors.ts";
import { nearestNames } from "../compute/near_names.ts";
import { fileUrl, listCommit, lookUpFile, type RemoteCommit } from "./remote.ts";
import { assertInside, type RepoFiles, type RepoRevision } from "./repo_files.ts";

/** What the files of a commit come from and go to. */
export interface Context {
  readonly wanted: RepoRevision;
  readonly own: RepoCache;
  readonly others: readonly RepoCache[];
  readonly client: HubClient;
}

/** What the hub has of a commit; what is got is in our cache. */
export class RemoteFiles implements RepoFiles {
  readonly repo: string;
  readonly commit: string;
  readonly folder: string;
  readonly files: RemoteCommit["files"];
  readonly client: HubClient;
  /** What was asked for one file at a time. */
  readonly #asked = new Map<string, Entry | undefined>();

  private constructor(readonly context: Context, readonly remote: RemoteCommit) {
    this.repo = context.wanted.repo;
    this.commit = remote.commit;
    this.files = remote.files;
    this.folder = context.own.snapshot(remote.commit);
    this.client = context.client;
  }

  static async open(context: Context, revision: string, only?: string): Promise<RemoteFiles> {
    const { wanted, client } = context;
    const listed = only === undefined ? await listCommit(client, wanted, revision) : undefined;
    if (listed) return new RemoteFiles(context, listed);
    // Where nothing is listed one file tells the commit: this one every model has.
    const path = only ?? "config.json";
    assertInside(path);
    const { commit, entry } = await lookUpFile(client, wanted, revision, path);
    const files = new RemoteFiles(context, { commit, files: undefined, isGated: false });
    files.#asked.set(path, entry);
    return files;
  }

  async has(path: string): Promise<boolean> {
    return this.files?.has(path) ?? await this.#entry(path) !== undefined;
  }

  isUncertain(): Promise<boolean> {
    return Promise.resolve(false);
  }

  async get(paths: readonly string[]): Promise<void> {
    const entries: Entry[] = [];
    for (const path of paths) {
      assertInside(path);
      const entry = await this.#entry(path);
      if (entry === undefined) throw this.#noSuchFile(path);
      entries.push(entry);
    }
    await writing(this.context.own.root, async () => {
      const missing: Entry[] = [];
      for (const entry of entries) if (!await this.#isThere(entry)) missing.push(entry);
      // Files of equal bytes come once.
      const once = new Map(missing.map((entry) => [entry.checksum, entry]));
      if (once.size > 0) await this.#download([...once.values()]);
      for (const entry of missing) await this.#isThere(entry);
    });
  }

  /** Writes down what was found, so that next time nobody needs to be asked. */
  async keep(): Promise<void> {
    const { own, wanted } = this.context;
    const entries = [...this.files?.values() ?? []];
    if (this.files && entries.every((entry) => entry !== undefined)) {
      await own.writeTree(this.commit, new Map(entries.map((entry) => [entry.path, entry])));
    }
    for (const [path, entry] of this.#asked) if (entry === undefined) await own.writeAbsence(this.commit, path);
    try {
      await own.writeRef(wanted.revision, this.commit);
    } catch (error) {
      // Branches "x" and "x/y" of different times cannot both be files: the hub is asked again for the second.
      if (!/is a folder|is a file/.test((error as Error).message)) throw error;
    }
  }

  async #entry(path: string): Promise<Entry | undefined> {
    const listed = this.files?.get(path);
    if (listed || this.files && !this.files.has(path)) return listed;
    if (!this.#asked.has(path)) this.#asked.set(path, await this.#lookUp(path));
    return this.#asked.get(path);
  }

  async #lookUp(path: string): Promise<Entry | undefined> {
    try {
      return (await lookUpFile(this.client, this.context.wanted, this.commit, path)).entry;
    } catch (error) {
      if (error instanceof HubNotFoundError) return undefined;
      throw error;
    }
  }

  /** Whether a cache has the bytes; a link to them then stands in the commit's folder. */
  async #isThere({ path, checksum }: Entry): Promise<boolean> {
    const { own, others } = this.context;
    for (const cache of [own, ...others]) {
      const blob = cache.blob(checksum);
      if (!await isFile(blob)) continue;
      if (await own.isWhole(blob, checksum)) {
        await own.link(this.commit, path, blob);
        return true;
      }
      // Ours is damaged and comes anew; those of others are theirs to mend.
      if (cache === own) await Deno.remove(blob);
    }
    return false;
  }

  async #download(entries: readonly Entry[]): Promise<void> {
    const { own, wanted, client } = this.context;
    const { repo, revision } = wanted;
    if (this.remote.isGated) await this.#assertOpen(entries[0]);
    const bytes = await this.#bytesLeft(entries);
    await assertRoom(own.folder, bytes);
    client.settings.onPlan?.({ repo, revision, commit: this.commit, files: entries, bytes, folder: own.folder });
    for (const entry of entries) {
      const { path, checksum } = entry;
      const blob = own.blob(checksum);
      // By its commit, so that all files are of one even if the branch moves meanwhile.
      const url = fileUrl(client, wanted, this.commit, path);
      await download(client, { ...entry, url, blob, repository: wanted });
      await own.stamp(await Deno.realPath(blob), checksum);
    }
  }

  /** Throws if a gate is closed, before anything is announced. */
  async #assertOpen({ path }: Entry): Promise<void> {
    const { wanted, client } = this.context;
    const response = await client.send(fileUrl(client, wanted, this.commit, path), {
      method: "HEAD",
      follows: () => false,
    });
    await response.body?.cancel();
    if (response.status >= 400) throw await refusal(response, wanted, path, client.settings);
  }

  async #bytesLeft(entries: readonly Entry[]): Promise<number | undefined> {
    let sum = 0;
    for (const { checksum, bytes } of entries) {
      if (bytes === undefined) return undefined;
      const part = partOf(this.context.own.blob(checksum));
      sum += bytes - (await isFile(part) ? Math.min(bytes, (await Deno.stat(part)).size) : 0);
    }
    return sum;
  }

  #noSuchFile(path: string): HubNotFoundError {
    const { repo } = this.context.wanted;
    const near = nearestNames(path, [...this.files?.keys() ?? []]);
    return new HubNotFoundError(
      `Cannot fetch ${path} of ${repo} at commit ${this.commit}: the hub has no such file.` +
        (near.length > 0 ? ` Near it: ${near.join(", ")}.` : ""),
    );
  }
}

/** Runs a step that writes in a cache; what the system refuses there is said with what to do. */
export async function writing<T>(folder: string, step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (cause) {
    const { code, message } = cause as { code?: string; message: string };
    if (cause instanceof HubError || !/^(EROFS|EACCES|EPERM|ENOTDIR|EISDIR|EEXIST|ENAMETOOLONG)$/.test(code ?? "")) {
      throw cause;
    }
    throw new HubError(
      `Cannot keep downloads in ${folder} (${
        message.split("\n")[0]
      }): choose another folder with --cache or EXEMPLAR_CACHE`,
      { cause },
    );
  }
}

async function assertRoom(folder: string, bytes: number | undefined): Promise<void> {
  const free = bytes === undefined ? undefined : await freeBytes(folder);
  if (bytes === undefined || free === undefined || bytes <= free) return;
  throw new HubError(
    `Expected room for ${bytesText(bytes)} on the disk of ${folder} but ${
      bytesText(free)
    } are free: make room, or choose ` +
      "another folder with --cache or EXEMPLAR_CACHE. Nothing was downloaded.",
  );
}
