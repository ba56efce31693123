/**
 * Files of the Hugging Face hub, kept in a cache of the layout of Python's `huggingface_hub`. What is in Python's own cache is
 * read from there; nothing is written into it. A cached revision stays what it is, and asks nobody, until it is refreshed.
 */
import { join, matchesGlob, posix } from "node:path";
import { assertKind } from "../compute/kinds.ts";
import { assertOptions, type OptionKinds } from "../compute/known_options.ts";
import { isPattern } from "../files/glob.ts";
import { HubError, HubNotFoundError } from "./errors.ts";
import { HUB_OPTIONS, type HubOptions } from "./options.ts";
import { nearestNames } from "../compute/near_names.ts";
import { type RepoFiles, type RepoRevision, useRepository } from "./repository.ts";

/** Which file, and how it is fetched. */
export interface HubFileOptions extends HubOptions {
  /** Owner and name, such as `J-RUM/exemplar-partitioning`. */
  repo: string;
  /** What the repository holds; default `"model"`. */
  type?: "model" | "dataset";
  /** Path in the repository. */
  path: string;
  /** Branch, tag or commit; default `main`. */
  revision?: string;
}

/** Which files, and how they are fetched. */
export interface HubFilesOptions extends Omit<HubFileOptions, "path"> {
  /** Tells by its path whether a file is wanted. */
  include: (path: string) => boolean;
}

const REPOSITORY_OPTIONS: OptionKinds<Omit<HubFileOptions, "path">> = {
  ...HUB_OPTIONS,
  repo: "string",
  type: "string",
  revision: "string",
};
const FILE_OPTIONS: OptionKinds<HubFileOptions> = { ...REPOSITORY_OPTIONS, path: "string" };

/** Files of one commit, on this machine. */
export interface HubFiles {
  /** The commit. */
  readonly commit: string;
  /** Folder that the paths are relative to. It may hold more. */
  readonly folder: string;
  /** Their paths in the repository, sorted. */
  readonly paths: readonly string[];
}

/**
 * The path of a file of the hub, downloaded if it is in no cache. Its checksum is compared when it comes, and again when the
 * system says that the file was touched. An interrupted download goes on where it stopped.
 *
 * @throws {HubNotFoundError} if the hub has no such file; it names near ones.
 * @throws {HubError} A sentence if it cannot be fetched, if its bytes are not those of its checksum, or if it is not cached and
 * the hub cannot be reached.
 *
 * @example What is cached asks nobody
 * ```ts
 * // A cache as huggingface_hub lays it out, perhaps copied from another machine.
 * const cacheDir = await Deno.makeTempDir();
 * const revision = "0123456789abcdef0123456789abcdef01234567";
 * const folder = `${cacheDir}/models--owner--name/snapshots/${revision}`;
 * await Deno.mkdir(folder, { recursive: true });
 * await Deno.writeTextFile(`${folder}/config.json`, "{}");
 *
 * const path = await hubFile({ repo: "owner/name", path: "config.json", revision, cacheDir, offline: true });
 * if (path !== `${folder}/config.json`) throw new Error(path);
 * await Deno.remove(cacheDir, { recursive: true });
 * ```
 */
export async function hubFile(options: HubFileOptions): Promise<string> {
  assertOptions("hubFile", options, FILE_OPTIONS);
  const { path } = options;
  return await useRepository(revisionOf(options), { ...options, only: path }, async (files) => {
    await files.get([path]);
    return join(files.folder, path);
  });
}

/**
 * All files of a commit whose paths `include` wants, as of a checkpoint in several parts; see {@link hubFile}.
 *
 * @throws {HubNotFoundError} if there is no such repository or revision, or no such file in it.
 * @throws {HubError} as {@link hubFile} does.
 *
 * @example The parts of a checkpoint
 * ```ts
 * import { assertEquals } from "@std/assert";
 *
 * const cacheDir = await Deno.makeTempDir();
 * const revision = "0123456789abcdef0123456789abcdef01234567";
 * const snapshot = `${cacheDir}/models--owner--name/snapshots/${revision}`;
 * await Deno.mkdir(snapshot, { recursive: true });
 * // Whoever has .gitattributes has taken the commit whole.
 * for (const name of [".gitattributes", "a-2.safetensors", "a-1.safetensors", "README.md"]) {
 *   await Deno.writeTextFile(`${snapshot}/${name}`, "");
 * }
 *
 * const include = (path: string) => path.endsWith(".safetensors");
 * const { folder, paths } = await hubFiles({ repo: "owner/name", include, revision, cacheDir, offline: true });
 * assertEquals([folder, ...paths], [snapshot, "a-1.safetensors", "a-2.safetensors"]);
 * await Deno.remove(cacheDir, { recursive: true });
 * ```
 */
