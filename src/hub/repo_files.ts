/** The files of one commit of a repository, wherever they are. */
import { isInside } from "../files/inside.ts";
import type { Entry, RepoName } from "./cache.ts";
import type { HubClient } from "./client.ts";
import { HubError } from "./errors.ts";

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

/** Throws unless a path stays inside of its folder: it may come from anybody. */
export function assertInside(path: string, what = "a path inside of a repository"): void {
  if (isInside(path)) return;
  throw new HubError(`Expected ${what} but found ${JSON.stringify(path)}`);
}
