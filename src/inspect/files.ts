import { basename, dirname, join } from "node:path";
import { formatOf } from "../activations/corpus_files.ts";
import { isFile } from "../files/exists.ts";
import { calledFrame, type Frame, frameOf } from "../files/frames.ts";
import { readText } from "../files/open.ts";
import { zipKindOf } from "../files/zip.ts";
import { findSaeFiles } from "../sae/formats.ts";
import {
  describeDataset,
  describeNpy,
  describeParquet,
  describeShards,
  describeSplits,
  describeText,
  describeTorch,
} from "./array_files.ts";
import { describeArrow } from "./arrow_files.ts";
import { describeCorpus, describePacked, jsonKindOf } from "./corpus_files.ts";
import type { Contents, Description } from "./description.ts";
import { describeJson } from "./json_files.ts";
import { describePickle } from "./published_files.ts";
import { describeNpz, describeSae, describeSafetensors } from "./sae_files.ts";

/**
 * Says what is in a file or folder, told by its first bytes.
 *
 * @param path A file or folder here.
 * @param rows Rows of tables, and regions, that are shown.
 * @returns What it is in words, its size, what it says of itself, and tables of what is in it.
 * @throws {Error} A sentence if it is missing, cut off or of a kind that is not known.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 *
 * const { kind, facts } = await describeFile("fixtures/sae/params.npz", 1);
 * assertEquals(kind, "sparse autoencoder (Gemma Scope)");
 * assertEquals(facts, { architecture: "jumprelu", features: 2048, dim: 192 });
 * ```
 */
export async function describeFile(path: string, rows: number): Promise<Description> {
  let info: Deno.FileInfo;
  try {
    info = await Deno.stat(path);
  } catch (cause) {
    const reason = cause instanceof Deno.errors.NotFound ? "there is no such file" : (cause as Error).message;
    throw new Error(`Cannot read ${path}: ${reason}.`, { cause });
  }
  const contents = info.isDirectory ? await describeFolder(path, rows) : await describeContents(path, rows);
  return { path, bytes: info.isDirectory ? await folderBytes(path) : info.size, ...contents };
}

async function describeFolder(path: string, rows: number): Promise<Contents> {
  const sae = await findSaeFiles(path);
  if (sae) return await describeSae(sae, rows);
  if (await isFile(join(path, "dataset_dict.json"))) return await describeSplits(join(path, "dataset_dict.json"));
  for (const name of ["_index.json", "index.json", "run.json", "state.json"]) {
    if (await isFile(join(path, name))) return await describeJsonFile(join(path, name));
  }
  const indices = (await Array.fromAsync(Deno.readDir(path))).map(({ name }) => name).filter(isShardIndex);
  if (indices.length === 1) return await describeShards(join(path, indices[0]));
  throw new Error(
    `Cannot tell what the folder ${path} is: expected a SAELens folder (cfg.json), an activation cache (_index.json), an ` +
      "experiment's results (run.json) or a data set (state.json). Name one of its files.",
  );
}

const isShardIndex = (path: string) => path.endsWith(".safetensors.index.json");

async function describeContents(path: string, rows: number): Promise<Contents> {
  const frame = await frameOf(path);
  switch (frame) {
    case "arrow":
    case "arrow stream":
      return await describeArrow(path, rows);
    case "pickle":
      return await describePickle(path, rows);
    case "gzip":
    case "zstd":
    case "zlib":
      return await describePacked(path, rows);
    case "torch legacy":
      return await describeTorch(path, rows);
    case "zip":
      return await describeZip(path, rows);
    case "npy":
      return await describeNpy(path);
    case "safetensors":
      return await describeSafetensors(path, rows);
    case "parquet":
      return await describeParquet(path);
    case "json":
      return await isCorpus(path) ? await describeCorpus(path, rows) : await describeJsonFile(path);
    default:
      // What its name says and its bytes do not is damaged.
      if (path.endsWith(".safetensors")) return await describeSafetensors(path, rows);
      return await describeOther(path, frame, rows);
  }
}

/** A text, of which its name tells more than its bytes. */
async function describeOther(path: string, frame: Frame, rows: number): Promise<Contents> {
  const table = frame === "text" ? await describeText(path) : undefined;
  if (table) return table;
  const isNamed = ["json lines", "json"].includes(formatOf(path) ?? "");
  // Of JSON Lines each may be a text alone, and what is no UTF-8 may be UTF-16.
  if (isNamed && (frame === "text" || frame === "unknown")) return await describeCorpus(path, rows);
  return unknown(path, calledFrame(frame));
}

async function describeZip(path: string, rows: number): Promise<Contents> {
  const kind = await zipKindOf(path);
  switch (kind) {
    case "npz":
      return await describeNpz(path, rows);
    case "torch":
      return await describeTorch(path, rows);
    case "zarr":
    case "excel":
      return unknown(path, kind === "zarr" ? "a zarr store" : "an Excel workbook");
    case "other":
      return unknown(path, "a zip archive without arrays of NumPy (.npy)");
    default:
      return kind satisfies never;
  }
}

async function describeJsonFile(path: string): Promise<Contents> {
  if (isShardIndex(path)) return await describeShards(path);
  // Checkpoints of ours have a state.json, too.
  if (basename(path) === "state.json" && await isDataset(path)) return await describeDataset(dirname(path));
  return await describeJson(path);
}

async function isCorpus(path: string): Promise<boolean> {
  return formatOf(path) === "json lines" || await jsonKindOf(path) !== "value";
}

async function isDataset(path: string): Promise<boolean> {
  return /"_data_files"/.test(await readText(path));
}

function unknown(path: string, what: string): never {
  throw new Error(
    `Cannot tell what ${path} holds: it is ${what}, and no Arrow or Parquet file, pickle, .npy, .npz or .safetensors file, ` +
      "file of torch.save, corpus, or JSON of an experiment.",
  );
}

async function folderBytes(path: string): Promise<number> {
  let bytes = 0;
  for await (const entry of Deno.readDir(path)) {
    if (entry.isFile) bytes += (await Deno.stat(join(path, entry.name))).size;
    else if (entry.isDirectory) bytes += await folderBytes(join(path, entry.name));
  }
  return bytes;
}
