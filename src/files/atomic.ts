/**
 * Files that are either whole or not there: everything is written beside its destination, flushed to the disk and
 * renamed into place, so that a killed run, a full disk or a pulled plug leaves the last good version.
 */
import { assertKind } from "../compute/kinds.ts";
import type { OptionKinds } from "../compute/known_options.ts";
import { basename, dirname, join } from "node:path";
import { exists } from "./exists.ts";
import { visibleJson } from "./visible_text.ts";

/** What a file is written from: all bytes at once, or chunks in order. */
export type Content = Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

/** How a file is written. */
export interface WriteOptions {
  /** Opens the temporary file for writing; the default creates it new. Here tests hand in a disk that is full. */
  open?: (path: string) => Promise<Deno.FsFile>;
}

/** The kinds of {@linkcode WriteOptions}. */
export const WRITE_OPTIONS: OptionKinds<WriteOptions> = { open: "function" };

/**
 * Writes a file in one step: whoever looks sees the old bytes or the new ones, never a part. Makes parent folders. If
 * anything fails, the temporary file is removed and what was at `path` stays as it was.
 *
 * @param path Where to.
 * @param content The bytes, or chunks of them (a `ReadableStream` is one such source).
 * @param options See {@link WriteOptions}.
 * @throws {Error} A sentence with path and reason when it cannot be written. What a source of chunks throws is passed
 * on as it is.
 */
export async function writeFileAtomic(path: string, content: Content, options: WriteOptions = {}): Promise<void> {
  assertKind("the path to write to", path, "string");
  const open = options.open ?? ((path) => Deno.open(path, { write: true, createNew: true }));
  // In the same folder: only within one file system is a rename one step.
  const temporary = join(dirname(path), `.${basename(path).slice(0, 80)}.${crypto.randomUUID()}.tmp`);
  const doing = <T>(step: Promise<T>) => step.catch((cause) => Promise.reject(writeError(path, cause)));

  const there = await Deno.stat(path).catch(() => undefined);
  if (path === "" || (there && !there.isFile)) {
    const what = path === "" ? "it has no name" : there!.isDirectory ? "it is a folder" : "it is a pipe or a device";
    throw new Error(`Cannot write ${path || "a file"}: ${what}. Give the name of a file.`);
  }
  await doing(Deno.mkdir(dirname(path), { recursive: true }));
  const file = await doing(open(temporary));
  try {
    try {
      for await (const chunk of content instanceof Uint8Array ? [content] : content) await doing(writeAll(file, chunk));
      // Before the rename, or a pulled plug could leave the name without the bytes.
      await doing(file.sync());
    } finally {
      file.close();
    }
    await renameForGood(temporary, path);
  } catch (error) {
    await Deno.remove(temporary).catch(ignoreNotFound);
    throw error;
  }
}

/**
 * Gives a finished file or folder its name, and flushes the folder that it is in.
 *
 * @throws {Error} A sentence with path and reason.
 */
export async function renameForGood(from: string, to: string): Promise<void> {
  try {
    await Deno.rename(from, to);
    await flushFolder(dirname(to));
  } catch (cause) {
    throw writeError(to, cause);
  }
}

/** Names as {@linkcode writeFileAtomic} gives them to temporary files. */
const TEMPORARY = /^\..+\.[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.tmp$/;

/** Whether a file is one that a killed writer left. */
export function isTemporary(name: string): boolean {
  return TEMPORARY.test(name);
}

/** Removes the temporary files that killed writers left in a folder, which nobody else may be writing to; none is fine. */
export async function sweepTemporary(folder: string): Promise<void> {
  if (!await exists(folder)) return;
  for await (const { name, isFile } of Deno.readDir(folder)) {
    if (isFile && TEMPORARY.test(name)) await Deno.remove(join(folder, name));
  }
}

/**
 * Brings a folder's names to the disk: a rename that was not flushed can be gone after a pulled plug, file and all. Does
 * nothing where the system cannot: Windows opens no folders, and some network file systems flush files only.
 */
export async function flushFolder(path: string): Promise<void> {
  if (Deno.build.os === "windows") return;
  using folder = await Deno.open(path);
  try {
    await folder.sync();
  } catch (error) {
    if (!["EINVAL", "ENOTSUP", "EOPNOTSUPP"].includes((error as { code?: string }).code ?? "")) throw error;
  }
}

/**
 * Writes text as UTF-8 in one step; see {@link writeFileAtomic}.
 *
 * @throws {Error} A sentence with path and reason when it cannot be written.
 */
export function writeTextAtomic(path: string, text: string, options?: WriteOptions): Promise<void> {
  return writeFileAtomic(path, new TextEncoder().encode(text), options);
}

/**
 * Writes a value as indented JSON with a newline at its end, in one step; see {@link writeFileAtomic}. Characters that
 * would act on a terminal are escaped.
 *
 * @throws {Error} A sentence with path and reason when it cannot be written.
 */
export function writeJsonAtomic(path: string, value: unknown, options?: WriteOptions): Promise<void> {
  return writeTextAtomic(path, `${visibleJson(value, 2)}\n`, options);
}

async function writeAll(file: Deno.FsFile, bytes: Uint8Array): Promise<void> {
  for (let written = 0; written < bytes.length;) written += await file.write(bytes.subarray(written));
}

function ignoreNotFound(error: unknown): void {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}

/** The system's error on writing at a path, as a sentence that says what to do. */
export function writeError(path: string, cause: unknown): Error {
  const { message, code } = cause as { message: string; code?: string };
  const reason = (text: string) => new Error(`Cannot write ${path}: ${text}`, { cause });
  if (code === "ENOSPC" || code === "EDQUOT") {
    return reason("the disk is full. Make room or choose another folder; what was there before is unharmed.");
  }
  if (cause instanceof Deno.errors.NotCapable) {
    return reason(`Deno was not allowed to (${message}). Run with --allow-read and --allow-write for that folder.`);
  }
  if (cause instanceof Deno.errors.PermissionDenied) {
    return reason("no permission. Choose a folder that you may write to.");
  }
  if (code === "EROFS") return reason("the file system is read-only. Choose another folder.");
  if (code === "ENOTDIR" || code === "EEXIST") {
    return reason("a part of its path is a file, not a folder. Choose another folder.");
  }
  return reason(`${message}.`);
}
