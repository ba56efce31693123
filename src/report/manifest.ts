/** `run.json`: what was run, with which settings, on what, how long it took, and what came out. */
import { join } from "node:path";
import { checksumOfFile } from "../files/checksum.ts";
import { writeSealedJson } from "../files/sealed_json.ts";
import type { HubUse } from "../hub/options.ts";
import { PACKAGES } from "./packages.ts";

/** The version of this module, as in `deno.json`. */
export const VERSION = "0.1.0";

/** A plain value that a program can compare: a number, a name, or arrays and objects of them. NaN becomes null. */
export type Finding = number | string | boolean | null | readonly Finding[] | { readonly [key: string]: Finding };

/** What one calibration of a run saw. */
export interface CalibrationRecord {
  /** Which of the run's streams; empty where there is one. */
  readonly stream: string;
  /** Layer that was read. */
  readonly layer: number;
  /** Activations asked for. */
  readonly asked: number;
  /** Activations seen, those left out by norm not counted. */
  readonly activations: number;
  /** θ of every percentile, a cosine distance, and its standard deviation over batches or blocks where there are several. */
  readonly levels?: readonly { readonly percentile: number; readonly threshold: number; readonly spread?: number }[];
  /**
   * Whether pairs were taken within each batch or over the whole sample, why, and of how many batches or blocks θ is a mean;
   * absent, as the levels, for a calibration of before they were looked at.
   */
  readonly pairs?: {
    readonly within: "batch" | "sample";
    readonly because: string;
    readonly parts: number;
    readonly batchRatio?: number;
  };
  /** Their median norm; this and the following are absent for a calibration of before they were looked at. */
  readonly medianNorm?: number;
  /** Their largest norm. */
  readonly largestNorm?: number;
  /** Activations of more than 10 times the median norm. */
  readonly massive?: number;
  /** Activations left out by their norm. */
  readonly masked?: number;
  /** Share of the pairs within batches that are of the same tokens, 0..1; `null` if the stream does not tell. */
  readonly identicalPairs?: number | null;
}

/** How far a run read one of its streams to grow dictionaries. */
export interface StreamRecord {
  /** Which of the run's streams; empty where there is one. */
  readonly stream: string;
  /** Texts that were read. */
  readonly texts: number;
  /** Texts of those that were not read to their ends; absent in records from before texts were read in windows. */
  readonly unfinished?: number;
  /** Texts that there are; `null` where they are read as they come, uncounted. */
  readonly of: number | null;
  /** Tokens that were read, `<bos>` included. */
  readonly tokens: number;
  /** Activations that were read of each layer. */
  readonly activations: number;
  /** Why no more was read: all dictionaries were saturated, the budget was spent, there was no more. */
  readonly ended: "saturated" | "budget" | "stream";
  /** Dictionaries that grew on it. */
  readonly dictionaries: number;
  /** How many of them were saturated and founded no more. */
  readonly saturated: number;
  /** Activations after which the first of them founded no more; all that it took if none was saturated before the end. */
  readonly foundedUntil: number;
  /** Most activations that came to one of them after that and lie beyond its threshold, in no region. */
  readonly beyond: number;
}

/** What a run has to say about itself, in the order in which `run.json` holds it. */
export interface RunRecord {
  /** Name of the experiment or script. */
  readonly name: string;
  /** Command-line arguments, as given. */
  readonly arguments: readonly string[];
  /** Every flag's value, defaults included, by name. */
  readonly flags: { readonly [flag: string]: Finding };
  /** The seed of the run; null if it draws nothing. */
  readonly seed: number | null;
  /** Versions of Deno, V8, TypeScript, this module and each npm package that it pins. */
  readonly versions: { readonly [name: string]: string };
  /** Operating system and processor. */
  readonly system: string;
  /** The device in words. */
  readonly device: string;
  /** How the nearest exemplars were searched, and why; null if no search was large enough to choose. */
  readonly search: { readonly way: string; readonly because: string } | null;
  /** What a reader should know of how it was run, a sentence each. */
  readonly notes: readonly string[];
  /** Repositories of the hub that files were taken from, and the commits that their revisions were. */
  readonly hub: readonly Readonly<Omit<HubUse, "cached">>[];
  /** What each calibration saw, in the order in which they were made. */
  readonly calibrations: readonly CalibrationRecord[];
  /** How far each stream was read, in the order in which dictionaries grew on them. */
  readonly streams: readonly StreamRecord[];
  /** Start, ISO 8601 in UTC. */
  readonly started: string;
  /** Seconds by what took them; `total` is the whole run. */
  readonly timings: { readonly [name: string]: number };
  /** What came out, by the experiment's fixed names. */
  readonly findings: { readonly [key: string]: Finding };
  /** Files written, relative to the folder. */
  readonly outputs: readonly string[];
}

