/** The files of a repository, wherever they are: cached by us, cached by other programs, or on the hub. */
import { join } from "node:path";
import { exists, isFile } from "../files/exists.ts";
import { type Entry, isCommit, RepoCache, type RepoName } from "./cache.ts";
import { HubClient, refusal } from "./client.ts";
import { bytesText, freeBytes } from "./disk.ts";
import { download, partOf } from "./download.ts";
import { HubError, HubNotFoundError, HubUnreachableError } from "./errors.ts";
import { nearestNames } from "./nearest.ts";
import { currentSettings, type HubOptions, type HubSettings } from "./options.ts";
import { fileUrl, listCommit, lookUpFile, type RemoteCommit } from "./remote.ts";

/** Which repository, at which revision. */
export interface RepoRevision extends RepoName {
  /** Branch, tag or commit. */
  readonly revision: string;
}

/** Files of one commit. */
export interface RepoFiles {
  /** Owner and name. */
  readonly repo: string;
  readonly commit: string;
  /** Where the files are that {@link get} got. */
  readonly folder: string;
  /** What the commit has, where that is known. */
  readonly files: ReadonlyMap<string, Entry | undefined> | undefined;
  /** The hub, where files come from there. */
  readonly client?: HubClient;
  /** Whether the commit has a file. Of a cache that does not tell, whether it is cached. */
  has(path: string): Promise<boolean>;
  /** Whether a file that the cache has not might be on the hub nevertheless. */
  isUncertain(path: string): Promise<boolean>;
  /** Makes sure that files are in {@link folder}, whole. @throws {HubNotFoundError} if one is not to be had here. */
  get(paths: readonly string[]): Promise<void>;
}

/** How {@link useRepository} looks. */
export interface UseOptions extends HubOptions {
  /** The one file that is wanted: of a large repository no more is asked. */
  only?: string;
}

/** Branches that this process has asked the hub for anew. */
const refreshed = new Set<string>();

/**
 * Calls `use` with the files of a commit, until it does not miss one: first with what is cached of the commit that the
 * revision was last, which asks nobody; then with that commit on the hub; then with what the revision is there today.
 *
 * @param use Throws a HubNotFoundError where it misses a file.
 * @throws {HubError} A sentence if no place has what `use` wants.
 */
export async function useRepository<T>(
  wanted: RepoRevision,
  options: UseOptions,
  use: (files: RepoFiles) => Promise<T>,
): Promise<T> {
  const { repo, type, revision } = wanted;
  if (!/^[\w-][\w.-]*\/[\w-][\w.-]*$/.test(repo)) {
    throw new HubError(`Expected a repository owner/name but found ${repo}`);
  }
  assertInside(revision, "a revision");
  const settings = currentSettings(options);
  const own = new RepoCache(settings.cacheDir, wanted);
  const others = settings.otherCaches.map((folder) => new RepoCache(folder, wanted));
  const key = JSON.stringify([type, repo, revision, own.folder]);
  // Of a setting for the whole process once is enough; whoever asks in a call is meant.
  const isNew = options.refresh === true || !refreshed.has(key);
  const refresh = settings.refresh && !isCommit(revision) && isNew;

  let missing: HubNotFoundError | undefined;
  const tried = async (files: RepoFiles): Promise<{ result: T } | undefined> => {
    try {
      const result = await use(files);
      if (files instanceof RemoteFiles) await writing(own.root, () => files.keep());
      settings.onUse?.({ repo, type, revision, commit: files.commit, cached: !(files instanceof RemoteFiles) });
      return { result };
    } catch (error) {
      if (!(error instanceof HubNotFoundError)) throw error;
      missing ??= error;
      return undefined;
    }
  };

  for (const cache of refresh ? [] : [own, ...others]) {
    const commit = await cache.commitOf(revision);
    if (commit === undefined || !await exists(cache.snapshot(commit))) continue;
    const files = await cache.tree(commit) ?? await wholeSnapshot(cache.snapshot(commit));
    const found = await tried(new CachedFiles(repo, cache, commit, own, files));
    if (found) return found.result;
  }
  if (settings.offline) throw new HubUnreachableError(offlineSentence(wanted, settings, missing));

  const client = new HubClient(settings);
  const context = { wanted, own, others, client };
  try {
    const known = refresh ? undefined : await own.commitOf(revision);
    if (known !== undefined && known !== revision) {
      const found = await RemoteFiles.open(context, known, options.only).then(tried).catch(gone);
      if (found) return found.result;
    }
    missing = undefined;
    const found = await tried(await RemoteFiles.open(context, revision, options.only));
    if (refresh) refreshed.add(key);
    if (found) return found.result;
  } catch (error) {
    if (!(error instanceof HubUnreachableError) || error.cause instanceof Deno.errors.NotCapable) throw error;
    const also = refresh ? "What is cached does without --refresh." : cacheSentence(wanted, settings, missing);
    throw new HubUnreachableError(`${error.message} ${also}`, { cause: error });
  }
  throw missing!;
}

/** A commit that the hub does not have any more is as good as none. */
function gone(error: unknown): undefined {
  if (!(error instanceof HubNotFoundError)) throw error;
}

function offlineSentence(wanted: RepoRevision, settings: HubSettings, missing: Error | undefined): string {
  return `Cannot fetch ${wanted.repo}: the hub is not asked, as --offline or HF_HUB_OFFLINE says. ` +
    cacheSentence(wanted, settings, missing);
}

function cacheSentence({ repo, revision }: RepoRevision, settings: HubSettings, missing: Error | undefined): string {
  const { cacheDir, otherCaches } = settings;
  if (missing) return `And of what is cached: ${missing.message}`;
  return `And there is no ${repo} at ${revision} in ${
    [cacheDir, ...otherCaches].join(" or ")
  }: go online once, or copy the ` +
    "cache of a machine that was.";
}

/** What a cache has of a commit. */
class CachedFiles implements RepoFiles {
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
async function wholeSnapshot(folder: string): Promise<RepoFiles["files"]> {
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

interface Context {
  readonly wanted: RepoRevision;
  readonly own: RepoCache;
  readonly others: readonly RepoCache[];
  readonly client: HubClient;
}

/** What the hub has of a commit; what is got is in our cache. */
class RemoteFiles implements RepoFiles {
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
async function writing<T>(folder: string, step: () => Promise<T>): Promise<T> {
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

/** Throws unless a path stays inside of its folder: it may come from anybody. */
function assertInside(path: string, what = "a path inside of a repository"): void {
  if (path.split("/").every((part) => part !== "" && part !== "." && part !== "..") && !/[\\\0:]/.test(path)) return;
  throw new HubError(`Expected ${what} but found ${JSON.stringify(path)}`);
}
