import { dirname, join } from "node:path";
import { sweepTemporary, writeError, writeTextAtomic } from "../../files/atomic.ts";
import { isInside } from "../../files/inside.ts";
import { isNamed, tryLock } from "../../files/lock.ts";
import { UsageError } from "../command/flags.ts";
import { removeOldResults } from "./old_results.ts";

/** How the folder of a run's results is opened. */
export interface OutOptions {
  /** The run in words, for others that want the folder: `build --seed 3`. */
  readonly command: string;
  /** Whether what an earlier run left is to stay. */
  readonly resume: boolean;
  /** Files that the run reads: they must not go with an earlier run's results. */
  readonly inputs: readonly string[];
  /** Takes a sentence for the reader. */
  readonly note: (sentence: string) => void;
}

const LOCK = ".lock";

/**
 * The folder of a run's results. While a run has it, no other does: its file `.lock` is locked, and the system gives
 * the lock back however the run ends. The file's first line says who has it, the others what was written since the last
 * `run.json`, so that the next run knows what a killed one left.
 */
export class OutFolder {
  private constructor(readonly path: string, private readonly lock: Deno.FsFile, private readonly files: Set<string>) {}

  /**
   * Makes the folder, tries it by writing, locks it, and removes what an earlier run left there, unless that is to
   * stay: a run should not find out after an hour that it has nowhere to write.
   *
   * @throws {UsageError} A sentence if the folder cannot be written to, or what the run reads would be removed.
   * @throws {Error} A sentence that names the run that has it.
   */
  static async open(path: string, { command, resume, inputs, note }: OutOptions): Promise<OutFolder> {
    const lock = await locked(path, note);
    const [, ...files] = (await textOf(lock)).split("\n").filter(Boolean);
    const folder = new OutFolder(path, lock, new Set(files));
    try {
      await tried(path, () => tryWriting(path));
      const folders = files.filter(isInside).map((file) => dirname(join(path, file)));
      for (const one of new Set([path, ...folders])) await sweepTemporary(one);
      if (!resume) {
        await removeOldResults(path, files, { inputs, note });
        folder.files.clear();
      }
      const who = `process ${Deno.pid} on ${Deno.hostname()}, since ${new Date().toISOString()}: ${command}`;
      await lock.truncate(0);
      await lock.seek(0, Deno.SeekMode.Start);
      for (const line of [who, ...folder.files]) await folder.#say(line);
      return folder;
    } catch (error) {
      await folder.close(false);
      throw error;
    }
  }

  /**
   * Says that a file is going to be written, before it is.
   *
   * @param file Relative to the folder.
   */
  async begin(file: string): Promise<void> {
    if (this.files.has(file)) return;
    this.files.add(file);
    await this.#say(file);
  }

  /**
   * Gives the folder back.
   *
   * @param isDone Whether `run.json` names everything that was written.
   */
  async close(isDone: boolean): Promise<void> {
    const path = join(this.path, LOCK);
    // Before the lock goes: whoever gets it then sees that this file has lost its name, and makes another.
    if ((isDone || this.files.size === 0) && await isNamed(path, this.lock)) await Deno.remove(path);
    this.lock.close();
  }

  async #say(line: string): Promise<void> {
    const bytes = new TextEncoder().encode(`${line.replace(/\s+/g, " ")}\n`);
    try {
      for (let written = 0; written < bytes.length;) written += await this.lock.write(bytes.subarray(written));
      await this.lock.syncData();
    } catch (cause) {
      throw writeError(join(this.path, LOCK), cause);
    }
  }
}

async function locked(path: string, note: OutOptions["note"]): Promise<Deno.FsFile> {
  const name = join(path, LOCK);
  for (;;) {
    const file = await tried(path, async () => {
      await Deno.mkdir(path, { recursive: true });
      return await Deno.open(name, { read: true, write: true, create: true });
    });
    const result = await tryLock(file);
    if (result === "taken") {
      // Windows does not let others read a locked file.
      const [holder] = (await textOf(file).catch(() => "")).split("\n");
      file.close();
      const who = holder || "it does not say which";
      throw new Error(
        `Cannot write results to ${path}: another run does (${who}). Wait until it ends, or choose another folder with --out.`,
      );
    }
    if (result === "impossible") {
      note(`The file system of ${path} has no locks: nothing keeps another run from writing there at the same time.`);
    }
    if (await isNamed(name, file)) return file;
    // The run that had it has just removed it.
    file.close();
  }
}

async function tryWriting(path: string): Promise<void> {
  const trial = join(path, ".trial");
  await writeTextAtomic(trial, "This can be written.\n");
  await Deno.remove(trial);
}

/** Takes a step in a folder; what the system refuses there is a mistake on the command line. */
async function tried<T>(path: string, step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (cause) {
    const reason = (cause as Error).message.replace(/\.?$/, ".");
    throw new UsageError(`Cannot write results to ${path}: ${reason} Choose another folder with --out.`, { cause });
  }
}

async function textOf(file: Deno.FsFile): Promise<string> {
  const bytes = new Uint8Array((await file.stat()).size);
  let length = 0;
  for (let count; length < bytes.length && (count = await file.read(bytes.subarray(length))) !== null;) length += count;
  return new TextDecoder().decode(bytes.subarray(0, length));
}
