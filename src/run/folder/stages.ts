import { append } from "../../compute/long_lists.ts";
import { join } from "node:path";
import { checksumOf } from "../../files/checksum.ts";
import { namesIn } from "../../files/names_in.ts";
import { removeIfThere } from "../../files/remove.ts";
import { readSealedJson, writeSealedJson } from "../../files/sealed_json.ts";
import type { CheckpointOptions } from "../../partition/checkpoint.ts";
import { type CalibrationRecord, type StreamRecord, VERSION } from "../../report/manifest.ts";
import { flagText } from "../command/flag_text.ts";
import { UsageError } from "../command/flags.ts";
import { readStage, writeStage } from "./stage_file.ts";

const FORMAT = "exemplar stages 2";
/** The settings are kept twice: without them nothing that is kept could be used. */
const [FOLDER, SETTINGS, COPY] = ["checkpoints", "settings.json", "settings.copy.json"];
/** What builds of before left there: the checkpoints of their one discovery. */
const FIRST_FORMAT = /^\d+$/;
/** Flags that cannot change a result. */
const FREE = ["out", "parquet", "resume", "quiet", "help", "cache", "offline", "refresh", "tokenFor", "maxUnpacked"];
/** While dictionaries grow, their state is kept no more often than this. */
const SECONDS = 10;

/** What decides a run's results. */
interface Settings {
  readonly version: string;
  readonly flags: Readonly<Record<string, unknown>>;
  /** Device, files and commits that were really used, each after what it is: `the device: CPU`. */
  readonly facts: readonly string[];
}

/** What {@linkcode Stages.open} needs. */
export interface StagesOptions {
  /** Every flag's value, by name. */
  readonly flags: Readonly<Record<string, unknown>>;
  /** Flags that may be others when the run goes on. */
  readonly mayChange?: readonly string[];
  /** What else decides the results; asked when the first step begins. */
  readonly facts: () => Promise<string[]>;
  /** What the run has told its reader. */
  readonly notes: readonly string[];
  /** What its calibrations saw; those of steps that are kept are put there. Default nobody asks. */
  readonly calibrations?: CalibrationRecord[];
  /** How far its streams were read; likewise. */
  readonly streams?: StreamRecord[];
  /** Takes a sentence for the reader. */
  readonly note: (sentence: string) => void;
  /** Stops the run before its next step. */
  readonly signal: AbortSignal;
}

/**
 * What a run has finished, step by step, in a folder below its results, so that `--resume` goes on from there. The
 * folder is there while the run is not done.
 *
 * A run has one: `stages`, whose {@linkcode Stages.kept} is the run's `kept`.
 *
 * @example A step that is done once
 * ```ts
 * const out = await Deno.makeTempDir();
 * const options: StagesOptions = {
 *   flags: { seed: 3 },
 *   facts: () => Promise.resolve(["CPU"]),
 *   notes: [],
 *   note: console.warn,
 *   signal: new AbortController().signal,
 * };
 * const stopped = await Stages.open(out, false, options);
 * await stopped.kept("count", () => 7);
 *
 * const goesOn = await Stages.open(out, true, options);
 * const count = await goesOn.kept("count", (): number => {
 *   throw new Error("done again");
 * });
 * if (count !== 7) throw new Error(`${count}`);
 * await Deno.remove(out, { recursive: true });
 * ```
 */
export class Stages {
  readonly #options: StagesOptions;
  readonly #names = new Set<string>();
  /** Folders of the discoveries of steps that are not finished. */
  readonly #growing: string[] = [];
  #isBegun = false;
  /** Tells the run from others whose steps have the same names. */
  #run = "";

  private constructor(
    readonly folder: string,
    options: StagesOptions,
    private readonly before?: Settings,
    private readonly isOfFirstFormat = false,
  ) {
    this.#options = options;
  }

  /** Whether a stopped run left something to go on from. */
  static async areLeft(out: string): Promise<boolean> {
    return (await namesIn(join(out, FOLDER))).some((name) =>
      name === SETTINGS || name === COPY || FIRST_FORMAT.test(name)
    );
  }

  /** Whether a stopped run left a finished step in a folder of results, or a checkpoint of one, not its settings alone. */
  static async haveKept(out: string): Promise<boolean> {
    return (await namesIn(join(out, FOLDER))).some((name) => name !== SETTINGS && name !== COPY);
  }

  /**
   * Opens what a stopped run left, or removes it where a run starts anew.
   *
   * @param out Folder of the results.
   * @param resume Whether to go on.
   * @throws {UsageError} if the stopped run had other flags; names them.
   */
  static async open(out: string, resume: boolean, options: StagesOptions): Promise<Stages> {
    const folder = join(out, FOLDER);
    if (!resume) {
      await removeIfThere(folder);
      return new Stages(folder, options);
    }
    const before = await readSettings(folder, options.note);
    if (before) assertSameFlags(out, before, options);
    const isOfFirstFormat = (await namesIn(folder)).some((name) => FIRST_FORMAT.test(name));
    return new Stages(folder, options, before, isOfFirstFormat);
  }

