import { append } from "../compute/long_lists.ts";
import { join, matchesGlob } from "node:path";
import { exists } from "./exists.ts";

/** Whether a name is a pattern: `shards/part-*.jsonl`. */
export function isPattern(name: string): boolean {
  return /[*?]|\[[^\]]+\]|\{[^}]*\}/.test(name);
}

/**
 * The files that a pattern names, in the order of their names: `*` and `?` stand for letters of one name, `**` for any
 * folders. Hidden files and folders, which begin with a dot, are named by none of these.
 *
 * @returns Their paths; the name itself where it is no pattern, or a file or folder is called so.
 */
export async function expandPattern(name: string): Promise<string[]> {
  if (!isPattern(name) || await exists(name)) return [name];
  const parts = name.split("/");
  const fixed = parts.slice(0, parts.findIndex(isPattern));
  const folder = fixed.join("/") || (name.startsWith("/") ? "/" : ".");
  // What comes after the folders that are named as they are.
  const pattern = parts.slice(fixed.length).join("/");
  const depth = pattern.includes("**") ? Infinity : pattern.split("/").length;
  const files = await filesBelow(folder, depth);
  return files.filter((file) => matchesGlob(file, pattern)).sort().map((file) => join(folder, file));
}

/** Files in a folder and those in it, relative to it; none where there is no such folder. */
async function filesBelow(folder: string, depth: number): Promise<string[]> {
  const files: string[] = [];
  for (const { name, isDirectory } of await entriesOf(folder)) {
    if (name.startsWith(".")) continue;
    const path = join(folder, name);
    // A link counts as what it leads to, except to folders for `**`: one that leads above itself has no end.
    if (isDirectory || (depth !== Infinity && (await Deno.stat(path)).isDirectory)) {
      if (depth > 1) append(files, (await filesBelow(path, depth - 1)).map((file) => join(name, file)));
    } else files.push(name);
  }
  return files;
}

async function entriesOf(folder: string): Promise<Deno.DirEntry[]> {
  try {
    return await Array.fromAsync(Deno.readDir(folder));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return [];
    throw error;
  }
}
