import { join } from "node:path";
import { isFile } from "../files/exists.ts";
import { findSaeFiles } from "../sae/formats.ts";
import { describeArrow } from "./arrow_files.ts";
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
  for (const name of ["index.json", "run.json", "state.json"]) {
    if (await isFile(join(path, name))) return await describeJson(join(path, name));
  }
  throw new Error(
    `Cannot tell what the folder ${path} is: expected a SAELens folder (cfg.json), an activation cache (index.json) or ` +
      "an experiment's results (run.json). Name one of its files.",
  );
}

async function describeContents(path: string, rows: number): Promise<Contents> {
  const head = await firstBytes(path);
  const text = new TextDecoder("latin1").decode(head);
  if (head.length > 0 && ("ARROW1".startsWith(text) || text.startsWith("ARROW1"))) {
    return await describeArrow(path, rows);
  }
  if (head[0] === 0x80) return await describePickle(path, rows);
  if (text.startsWith("PK")) return await describeNpz(path, rows);
  if (path.endsWith(".safetensors")) return await describeSafetensors(path, rows);
  if (/^\s*\{/.test(text)) return await describeJson(path);
  throw new Error(
    `Cannot tell what ${path} is: it is no Arrow file, pickle, .npz or .safetensors file, and no JSON of an experiment.`,
  );
}

async function firstBytes(path: string): Promise<Uint8Array> {
  using file = await Deno.open(path);
  const bytes = new Uint8Array(8);
  return bytes.subarray(0, await file.read(bytes) ?? 0);
}

async function folderBytes(path: string): Promise<number> {
  let bytes = 0;
  for await (const entry of Deno.readDir(path)) {
    if (entry.isFile) bytes += (await Deno.stat(join(path, entry.name))).size;
  }
  return bytes;
}
