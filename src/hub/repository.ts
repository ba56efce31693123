/** The files of a repository, wherever they are: cached by us, cached by other programs, or on the hub. */
import { exists } from "../files/exists.ts";
import { isCommit, RepoCache } from "./cache.ts";
import { CachedFiles, wholeSnapshot } from "./cached_files.ts";
import { HubClient } from "./client.ts";
import { HubError, HubNotFoundError, HubUnreachableError } from "./errors.ts";
import { currentSettings, type HubOptions, type HubSettings } from "./options.ts";
import { RemoteFiles, writing } from "./remote_files.ts";
import { assertInside, type RepoFiles, type RepoRevision } from "./repo_files.ts";

export type { RepoFiles, RepoRevision };

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
    const outcome = await tried(new CachedFiles(repo, cache, commit, own, files));
    if (outcome) return outcome.result;
  }
  if (settings.offline) throw new HubUnreachableError(offlineSentence(wanted, settings, missing));

  const client = new HubClient(settings);
  const context = { wanted, own, others, client };
  try {
    const known = refresh ? undefined : await own.commitOf(revision);
    // The commit that is cached already comes before a newer one, so that a run's files stay of one; a commit asked for
    // by name is tried below.
    if (known !== undefined && known !== revision) {
      const outcome = await RemoteFiles.open(context, known, options.only).then(tried).catch(gone);
      if (outcome) return outcome.result;
    }
    // If today's files do not do either, theirs is the reason to tell.
    missing = undefined;
    const outcome = await tried(await RemoteFiles.open(context, revision, options.only));
    if (refresh) refreshed.add(key);
    if (outcome) return outcome.result;
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
