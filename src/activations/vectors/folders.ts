/** Folders of vectors: shards of safetensors with an index, data sets that were saved, and any files of vectors. */
import { dirname, join } from "node:path";
import { exists, isFile } from "../../files/exists.ts";
import { isInside } from "../../files/inside.ts";
import { readSafetensors } from "../../files/safetensors.ts";
import type { TensorOutline } from "../../files/tensor.ts";
import { listed } from "../../files/tensor.ts";
import { missingShards } from "../missing_shards.ts";
import { readText, unreadReason } from "../../files/open.ts";
import { safetensorsRows } from "./arrays.ts";
import { noSuchArray, type RowBlock, type RowsOptions, ZARR } from "./rows.ts";

/** What a folder holds: files of vectors in turn, or the index of shards. */
type FolderFiles =
  | { readonly kind: "files"; readonly names: readonly string[] }
  | { readonly kind: "index"; readonly name: string };

/** Endings of files that hold vectors; others in a folder are left. */
const VECTORS = /\.(?:npy|npz|safetensors|pt|pth|bin|parquet|arrow|feather|csv|tsv)$/i;

/**
 * The files of a folder.
 *
 * @throws {Error} A sentence if it holds none, or is of a kind that is not read.
 */
export async function filesOfFolder(folder: string): Promise<FolderFiles> {
  for (const name of [".zarray", ".zgroup", "zarr.json"]) {
    if (await isFile(join(folder, name))) {
      throw new Error(`Cannot read ${folder} as vectors: it is a zarr store. ${ZARR}.`);
    }
  }
  if (await isFile(join(folder, "dataset_dict.json"))) {
    const { splits } = await record(join(folder, "dataset_dict.json"));
    throw new Error(
      `Cannot read ${folder} as vectors: it holds the splits ${
        Array.isArray(splits) ? listed(splits.map(String)) : "of a data set"
      }. Give the folder of one of them.`,
    );
  }
  if (await isFile(join(folder, "state.json"))) return { kind: "files", names: await savedFiles(folder) };
  const names = (await Array.fromAsync(Deno.readDir(folder))).filter(({ isDirectory }) => !isDirectory)
    .map(({ name }) => name).filter((name) => !name.startsWith(".")).sort(byNumber);
  const indices = names.filter((name) => name.endsWith(".safetensors.index.json"));
  if (indices.length === 1) return { kind: "index", name: indices[0] };
  const files = names.filter((name) => VECTORS.test(name));
  const [missing] = missingShards(files);
  if (missing !== undefined) {
    throw new Error(
      `Cannot read ${folder} as vectors: its files' names say how many there are, but ${missing} is missing. Copy it too, ` +
        `or name those that are meant by a pattern.`,
    );
  }
  if (files.length > 0) return { kind: "files", names: files };
  throw new Error(
    `Cannot read ${folder} as vectors: expected files of vectors in the folder (.npy, .npz, .safetensors, .pt, .parquet, ` +
      `.arrow, .csv) but it has ${listed(names)}. Give the name of a file.`,
  );
}

/** Names in the order of the numbers in them: x2 before x10. */
export const byNumber: (a: string, b: string) => number = new Intl.Collator("en", { numeric: true }).compare;

/** The files of a folder of `Dataset.save_to_disk`, as its state.json names them. */
async function savedFiles(folder: string): Promise<string[]> {
  const path = join(folder, "state.json");
  const { _data_files: files, _indices_data_files: indices } = await record(path);
  if (Array.isArray(indices) && indices.length > 0) {
    throw new Error(
      `Cannot read ${folder} as vectors: the data set is a selection of its rows. Save it after flatten_indices().`,
    );
  }
  const names = Array.isArray(files) ? files.map((file) => (file as { filename?: unknown } | null)?.filename) : [];
  if (names.length > 0 && names.every((name) => typeof name === "string" && isInside(name))) return names as string[];
  throw new Error(`Cannot read ${path}: expected it to name the data set's files in the folder but it does not.`);
}

/**
 * The vectors of safetensors in shards. With a name, those of that tensor; without, those of all, in the order in which the
 * index names them.
 */
export async function* shardedRows(path: string, options: RowsOptions): AsyncGenerator<RowBlock> {
  const { weight_map: map } = await record(path);
  const shards = Object.entries(typeof map === "object" && map !== null ? map : {});
  if (shards.length === 0 || !shards.every(([, file]) => typeof file === "string" && isInside(file))) {
    throw new Error(`Cannot read ${path}: expected a weight_map that names files in its folder but it has none.`);
  }
  const wanted = options.name === undefined ? shards : shards.filter(([name]) => name === options.name);
  if (wanted.length === 0) {
    throw noSuchArray(path, options.name!, shards.map(([name]) => name));
  }
  if (options.name === undefined) await assertOneLength(path, wanted as [string, string][]);
  for (const [name, file] of wanted) yield* safetensorsRows(join(dirname(path), file as string), { ...options, name });
}

/** Throws unless arrays that are read one after the other hold vectors of one length. */
async function assertOneLength(path: string, shards: readonly (readonly [string, string])[]): Promise<void> {
  const outlines = new Map<string, ReadonlyMap<string, TensorOutline>>();
  let first: { name: string; dim: number } | undefined;
  for (const [name, file] of shards) {
    const shard = join(dirname(path), file);
    if (!await exists(shard)) throw new Error(`Cannot read ${path}: its shard ${file} is missing. Copy it too.`);
    if (!outlines.has(file)) outlines.set(file, (await readSafetensors(shard, [])).outline);
    const dim = outlines.get(file)!.get(name)?.shape.at(-1);
    if (dim === undefined) continue;
    first ??= { name, dim };
    if (dim !== first.dim) {
      throw new Error(
        `Expected arrays of vectors of one length in ${path} but those of ${first.name} have ${first.dim} and those of ` +
          `${name} ${dim}: say which by the option name.`,
      );
    }
  }
}

async function record(path: string): Promise<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(await readText(path));
  } catch (cause) {
    const reason = cause instanceof SyntaxError ? "it is no JSON" : unreadReason(path, cause);
    throw new Error(`Cannot read ${path}: ${reason}. Copy it again.`, { cause });
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new Error(`Cannot read ${path}: expected a JSON object but it is none. Copy it again.`);
}
