/** Tasks that are measured in a process of their own, for the memory that they take at most. */
import { denoCommand } from "../lib/deno.ts";

/** A dictionary of a stream of rows, grown batch by batch. */
export interface BuildTask {
  readonly kind: "build";
  readonly rows: number;
  readonly dim: number;
  /** Families of the stream, each of which becomes a region: see `BUILD_SPREAD`. */
  readonly regions: number;
}

/** The nearest exemplar of rows, once. */
export interface NearestTask {
  readonly kind: "nearest";
  readonly rows: number;
  readonly dim: number;
  readonly exemplars: number;
}

/** Dictionaries of texts, as many percentiles at each of some layers, in one pass over them. */
export interface GrowTask {
  readonly kind: "grow";
  /** Folder of the model. */
  readonly model: string;
  readonly texts: number;
  /** How many, evenly spread; the deepest is the model's last. */
  readonly layers: number;
  readonly percentiles: readonly number[];
}

export type Task = BuildTask | NearestTask | GrowTask;

/** What a task took. */
export interface Taken {
  /** Of the work alone: neither loading nor drawing of rows. */
  readonly seconds: number;
  /** Most resident memory of the process before the work, in bytes: the program, its runtime, the stream's source. */
  readonly before: number;
  /** Most resident memory up to the end, in bytes. */
  readonly peak: number;
  /** Bytes of the arrays that the work must hold at once. */
  readonly held: number;
  /** Regions at the end, of all dictionaries. */
  readonly regions: number;
}

/**
 * Does a task in a process of its own.
 *
 * @throws {Error} if it fails; what it said stands on stderr.
 */
export async function takenBy(task: Task): Promise<Taken> {
  const args = ["--allow-all", new URL("do_task.ts", import.meta.url).pathname, JSON.stringify(task)];
  const { success, stdout } = await denoCommand("run", args, { stderr: "inherit" }).output();
  if (!success) throw new Error(`Expected a task to be done but it failed: ${JSON.stringify(task)}`);
  return JSON.parse(new TextDecoder().decode(stdout));
}
