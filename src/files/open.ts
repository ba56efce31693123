/**
 * The one door to files that are read. What stands in a file's place is not opened: a named pipe would wait for somebody
 * to write, a device may never end, `/dev/stdin` and what a shell puts in a command's place (`<(...)`) are read once only.
 */
import { assertKind } from "../compute/kinds.ts";

/** Characters that JavaScript's engine lets a text have. */
const LONGEST_TEXT = 2 ** 29 - 24;

/**
 * Opens a file to read it.
 *
 * @throws {Deno.errors.NotFound} if there is none.
 * @throws {Deno.errors.IsADirectory} A sentence if it is a folder.
 * @throws {Error} A sentence if it is no file either.
 */
export async function openFile(path: string): Promise<Deno.FsFile> {
  await fileInfo(path);
  return await Deno.open(path);
}

/** {@linkcode openFile} where nobody can wait. */
export function openFileSync(path: string): Deno.FsFile {
  assertKind("the path of a file", path, "string");
  assertFile(path, Deno.statSync(path));
  return Deno.openSync(path);
}

/** What the system says of a file; throws as {@linkcode openFile}. */
export async function fileInfo(path: string): Promise<Deno.FileInfo> {
  assertKind("the path of a file", path, "string");
  const info = await Deno.stat(path);
  assertFile(path, info);
  return info;
}

/** The text of a file; throws as {@linkcode openFile}, and a sentence if it is longer than a text can be. */
export async function readText(path: string): Promise<string> {
  const { size } = await fileInfo(path);
  if (size <= LONGEST_TEXT) return await Deno.readTextFile(path);
  throw new Error(
    `Cannot read ${path}: it has ${size} bytes, and such a file is read whole, up to ${LONGEST_TEXT} bytes.`,
  );
}

/** As {@linkcode readText}; `undefined` if there is no such file. */
export async function textOf(path: string): Promise<string | undefined> {
  try {
    return await readText(path);
  } catch (error) {
    const { NotFound, NotADirectory, IsADirectory } = Deno.errors;
    if (error instanceof NotFound || error instanceof NotADirectory || error instanceof IsADirectory) return undefined;
    throw error;
  }
}

/**
 * Why a file could not be read, for a sentence that names it and then says what to do. What is such a sentence already gives
 * its reason alone.
 *
 * @param missing What is said where there is none.
 */
export function unreadReason(path: string, cause: unknown, missing = "there is no such file"): string {
  if (cause instanceof Deno.errors.NotFound) return missing;
  const { message } = cause as Error;
  const head = `Cannot read ${path}: `;
  return (message.startsWith(head) ? message.slice(head.length) : message).replace(/\.$/, "");
}

/** What stands in a file's place, in words; undefined of a file. */
export function otherThanFile(info: Deno.FileInfo): string | undefined {
  if (info.isFile) return undefined;
  if (info.isDirectory) return "a folder";
  if (info.isFifo) return "a pipe, no file";
  if (info.isSocket) return "a socket, no file";
  return info.isCharDevice || info.isBlockDevice ? "a device, no file" : "no file";
}

function assertFile(path: string, info: Deno.FileInfo): void {
  const other = otherThanFile(info);
  if (other === undefined) return;
  if (info.isDirectory) throw new Deno.errors.IsADirectory(`Cannot read ${path}: it is ${other}. Name a file in it.`);
  throw new Error(`Cannot read ${path}: it is ${other}. Write what it gives to a file, and name that.`);
}
