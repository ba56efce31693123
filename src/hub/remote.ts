/** What the hub says of a repository: which commit a revision is, and the files of that commit. */
import { type Entry, isChecksum, isCommit, type RepoName } from "./cache.ts";
import { type HubClient, plainUrl, refusal } from "./client.ts";
import { HubError, HubNotFoundError, HubRepositoryNotFoundError } from "./errors.ts";
import { nearestNames } from "../compute/near_names.ts";

/** A commit of a repository on the hub. */
export interface RemoteCommit {
  readonly commit: string;
  /** All its files, by path, where the hub lists them; what it does not tell of one is undefined. */
  readonly files: ReadonlyMap<string, Entry | undefined> | undefined;
  /** Whether its files are only for those who asked for access. */
  readonly isGated: boolean;
}

/** The address of a file. */
export function fileUrl(client: HubClient, { repo, type }: RepoName, revision: string, path: string): string {
  const prefix = type === "model" ? "" : `${type}s/`;
  const encoded = path.split("/").map(encodeURIComponent).join("/");
  return `${client.settings.endpoint}/${prefix}${repo}/resolve/${encodeURIComponent(revision)}/${encoded}`;
}

/**
 * Asks which commit a revision is, and for all its files.
 *
 * @returns Nothing where that place has files but does not list them.
 * @throws {HubNotFoundError} if there is no such repository or revision; it names near ones.
 * @throws {HubError} if the hub cannot be asked, or refuses.
 */
export async function listCommit(
  client: HubClient,
  name: RepoName,
  revision: string,
): Promise<RemoteCommit | undefined> {
  const path = `/api/${name.type}s/${name.repo}/revision/${encodeURIComponent(revision)}?blobs=true`;
  const { value, response } = await client.json(path);
  const { sha, siblings, gated } = (value ?? {}) as CommitInfo;
  if (isCommit(sha ?? "") && Array.isArray(siblings)) {
    const files = siblings.filter((file) => typeof file?.rfilename === "string").map((file) => {
      const checksum = file.lfs?.sha256 ?? file.blobId;
      const bytes = file.lfs?.size ?? file.size;
      const isKnown = isChecksum(checksum) && typeof bytes === "number";
      return [file.rfilename, isKnown ? { path: file.rfilename, checksum, bytes } : undefined] as const;
    });
    return { commit: sha!, files: new Map(files), isGated: Boolean(gated) };
  }
  const hasReason = response.headers.has("x-error-code") || response.status === 401 || response.status === 403;
  if (!hasReason) return undefined;
  throw await explained(
    client,
    name,
    revision,
    await refusal(response, { ...name, revision }, undefined, client.settings),
  );
}

/**
 * Asks for commit, checksum and size of one file, without its bytes.
 *
 * @throws {HubNotFoundError} if there is no such repository, revision or file.
 * @throws {HubError} if the hub cannot be asked, refuses, or is none.
 */
export async function lookUpFile(
  client: HubClient,
  name: RepoName,
  revision: string,
  path: string,
): Promise<{ commit: string; entry: Entry }> {
  const url = fileUrl(client, name, revision, path);
  let commit = "";
  const response = await client.send(url, {
    method: "HEAD",
    follows: ({ headers }) => {
      commit = headers.get("x-repo-commit") ?? commit;
      // Renamed repositories redirect; so do large files, which are on another host, with their checksum.
      return !headers.has("x-linked-etag");
    },
  });
  await response.body?.cancel();
  const { headers, status, ok } = response;
  const isElsewhere = status >= 300 && status < 400;
  if (!ok && !isElsewhere) {
    const error = await refusal(response, { ...name, revision }, path, client.settings);
    throw await explained(client, name, revision, error, path);
  }
  commit = headers.get("x-repo-commit") ?? commit;
  const tag = headers.get("x-linked-etag") ?? headers.get("etag") ?? "";
  const checksum = tag.replace(/^W\//, "").replaceAll('"', "");
  if (!isChecksum(checksum) || !isCommit(commit)) {
    throw new HubError(
      `Cannot fetch ${plainUrl(url)}: the answer tells no checksum or no commit. Is it the Hugging Face hub?`,
    );
  }
  const bytes = headers.get("x-linked-size") ?? (isElsewhere ? null : headers.get("content-length"));
  return { commit, entry: { path, checksum, bytes: bytes === null ? undefined : Number(bytes) } };
}

/** Names of repositories that the hub finds for some words; none where it cannot say. */
export async function searchRepos(client: HubClient, type: RepoName["type"], query: string): Promise<string[]> {
  const repos = await asked(client, `/api/${type}s?${query}&limit=20`);
  return Array.isArray(repos) ? repos.map(({ id }) => id).filter((id) => typeof id === "string") : [];
}

/** An error about what is not there, with the names that are nearest to it. */
async function explained(
  client: HubClient,
  name: RepoName,
  revision: string,
  error: HubError,
  path?: string,
): Promise<HubError> {
  if (!(error instanceof HubNotFoundError)) return error;
  const near = await nearRevisions(client, name, revision) ?? await nearRepos(client, name);
  if (near.length === 0 && path !== undefined && !(error instanceof HubRepositoryNotFoundError)) {
    near.push(...await nearFiles(client, name, revision, path));
  }
  if (near.length === 0) return error;
  const Kind = error.constructor as typeof HubNotFoundError;
  return new Kind(`${error.message} Near it: ${near.join(", ")}.`, { cause: error });
}

/** The nearest files of a commit. */
async function nearFiles(client: HubClient, { repo, type }: RepoName, revision: string, path: string) {
  const info = await asked(client, `/api/${type}s/${repo}/revision/${encodeURIComponent(revision)}`);
  const names = ((info as CommitInfo | undefined)?.siblings ?? []).map((file) => file?.rfilename);
  return nearestNames(path, names.filter((name) => typeof name === "string"));
}

/** The nearest branches and tags; undefined where the repository is not there. */
async function nearRevisions(client: HubClient, { repo, type }: RepoName, revision: string) {
  const refs = await asked(client, `/api/${type}s/${repo}/refs`) as Refs | undefined;
  if (refs === undefined) return undefined;
  const names = [...refs.branches ?? [], ...refs.tags ?? []].map(({ name }) => name);
  return names.includes(revision) ? [] : nearestNames(revision, names);
}

async function nearRepos(client: HubClient, { repo, type }: RepoName): Promise<string[]> {
  const name = repo.split("/")[1];
  // The hub finds parts of names: of a misspelt one its first word may be right.
  for (const words of [name, name.split(/[-_.]/)[0]]) {
    const repos = await searchRepos(client, type, `search=${encodeURIComponent(words)}`);
    if (repos.length > 0) return nearestNames(repo, repos);
  }
  return [];
}

/** An answer that would only make a message better: without it the message does. */
async function asked(client: HubClient, path: string): Promise<unknown> {
  try {
    return (await client.json(path)).value;
  } catch (error) {
    if (error instanceof HubError || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** What the hub's API says of a commit, as far as we read it. */
interface CommitInfo {
  readonly sha?: string;
  readonly gated?: string | boolean;
  readonly siblings?: readonly {
    readonly rfilename: string;
    readonly size?: number;
    readonly blobId?: string;
    readonly lfs?: { readonly sha256: string; readonly size: number };
  }[];
}

interface Refs {
  readonly branches?: readonly { readonly name: string }[];
  readonly tags?: readonly { readonly name: string }[];
}
