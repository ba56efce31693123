/** What is in files of arrays and tables of other tools: NumPy, PyTorch, Parquet, text, data sets, shards of safetensors. */
import { basename, dirname, join } from "node:path";
import { outlineParquet } from "../activations/parquet.ts";
import { outlineCsv } from "../activations/vectors/csv.ts";
import { openByteFile } from "../files/byte_file.ts";
import { isInside } from "../files/inside.ts";
import { NPY_HEAD, readNpyHeader } from "../files/npy.ts";
import { readText, unreadReason } from "../files/open.ts";
import { PickleObject } from "../files/pickle/pickle.ts";
import { readSafetensors } from "../files/safetensors.ts";
import type { TensorOutline } from "../files/tensor.ts";
import { openTorch } from "../files/torch/container.ts";
import { torchArrays, torchOutline } from "../files/torch/tensors.ts";
import { readPublishedTorch } from "../partition/published.ts";
import { PUBLISHED } from "../partition/published_pickle.ts";
import { type Contents, isRecord, type Json, told } from "./description.ts";
import { publishedContents } from "./published_files.ts";

/** Arrays as rows of a table. */
export function tensorRows(outline: Iterable<readonly [string, TensorOutline]>): Record<string, Json>[] {
  return Array.from(outline, ([name, { dtype, shape }]) => ({ tensor: name, dtype, shape: shape.join(" x ") }));
}

/** An `.npy` file. */
export async function describeNpy(path: string): Promise<Contents> {
  using file = await openByteFile(path, "an .npy file");
  const head = await file.read(0, new Uint8Array(Math.min(NPY_HEAD, file.size)));
  const { outline, isFortran, isBigEndian } = readNpyHeader(head, file.size, path);
  return {
    kind: "array of NumPy",
    facts: { order: isFortran ? "Fortran" : "C", bytes: isBigEndian ? "big-endian" : "little-endian" },
    tables: { tensors: tensorRows([["", outline]]) },
  };
}

/** A file of `torch.save`: a published dictionary, or tensors. */
export async function describeTorch(path: string, rows: number): Promise<Contents> {
  using file = await openTorch(path, PUBLISHED);
  if (file.value instanceof PickleObject) {
    const kind = "published dictionary (torch.save, read as data)";
    return publishedContents(kind, await readPublishedTorch(path), rows);
  }
  const tensors = [...torchArrays(file)].map(([name, array]) => [name, torchOutline(array)] as const);
  return { kind: "tensors of PyTorch (torch.save)", facts: {}, tables: { tensors: tensorRows(tensors) } };
}

/** A Parquet file. */
export async function describeParquet(path: string): Promise<Contents> {
  const { columns, rows, groups } = await outlineParquet(path);
  return {
    kind: "table (Parquet)",
    facts: { rows, "row groups": groups },
    tables: { columns: columns.map(({ name, type }) => ({ column: name, type })) },
  };
}

/** A table of text; undefined for any other text. */
export async function describeText(path: string): Promise<Contents | undefined> {
  const { header, dim } = await outlineCsv(path);
  if (dim === undefined && !/\.[ct]sv$/i.test(path)) return undefined;
  return {
    kind: dim === undefined ? "table (text)" : "vectors (numbers as text)",
    facts: told({ dim }),
    tables: header ? { columns: header.map((column) => ({ column })) } : {},
  };
}

/** A data set that `datasets` saved, by its state.json and what lies beside it. */
export async function describeDataset(folder: string): Promise<Contents> {
  const state = await jsonOf(join(folder, "state.json"));
  const info = await jsonOf(join(folder, "dataset_info.json"));
  const features = Object.entries(isRecord(info.features) ? info.features : {});
  const files = Array.isArray(state._data_files) ? state._data_files.filter(isRecord) : [];
  return {
    kind: "data set (save_to_disk of datasets)",
    facts: { split: state._split ?? null, files: files.length },
    tables: {
      columns: features.map(([column, feature]) => ({ column, type: featureType(feature) })),
      files: files.map(({ filename }) => ({ file: filename ?? null })),
    },
  };
}

/** The splits of a data set that `datasets` saved. */
export async function describeSplits(path: string): Promise<Contents> {
  const { splits } = await jsonOf(path);
  const names = Array.isArray(splits) ? splits : [];
  return {
    kind: "data set of several splits (save_to_disk of datasets)",
    facts: {},
    tables: { splits: names.map((split) => ({ split })) },
  };
}

function featureType(feature: Json): string {
  if (!isRecord(feature)) return "unknown";
  const { dtype, _type: type, feature: item } = feature;
  return isRecord(item) ? `${type} of ${featureType(item)}` : String(dtype ?? type ?? "unknown");
}

/** Safetensors in shards, by their index. */
export async function describeShards(path: string): Promise<Contents> {
  const { weight_map: map } = await jsonOf(path);
  const shards = Object.entries(isRecord(map) ? map : {});
  const files = [...new Set(shards.map(([, file]) => String(file)))];
  const outlines = new Map<string, ReadonlyMap<string, TensorOutline>>();
  for (const file of files) {
    if (!isInside(file)) throw new Error(`Cannot read ${path}: its shard ${file} lies outside of the folder.`);
    outlines.set(file, (await readSafetensors(join(dirname(path), file), [])).outline);
  }
  const rows = shards.map(([tensor, file]) => {
    const { dtype, shape } = outlines.get(String(file))!.get(tensor) ?? {};
    return { tensor, dtype: dtype ?? null, shape: shape?.join(" x ") ?? null, file: String(file) };
  });
  return { kind: "tensors in shards (safetensors)", facts: { files: files.length }, tables: { tensors: rows } };
}

async function jsonOf(path: string): Promise<Record<string, Json>> {
  let value: unknown;
  try {
    value = JSON.parse(await readText(path));
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound && basename(path) === "dataset_info.json") return {};
    const reason = cause instanceof SyntaxError ? "it is no JSON" : unreadReason(path, cause);
    throw new Error(`Cannot read ${path}: ${reason}. Copy it again.`, { cause });
  }
  if (isRecord(value)) return value;
  throw new Error(`Cannot read ${path}: expected a JSON object but it is none.`);
}
