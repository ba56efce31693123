import type { Backend } from "../compute/backend.ts";
import { readWhole } from "../files/byte_file.ts";
import { isFolder } from "../files/exists.ts";
import { calledFrame, frameOf, frameOfBytes } from "../files/frames.ts";
import { isPacked, unpackedFile } from "../files/unpacked.ts";
import type { UnpackOptions } from "../files/unpacking.ts";
import { zipKindOf } from "../files/zip.ts";
import type { DictionaryParts } from "./parts.ts";
import { type DictionaryLoadOptions, loadDictionary } from "./persistence.ts";
import { partsOfPublished, publishedParts, readPublishedTorch } from "./published.ts";
import { findSaeFiles } from "../sae/formats.ts";
import { readNpzDictionary, readSaeLensDictionary } from "../sae/dictionary_files.ts";

/** What a dictionary can be kept in, told by the file itself. */
export type DictionaryFormat = "arrow" | "pickle" | "packed pickle" | "torch" | "npz" | "saelens";

/**
 * Looks which format a file or folder is of, by its bytes.
 *
 * @throws {Error} A sentence if it cannot be read, or is of none of them.
 */
export async function dictionaryFormat(path: string): Promise<DictionaryFormat> {
  if (await isFolder(path)) return await saeLensFolder(path);
  const frame = await frameOf(path);
  switch (frame) {
    case "arrow":
    case "pickle":
      return frame;
    // A file of ours that was cut off to nothing: who reads it says so.
    case "empty":
      return "arrow";
    case "torch legacy":
      return "torch";
    case "gzip":
    case "zstd":
    case "zlib":
      return "packed pickle";
    case "zip": {
      const kind = await zipKindOf(path);
      if (kind === "torch" || kind === "npz") return kind;
      throw noDictionary(path, "it is a zip archive without arrays of NumPy");
    }
    case "old pickle":
      throw new Error(
        `Cannot read ${path}: it is a Python pickle of protocol 0 or 1, and 2 to 5 are read. Save it anew in Python, with ` +
          "pickle.dump(dictionary, file).",
      );
    default:
      throw noDictionary(path, `it is ${calledFrame(frame)}`);
  }
}

function noDictionary(path: string, why: string): Error {
  return new Error(
    `Cannot read ${path} as a dictionary: expected an Arrow IPC file (ARROW1), a published pickle, an .npz file or a ` +
      `SAELens folder, but ${why}. Give a file that Dictionary.save or Dictionary.export wrote.`,
  );
}

async function saeLensFolder(path: string): Promise<"saelens"> {
  const sae = await findSaeFiles(path);
  if (sae?.format === "saelens") return "saelens";
  if (sae) {
    throw new Error(
      `Cannot read ${path} as a dictionary: it holds a sparse autoencoder (${sae.format}), which readSae reads. Give a ` +
        "folder that Dictionary.export wrote, or the name of an Arrow file.",
    );
  }
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
  const origin = { members: options.members };
  const format = await dictionaryFormat(path);
  switch (format) {
    case "arrow":
      return await loadDictionary(path, backend, options);
    case "pickle":
      return publishedParts(await readWhole(path), path, backend, origin);
    case "packed pickle":
      return publishedParts(await unpackedPickle(path, options), path, backend, origin);
    case "torch":
      return partsOfPublished(await readPublishedTorch(path), backend, origin);
    case "npz":
      return await readNpzDictionary(path, backend, options);
    case "saelens":
      return await readSaeLensDictionary(path, backend, options);
    default:
      return format satisfies never;
  }
}

/** The pickle in a file that was packed by gzip, Zstandard or zlib. */
export async function unpackedPickle(path: string, options: UnpackOptions): Promise<Uint8Array> {
  const frame = await frameOf(path);
  if (!isPacked(frame)) throw new TypeError(`Expected a packed file but ${path} is ${calledFrame(frame)}`);
  const bytes = await unpackedFile(path, frame, options);
  const inner = frameOfBytes(bytes);
  if (inner === "pickle") return bytes;
  throw noDictionary(path, `it is ${calledFrame(inner)}, packed (${calledFrame(frame)})`);
}