export async function hubFiles(options: HubFilesOptions): Promise<HubFiles> {
  assertOptions("hubFiles", options, { ...REPOSITORY_OPTIONS, include: "function" });
  return await useRepository(revisionOf(options), options, async (files) => {
    if (!files.files) throw new HubNotFoundError(`Cannot list ${options.repo}: what it holds is not told.`);
    const paths = [...files.files.keys()].filter(options.include).sort();
    if (paths.length === 0) throw new HubNotFoundError(`Cannot find such files in ${options.repo}: it has none.`);
    await files.get(paths);
    return { commit: files.commit, folder: files.folder, paths };
  });
}

function revisionOf({ repo, type = "model", revision = "main" }: Omit<HubFileOptions, "path">): RepoRevision {
  return { repo, type, revision };
}

/** Files that we read; any other name is a folder's, which may have dots too. */
const FILE = /\.(jsonl?|ndjson|txt|csv|tsv|parquet|npz|npy|safetensors|pkl|arrow|feather)(\.(gz|zst))?$/i;

/** Whether a name is of a file or folder of the hub: `hf://datasets/owner/name@revision/path`. */
export function isHubName(name: string): boolean {
  return name.startsWith("hf://");
}

/**
 * The local path of what a name says: the name itself, or for a name of the hub, as DuckDB, Polars and pandas write it, the
 * file or folder that was fetched. `hf://owner/name/path` is in a model's repository, `hf://datasets/owner/name/path` in a
 * data set's; `@revision` may follow the repository. Of a pattern, `hf://datasets/owner/name/data/*.parquet`, all files that it
 * names are fetched, and the pattern in their folder is given.
 *
 * @param name A path here, or a name of the hub.
 * @param options How it is fetched.
 * @param beside What is fetched with a folder if the commit is known to have it, by paths from there: `../config.json`.
 * @throws {HubError} A sentence if it is such a name and cannot be fetched; see {@link hubFile}.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 *
 * const cacheDir = await Deno.makeTempDir();
 * const commit = "0123456789abcdef0123456789abcdef01234567";
 * const folder = `${cacheDir}/datasets--owner--name/snapshots/${commit}`;
 * await Deno.mkdir(folder, { recursive: true });
 * await Deno.writeTextFile(`${folder}/texts.jsonl`, "");
 *
 * const name = `hf://datasets/owner/name@${commit}/texts.jsonl`;
 * assertEquals(await localPath(name, { cacheDir, offline: true }), `${folder}/texts.jsonl`);
 * assertEquals(await localPath("fixtures/corpora/pile.jsonl"), "fixtures/corpora/pile.jsonl");
 * await Deno.remove(cacheDir, { recursive: true });
 * ```
 */
export async function localPath(
  name: string,
  options: HubOptions = {},
  beside: readonly string[] = [],
): Promise<string> {
  assertOptions("localPath", options, HUB_OPTIONS);
  assertKind("the path of a file", name, "string");
  if (!isHubName(name)) return name;
  const match = /^hf:\/\/(datasets\/|models\/)?([^/@]+\/[^/@]+)(?:@((?:refs\/[^/]+\/)?[^/]+))?\/(.+?)\/?$/.exec(name);
  const revision = decoded(match?.[3] ?? "main");
  if (!match || revision === undefined || /^(datasets|models)\//.test(match[2])) {
    throw new HubError(
      `Expected a file of the hub such as hf://datasets/owner/name@revision/path/file.jsonl but got "${name}": ` +
        "datasets/ and @revision may be left out",
    );
  }
  const [, kind, repo, , path] = match;
  const wanted = { repo, type: kind === "datasets/" ? "dataset" as const : "model" as const, revision };
  if (FILE.test(path) && !isPattern(path)) return await hubFile({ ...options, ...wanted, path });
  return await useRepository(wanted, options, async (files) => {
    const isWanted = isPattern(path)
      ? (file: string) => matchesGlob(file, path)
      : (file: string) => file.startsWith(`${path}/`);
    const inside = [...files.files?.keys() ?? []].filter(isWanted);
    if (inside.length === 0 && !await files.has(path)) {
      const near = nearestNames(path, namesIn(files));
      throw new HubNotFoundError(
        `Cannot find ${path} in ${repo}: ` +
          (files.files ? `it has no such file or folder. Near it: ${near.join(", ")}.` : "what it has is not told."),
      );
    }
    const more = beside.map((other) => posix.join(path, other)).filter((other) => files.files?.has(other));
    await files.get(inside.length > 0 ? [...inside, ...more] : [path]);
    return join(files.folder, path);
  });
}

/** Files and folders of a commit. */
function namesIn({ files }: RepoFiles): string[] {
  return [...files?.keys() ?? []].flatMap((path) => {
    const parts = path.split("/");
    return parts.map((_, i) => parts.slice(0, i + 1).join("/"));
  });
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (error instanceof URIError) return undefined;
    throw error;
  }
}