/** Everything that `run.json` holds but its own checksum, in the order in which it is written. */
export interface RunFile extends RunRecord {
  /** Kind and version of the file. */
  readonly format: "exemplar run 2";
  /** CRC-32 of every output but `run.json`, as eight hexadecimal digits. */
  readonly checksums: { readonly [file: string]: string };
}

/** What a run starts from. */
export interface RunStart {
  /** Name of the experiment. */
  name: string;
  /** What was typed after the name; default nothing. */
  arguments?: readonly string[];
  /** Every flag's value, by name; default none. */
  flags?: { readonly [flag: string]: Finding };
  /** The seed; default: the run draws nothing. */
  seed?: number;
  /** When it started; default now. */
  started?: Date;
  /** A clock in milliseconds that nobody sets; default `performance.now`. */
  now?: () => number;
}

/**
 * Gathers what a run has to say about itself, and writes it once the run is over.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 *
 * const manifest = new RunManifest({ name: "build", seed: 0, flags: { percentiles: [10] } });
 * manifest.device = "CPU";
 * const thresholds = await manifest.time("calibrate", () => [0.8744]);
 * manifest.findings.thresholds = thresholds;
 * assertEquals(manifest.record().findings, { thresholds: [0.8744] });
 * ```
 */
export class RunManifest {
  /** The device in words; set it as soon as it is known. */
  device = "";
  /** How the nearest exemplars were searched: asked as the run is recorded, as a backend chooses when it first has to. */
  search: () => RunRecord["search"] = () => null;
  /** What a reader should know of how it was run, a sentence each. */
  readonly notes: string[] = [];
  /** Repositories of the hub that files were taken from. */
  readonly hub: Omit<HubUse, "cached">[] = [];
  /** What each calibration saw. */
  readonly calibrations: CalibrationRecord[] = [];
  /** How far each stream was read to grow dictionaries. */
  readonly streams: StreamRecord[] = [];
  /** Called as a step that is timed begins; what it returns is called as the step ends. */
  onStep?: (name: string) => () => void;
  /** What came out, under the experiment's fixed names. */
  readonly findings: Record<string, Finding> = {};
  /** Files written, relative to the folder. */
  readonly outputs: string[] = [];
  readonly #start: Required<RunStart>;
  readonly #before: number;
  readonly #seconds = new Map<string, number>();

  /** Starts the clock. */
  constructor(start: RunStart) {
    const now = () => performance.now();
    this.#start = { arguments: [], flags: {}, seed: NaN, started: new Date(), now, ...start };
    this.#before = this.#start.now();
  }

  /**
   * Runs a step and adds its seconds to those under `name`, also when it throws.
   *
   * @returns What the step returns.
   */
  async time<T>(name: string, step: () => T | Promise<T>): Promise<T> {
    const start = this.#start.now();
    const end = this.onStep?.(name);
    try {
      return await step();
    } finally {
      end?.();
      this.addSeconds(name, (this.#start.now() - start) / 1000);
    }
  }

  /** Adds seconds that were measured elsewhere to those under `name`. */
  addSeconds(name: string, seconds: number): void {
    this.#seconds.set(name, (this.#seconds.get(name) ?? 0) + seconds);
  }

  /** Everything so far. */
  record(): RunRecord {
    const { name, arguments: args, flags, seed, started, now } = this.#start;
    const total = (now() - this.#before) / 1000;
    return {
      name,
      arguments: args,
      flags,
      seed: Number.isNaN(seed) ? null : seed,
      versions: { ...Deno.version, exemplar: VERSION, ...PACKAGES },
      system: `${Deno.build.os} ${Deno.build.arch}, ${navigator.hardwareConcurrency} CPU cores`,
      device: this.device,
      search: this.search(),
      notes: [...this.notes],
      hub: [...this.hub],
      calibrations: [...this.calibrations],
      streams: [...this.streams],
      started: started.toISOString(),
      timings: Object.fromEntries([...this.#seconds, ["total", total]].map(([key, value]) => [key, rounded(value)])),
      findings: this.findings,
      outputs: [...this.outputs].sort(),
    };
  }

  /**
   * Reads every output back for its checksum, and writes `<folder>/run.json`.
   *
   * @returns What was written.
   * @throws {Error} If it cannot be written, or an output is not there.
   */
  async finish(folder: string): Promise<RunFile> {
    const record = this.record();
    const checksums: Record<string, string> = {};
    for (const file of record.outputs) {
      if (file !== "run.json") checksums[file] = await checksumOfOutput(join(folder, file));
    }
    const whole: RunFile = { format: "exemplar run 2", ...record, checksums };
    await writeSealedJson(join(folder, "run.json"), { ...whole });
    return whole;
  }
}

async function checksumOfOutput(path: string): Promise<string> {
  try {
    return await checksumOfFile(path);
  } catch (cause) {
    throw new Error(`Cannot read back ${path}, which this run wrote: ${(cause as Error).message}.`, { cause });
  }
}

const rounded = (seconds: unknown) => Math.round(Number(seconds) * 1000) / 1000;
