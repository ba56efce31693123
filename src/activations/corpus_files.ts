/** The files that a corpus consists of: one, those that a pattern names, or the shards of a folder. */
import { basename, join } from "node:path";
import { exists } from "../files/exists.ts";
import { expandPattern, isPattern } from "../files/glob.ts";
import { readText } from "../files/open.ts";
import { CorpusError } from "./errors.ts";
import { missingShards } from "./missing_shards.ts";

/** How a file is read. */
export type CorpusFormat = "json lines" | "json" | "text" | "csv" | "tsv" | "parquet" | "arrow";

const FORMATS: Readonly<Record<string, CorpusFormat>> = {
  ".jsonl": "json lines",
  ".ndjson": "json lines",
  ".json": "json",
  ".txt": "text",
  ".csv": "csv",
  ".tsv": "tsv",
  ".parquet": "parquet",
  ".arrow": "arrow",
  ".feather": "arrow",
};
/** Endings of packed files, after the ones above. */
export const PACKED = /\.(gz|zst)$/i;
/** What corpora end in, for messages. */
export const ENDINGS = `${Object.keys(FORMATS).join(", ")}, each also with .gz or .zst`;

/** Files beside shards that say something about them. */
const BESIDE = /^[._]|^(state|dataset_infos?|dataset_dict|index|metadata|.*\.index)\.json$/i;

/** A file of a corpus. */
export interface CorpusFile {
  readonly path: string;
  /** Its name for ids, with its folder where the corpus has several. */
  readonly name: string;
}

/** How a file is read, by its name; undefined if that says nothing. */
export function formatOf(path: string): CorpusFormat | undefined {
  return FORMATS[path.replace(PACKED, "").match(/\.[^./\\]*$/)?.[0].toLowerCase() ?? ""];
}

/**
 * The files of a corpus, in the order in which they are read: that of their names.
 *
 * @param path A file, a pattern such as `shards/part-*.jsonl`, a folder of shards, or one of `datasets.save_to_disk`.
 * @throws {CorpusError} if there is none, or it is not clear which are meant.
 */
export async function corpusFiles(path: string): Promise<CorpusFile[]> {
  const isFolder = await isDirectory(path);
  if (isFolder) return await shardsOf(path);
  const files = await expandPattern(path);
  if (files.length === 0) {
    throw new CorpusError(
      `Expected files that the pattern "${path}" names but there are none: check it, seen from "${Deno.cwd()}"`,
    );
  }
  if (!isPattern(path) || files[0] === path) return [{ path, name: basename(path) }];
  const start = path.split("/").findIndex(isPattern);
  const prefix = join(...path.split("/").slice(0, start), ".");
  // Of several folders, files may have one name.
  const names = path.split("/").length - start === 1
    ? files.map((file) => basename(file))
    : files.map((file) =>
      prefix === "." ? file : file.slice(path.startsWith("/") ? prefix.length + 2 : prefix.length + 1)
    );
  return files.map((file, i) => ({ path: file, name: names[i] }));
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isDirectory;
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound || cause instanceof Deno.errors.NotADirectory)) throw cause;
    if (isPattern(path)) return false;
    throw new CorpusError(
      `Expected a corpus at "${path}" but there is no such file: check the path, seen from "${Deno.cwd()}"`,
      { cause },
    );
  }
}

async function shardsOf(folder: string): Promise<CorpusFile[]> {
  if (await exists(join(folder, "state.json"))) return await savedShards(folder);
  const entries = await Array.fromAsync(Deno.readDir(folder));
  const names = entries.map(({ name }) => name).filter((name) => !BESIDE.test(name)).sort();
  const shards = names.filter((name) => formatOf(name) !== undefined);
  const folders: string[] = [];
  for (const name of names) if ((await Deno.stat(join(folder, name))).isDirectory) folders.push(name);
  if (await exists(join(folder, "dataset_dict.json"))) {
    throw new CorpusError(
      `Expected one split but the folder "${folder}", of datasets' save_to_disk, has ${
        named(folders)
      }: name one of them, ` +
        `"${join(folder, folders[0] ?? "train")}"`,
    );
  }
  if (folders.length > 0) {
    throw new CorpusError(
      `Expected a folder of files but "${folder}" has the folders ${
        named(folders)
      }: name one of them, or all files by ` +
        `a pattern, "${join(folder, "**", "*.jsonl")}"`,
    );
  }
  if (shards.length === 0) {
    throw new CorpusError(
      `Expected a folder of files ending in ${ENDINGS} but "${folder}" has ` +
        `${names.length > 0 ? named(names) : "none at all"}: name another`,
    );
  }
  const endings = new Map(shards.map((name) => [formatOf(name), name.replace(PACKED, "").match(/\.[^.]*$/)![0]]));
  if (endings.size > 1) {
    throw new CorpusError(
      `Expected a folder of files of one kind but "${folder}" has ${
        named([...endings.values()])
      }: name those that are ` +
        `meant by a pattern, "${join(folder, `*${[...endings.values()][0]}`)}"`,
    );
  }
  const [missing] = missingShards(shards);
  if (missing !== undefined) {
    throw new CorpusError(
      `Expected all shards in the folder "${folder}", as their names say how many there are, but ${missing} is missing: ` +
        `fetch it, or name those that are meant by a pattern, "${join(folder, `*${endings.values().next().value}*`)}"`,
    );
  }
  return shards.map((name) => ({ path: join(folder, name), name }));
}

/** What `Dataset.save_to_disk` of the library datasets wrote: state.json names the shards. */
async function savedShards(folder: string): Promise<CorpusFile[]> {
  const path = join(folder, "state.json");
  const state = parsed(await readText(path)) as Record<string, unknown> | undefined;
  const files = state?._data_files;
  const isNamed = (file: unknown): file is { filename: string } =>
    typeof (file as { filename?: unknown } | null)?.filename === "string" &&
    (file as { filename: string }).filename === basename((file as { filename: string }).filename);
  if (!Array.isArray(files) || files.length === 0 || !files.every(isNamed)) {
    throw new CorpusError(
      `Expected "${path}" to name files of "${folder}", as datasets' save_to_disk writes it, but it does not: save the ` +
        "data set again",
    );
  }
  if (Array.isArray(state?._indices_data_files) && state._indices_data_files.length > 0) {
    throw new CorpusError(
      `Expected all rows of "${folder}" but it is a selection, whose rows are named in a file of their own: save it ` +
        "again after flatten_indices()",
    );
  }
  for (const { filename } of files) {
    if (await exists(join(folder, filename))) continue;
    throw new CorpusError(
      `Expected the file ${filename} in "${folder}", as its state.json says, but it is missing: copy the folder again`,
    );
  }
  return files.map(({ filename }) => ({ path: join(folder, filename), name: filename }));
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Some names, for messages. */
function named(names: readonly string[]): string {
  return names.length > 6 ? `${names.slice(0, 6).join(", ")} and ${names.length - 6} more` : names.join(", ");
}