  /**
   * What a step gives: as the stopped run kept it, or computed now and kept.
   *
   * @param name Its name, which no other step of the run has.
   * @param compute Gives plain data: numbers, texts, arrays, objects, Maps, Sets, typed arrays. It must depend on
   * nothing that other steps did to shared state, a random generator's included.
   */
  async kept<T>(name: string, compute: () => T | Promise<T>): Promise<T> {
    const path = `${await this.#pathOf(name)}.stage`;
    const { notes, calibrations = [], streams = [], note, signal } = this.#options;
    const stage = await readStage(path, { name, run: this.#run }).catch((error: Error) => {
      note(`${error.message.replace(/\.?$/, ".")} The step "${name}" is done again.`);
      return undefined;
    });
    if (stage) {
      stage.notes.forEach(note);
      append(calibrations, stage.calibrations ?? []);
      append(streams, stage.streams ?? []);
      return stage.value as T;
    }
    signal.throwIfAborted();
    const [told, seen, read, growing] = [notes.length, calibrations.length, streams.length, this.#growing.length];
    const value = await compute();
    const said = {
      notes: notes.slice(told),
      calibrations: calibrations.slice(seen),
      streams: streams.slice(read),
    };
    const kept = await writeStage(path, { name, run: this.#run, value, ...said });
    // Of all orders together they may not fit on the disk.
    for (const folder of this.#growing.splice(growing)) await removeIfThere(folder);
    return kept.value as T;
  }

  /** Where a discovery keeps its state, and goes on from; removed once the step that it is a part of is kept. */
  async checkpoint(name: string): Promise<CheckpointOptions> {
    const path = await this.#pathOf(name);
    this.#growing.push(path);
    const folder = this.isOfFirstFormat ? this.folder : path;
    return { folder, every: 1, seconds: SECONDS, resume: true, onWarning: this.#options.note };
  }

  /** Removes everything, once the run's results are written. */
  async remove(): Promise<void> {
    await removeIfThere(this.folder);
  }

  async #pathOf(name: string): Promise<string> {
    if (this.#names.has(name)) throw new Error(`Expected steps of different names but two are named "${name}".`);
    this.#names.add(name);
    await this.#begin();
    return join(this.folder, `${name.replaceAll(/[^\w.,-]+/g, "_").slice(0, 80)}-${checksumOf(name)}`);
  }

  /** The device and the files are known when the first step begins: they must be those of the stopped run. */
  async #begin(): Promise<void> {
    if (this.#isBegun) return;
    this.#isBegun = true;
    const facts = await this.#options.facts();
    const before = this.before?.facts ?? facts;
    const longest = before.length > facts.length ? before : facts;
    const other = longest.findIndex((_, i) => before[i] !== facts[i]);
    if (other >= 0) {
      const [was, is] = [before[other] ?? "", facts[other] ?? ""];
      const [what] = (was || is).split(": ", 1);
      const shown = (fact: string) => fact.startsWith(`${what}: `) ? fact.slice(what.length + 2) : "nothing";
      throw new UsageError(
        `Expected ${what} to be what it was for the run that was stopped but it has changed since, from ${
          shown(was)
        } to ` +
          `${shown(is)}: start anew without --resume.`,
      );
    }
    const settings = { ...settingsOf(this.#options), facts };
    this.#run = checksumOf(JSON.stringify(settings));
    for (const name of [SETTINGS, COPY]) {
      await writeSealedJson(join(this.folder, name), { format: FORMAT, ...settings });
    }
  }
}

/** The settings of the stopped run, from their copy where the first is missing or damaged. */
async function readSettings(folder: string, note: (sentence: string) => void): Promise<Settings | undefined> {
  const remedy = "start anew without --resume";
  const read = async (name: string) => await readSealedJson(join(folder, name), { remedy }) as Settings | undefined;
  try {
    return await read(SETTINGS) ?? await read(COPY);
  } catch (error) {
    const copy = await read(COPY);
    if (!copy) throw error;
    note(`${(error as Error).message.split(" What to do")[0]} Its copy is taken.`);
    return copy;
  }
}

/**
 * The flags that decide a run's results, by name: all that are given or have a default, but those that cannot.
 *
 * @param mayChange Others that do not count.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(decidingFlags({ seed: 3, out: "results", quiet: true, maxTokens: 100 }, ["maxTokens"]), { seed: 3 });
 * ```
 */
export function decidingFlags(
  flags: object,
  mayChange: readonly string[] = [],
): Readonly<Record<string, unknown>> {
  const free = [...FREE, ...mayChange];
  return Object.fromEntries(
    Object.entries(flags).filter(([key, value]) => !free.includes(key) && value !== undefined),
  );
}

function settingsOf({ flags, mayChange }: StagesOptions): Omit<Settings, "facts"> {
  return { version: VERSION, flags: decidingFlags(flags, mayChange) };
}

function assertSameFlags(out: string, before: Settings, options: StagesOptions): void {
  const { version, flags } = settingsOf(options);
  const text = (value: unknown) => JSON.stringify(value);
  const names = new Set([...Object.keys(before.flags), ...Object.keys(flags)]);
  const differing = [...names].filter((name) =>
    !options.mayChange?.includes(name) && text(before.flags[name]) !== text(flags[name])
  );
  const each = differing.map((name) =>
    `${flagText(name, flags[name])} instead of ${flagText(name, before.flags[name])}`
  );
  if (before.version !== version) each.push(`version ${version} instead of ${before.version}`);
  if (each.length === 0) return;
  throw new UsageError(
    `Expected the flags of the run that was stopped in ${out} but found ${
      each.join(", ")
    }: give the same flags, or start ` +
      "anew without --resume.",
  );
}
