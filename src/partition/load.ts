import type { Backend } from "../compute/backend.ts";
import type { DictionaryParts } from "./parts.ts";
import { type DictionaryLoadOptions, loadDictionary } from "./persistence.ts";
import { publishedParts } from "./published.ts";
import { findSaeFiles } from "../sae/formats.ts";
import { readNpzDictionary, readSaeLensDictionary } from "../sae/dictionary_files.ts";

/** What a dictionary can be kept in, told by the file itself. */
export type DictionaryFormat = "arrow" | "pickle" | "npz" | "saelens";

/**
 * Looks which format a file or folder is of, by its first bytes.
 *
 * @throws {Error} A sentence if it cannot be read, or is of none of them.
 */
export async function dictionaryFormat(path: string): Promise<DictionaryFormat> {
  let head: Uint8Array;
  try {
    const { isDirectory, isFile } = await Deno.stat(path);
    if (isDirectory) return await saeLensFolder(path);
    // A named pipe would wait for somebody to write.
    if (!isFile) throw new Error(`Cannot read ${path}: it is no file. Give the name of a dictionary's.`);
    using file = await Deno.open(path);
    const bytes = new Uint8Array(6);
    head = bytes.subarray(0, await file.read(bytes) ?? 0);
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) {
      throw new Error(`Cannot read ${path}: there is no such file.`, { cause });
    }
    throw cause instanceof Deno.errors.PermissionDenied || cause instanceof Deno.errors.NotCapable
      ? new Error(`Cannot read ${path}: ${cause.message}.`, { cause })
      : cause;
  }
  // What is cut off within the magic is damaged Arrow.
  if ("ARROW1".startsWith(new TextDecoder("latin1").decode(head))) return "arrow";
  // The opcode PROTO, with which pickles of protocol 2 and later begin; `PK`, with which zip archives do.
  if (head[0] === 0x80) return "pickle";
  if (head[0] === 0x50 && head[1] === 0x4b) return "npz";
  throw new Error(
    `Cannot read ${path} as a dictionary: expected an Arrow IPC file (ARROW1), a published pickle, an .npz file or a ` +
      "SAELens folder, but it starts like none of them. Give a file that Dictionary.save or Dictionary.export wrote.",
  );
}

async function saeLensFolder(path: string): Promise<"saelens"> {
  if ((await findSaeFiles(path))?.format === "saelens") return "saelens";
  throw new Error(
    `Cannot read ${path} as a dictionary: it is a folder without cfg.json. Give a folder that Dictionary.export wrote, ` +
      "or the name of an Arrow file.",
  );
}

/** The parts of a dictionary in any of the formats. */
export async function loadParts(
  path: string,
  backend: Backend,
  options: DictionaryLoadOptions = {},
): Promise<DictionaryParts> {
  switch (await dictionaryFormat(path)) {
    case "arrow":
      return await loadDictionary(path, backend, options);
    case "pickle":
      return publishedParts(await Deno.readFile(path), path, backend, { members: options.members });
    case "npz":
      return await readNpzDictionary(path, backend, options);
    case "saelens":
      return await readSaeLensDictionary(path, backend, options);
  }
}
