/** `run.json`: what was run, with which settings, on what, how long it took, and what came out. */
import { join } from "node:path";
import { writeJsonAtomic } from "../files/atomic.ts";
import type { HubUse } from "../hub/options.ts";
import { PACKAGES } from "./packages.ts";

/** The version of this module, as in `deno.json`. */
export const VERSION = "0.1.0";

/** A plain value that a program can compare: a number, a name, or arrays and objects of them. NaN becomes null. */
export type Finding = number | string | boolean | null | readonly Finding[] | { readonly [key: string]: Finding };

/** Everything that `run.json` holds, in the order in which it is written. */
export interface RunRecord {
  /** Name of the experiment or script. */
  readonly name: string;
  /** Command-line arguments, as given. */
  readonly arguments: readonly string[];
  /** Every flag's value, defaults included, by name. */
  readonly flags: { readonly [flag: string]: Finding };
  readonly seed: number | null;
  /** Versions of Deno, V8, TypeScript, this module and each npm package that it pins. */
  readonly versions: { readonly [name: string]: string };
  readonly system: string;
  /** The device in words. */
  readonly device: string;
  /** What a reader should know of how it was run, a sentence each. */
  readonly notes: readonly string[];
  /** Repositories of the hub that files were taken from, and the commits that their revisions were. */
  readonly hub: readonly Readonly<Omit<HubUse, "cached">>[];
  /** Start, ISO 8601 in UTC. */
  readonly started: string;
  /** Seconds by what took them; `total` is the whole run. */
  readonly timings: { readonly [name: string]: number };
  readonly findings: { readonly [key: string]: Finding };
  /** Files written, relative to the folder. */
  readonly outputs: readonly string[];
}

/** What a run starts from. */
export interface RunStart {
  name: string;
  arguments?: readonly string[];
  flags?: { readonly [flag: string]: Finding };
  seed?: number;
  /** The clock in milliseconds since 1970; default `Date.now`. */
  now?: () => number;
}

/**
 * Gathers what a run has to say about itself, and writes it once the run is over.
 *
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
  /** What a reader should know of how it was run, a sentence each. */
  readonly notes: string[] = [];
  /** Repositories of the hub that files were taken from. */
  readonly hub: Omit<HubUse, "cached">[] = [];
  /** What came out, under the experiment's fixed names. */
  readonly findings: Record<string, Finding> = {};
  /** Files written, relative to the folder. */
  readonly outputs: string[] = [];
  readonly #start: Required<RunStart>;
  readonly #started: number;
  readonly #seconds = new Map<string, number>();

  /** Starts the clock. */
  constructor(start: RunStart) {
    this.#start = { arguments: [], flags: {}, seed: NaN, now: Date.now, ...start };
    this.#started = this.#start.now();
  }

  /**
   * Runs a step and adds its seconds to those under `name`, also when it throws.
   *
   * @returns What the step returns.
   */
  async time<T>(name: string, step: () => T | Promise<T>): Promise<T> {
    const start = this.#start.now();
    try {
      return await step();
    } finally {
      this.addSeconds(name, (this.#start.now() - start) / 1000);
    }
  }

  /** Adds seconds that were measured elsewhere to those under `name`. */
  addSeconds(name: string, seconds: number): void {
    this.#seconds.set(name, (this.#seconds.get(name) ?? 0) + seconds);
  }

  /** Everything so far. */
  record(): RunRecord {
    const { name, arguments: args, flags, seed, now } = this.#start;
    const total = (now() - this.#started) / 1000;
    return {
      name,
      arguments: args,
      flags,
      seed: Number.isNaN(seed) ? null : seed,
      versions: { ...Deno.version, exemplar: VERSION, ...PACKAGES },
      system: `${Deno.build.os} ${Deno.build.arch}, ${navigator.hardwareConcurrency} CPU cores`,
      device: this.device,
      notes: [...this.notes],
      hub: [...this.hub],
      started: new Date(this.#started).toISOString(),
      timings: Object.fromEntries([...this.#seconds, ["total", total]].map(([key, value]) => [key, rounded(value)])),
      findings: this.findings,
      outputs: [...this.outputs].sort(),
    };
  }

  /**
   * Writes `<folder>/run.json`.
   *
   * @returns What was written.
   * @throws {Error} If it cannot be written.
   */
  async finish(folder: string): Promise<RunRecord> {
    const record = this.record();
    await writeJsonAtomic(join(folder, "run.json"), record);
    return record;
  }
}

const rounded = (seconds: unknown) => Math.round(Number(seconds) * 1000) / 1000;
