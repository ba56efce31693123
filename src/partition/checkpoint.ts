/**
 * Checkpoints of a discovery: a folder each, whose name is the number of batches, with every dictionary and how far the
 * stream was read. The two newest are kept, so that one is left if the disk spoils the other.
 */
import { join } from "node:path";
import type { StreamSource } from "../activations/source.ts";
import type { Backend } from "../compute/backend.ts";
import { GpuError } from "../compute/device.ts";
import { assertKind } from "../compute/kinds.ts";
import { assertOptions, type OptionKinds } from "../compute/known_options.ts";
import { renameForGood } from "../files/atomic.ts";
import { removeIfThere } from "../files/remove.ts";
import { readSealedJson, writeSealedJson } from "../files/sealed_json.ts";
import { assertSameRun, CheckpointMismatchError, type RunSettings } from "./checkpoint_settings.ts";
import { Dictionary, partsOf, saveAlone } from "./dictionary.ts";
import type { DiscoveryCounts, Growth, Snapshot } from "./growth.ts";

/** Where and how often a discovery keeps its state. */
export interface CheckpointOptions {
  /** Folder of this run's checkpoints, up to three of which are there at a time. */
  folder: string;
  /** Batches between checkpoints; default 10. */
  every?: number;
  /** Seconds between checkpoints at least; default 0. */
  seconds?: number;
  /** Go on from the folder's last checkpoint that is whole, if there is one; default false. */
  resume?: boolean;
  /** Gets a sentence about a checkpoint that is damaged, or older than checksums; default `console.warn`. */
  onWarning?: (sentence: string) => void;
}

const OPTIONS: OptionKinds<CheckpointOptions> = {
  folder: "string",
  every: "number",
  seconds: "number",
  resume: "boolean",
  onWarning: "function",
};

/** Throws unless checkpoints have a folder, and come now and then. */
export function assertCheckpoint(options: CheckpointOptions): void {
  assertOptions("a checkpoint", options, OPTIONS);
  const { folder, every = 0, seconds = 0 } = options;
  assertKind("the folder of a checkpoint", folder, "string");
  if (every >= 0 && seconds >= 0) return;
  throw new RangeError(`Expected batches and seconds between checkpoints from 0 on but found ${every} and ${seconds}`);
}

/** What a run goes on from. */
export interface Resumed {
  readonly counts: DiscoveryCounts;
  readonly growths: Growth[];
}

interface State extends DiscoveryCounts, RunSettings {
  readonly growths: readonly GrowthState[];
}

interface GrowthState extends DiscoveryCounts {
  readonly layer: number;
  readonly percentile: number;
  readonly threshold: number;
  readonly seed: number;
  readonly source: StreamSource | null;
  readonly saturated: boolean;
  readonly emptyBatches: number;
  readonly snapshots: readonly Snapshot[];
}

/** Version 1 has neither checksums nor budgets. */
const FORMATS = ["exemplar checkpoint 2", "exemplar checkpoint 1"] as const;
const STATE = "state.json";
/** Names of complete checkpoints, and of those that a kill left half written. */
const COMPLETE = /^\d+$/;
const UNFINISHED = /^\.\d+\.tmp$/;

/**
 * Name of a dictionary's file in a checkpoint: by its layer and percentile.
 *
 * @example
 * ```ts
 * const name = dictionaryFile({ layer: 3, percentile: 10 });
 * if (name !== "L3-p10.arrow") throw new Error(name);
 * ```
 */
export function dictionaryFile(growth: Pick<Growth, "layer" | "percentile">): string {
  return `L${growth.layer}-p${growth.percentile}.arrow`;
}

/**
 * Writes every dictionary and how far the stream was read into a new folder below `folder`, which gets its name only
 * when it is complete; then removes all others but the one before. Whenever the run is killed, a complete checkpoint is
 * left.
 *
 * @param before Batches of the run's checkpoint before this one, which is kept, too; 0 for none.
 * @throws {Error} A sentence if it cannot be written; the ones before stay as they are.
 */
export async function writeCheckpoint(
  folder: string,
  settings: RunSettings,
  counts: DiscoveryCounts,
  growths: readonly Growth[],
  before: number,
): Promise<void> {
  const name = nameOf(counts.batches);
  const temporary = join(folder, `.${name}.tmp`);
  // What an earlier, killed run left.
  for (const unfinished of await entries(folder, UNFINISHED)) await removeIfThere(join(folder, unfinished));
  try {
    for (const growth of growths) {
      await growth.dictionary.refresh();
      await saveAlone(growth.dictionary, join(temporary, dictionaryFile(growth)));
    }
    const state: State = { ...settings, ...counts, growths: growths.map(stateOf) };
    await writeSealedJson(join(temporary, STATE), { format: FORMATS[0], ...state });
  } catch (error) {
    // On a full disk its files would stand in the way of everything else.
    await removeIfThere(temporary);
    throw error;
  }
  // A run that began anew, or went on from the one before, reaches the same number of batches again.
  await removeIfThere(join(folder, name));
  await renameForGood(temporary, join(folder, name));
  for (const other of await entries(folder, COMPLETE)) {
    if (other !== name && other !== nameOf(before)) await removeIfThere(join(folder, other));
  }
}

/**
 * The newest checkpoint of a run that is whole, or `undefined` if there is none.
 *
 * @param settings The run's; they must be the checkpoint's.
 * @param fresh The run's growths at its start, likewise.
 * @param onWarning Gets a sentence about each that is damaged, and one that cannot be checked.
 * @throws {CheckpointMismatchError} if the checkpoint is of another run.
 * @throws {Error} A sentence if there are checkpoints but all are damaged.
 */
export async function readCheckpoint(
  folder: string,
  settings: RunSettings,
  fresh: readonly Growth[],
  backend: Backend,
  onWarning: (sentence: string) => void,
): Promise<Resumed | undefined> {
  const names = (await entries(folder, COMPLETE)).reverse();
  const damage: string[] = [];
  for (const name of names) {
    try {
      const resumed = await readOne(join(folder, name), settings, fresh, backend, onWarning);
      if (damage.length > 0) onWarning(`${damage.join(" ")} This run goes on from the checkpoint before, ${name}.`);
      return resumed;
    } catch (error) {
      // Neither says anything about the file: an older checkpoint would not help.
      if (error instanceof CheckpointMismatchError || error instanceof GpuError) throw error;
      damage.push(`The checkpoint ${join(folder, name)} is damaged: ${(error as Error).message.replace(/\.?$/, ".")}`);
    }
  }
  if (damage.length === 0) return undefined;
  throw new Error(
    `Expected a checkpoint in ${folder} that is whole but found none. ${
      damage.join(" ")
    } Remove that folder, or start ` +
      "without resuming: the run then begins anew.",
  );
}

async function readOne(
  folder: string,
  settings: RunSettings,
  fresh: readonly Growth[],
  backend: Backend,
  onWarning: (sentence: string) => void,
): Promise<Resumed> {
  const state = await readState(join(folder, STATE), onWarning);
  assertSameRun(folder, { settings, growths: fresh.map(stateOf) }, { settings: state, growths: state.growths });
  const behind = state.growths.find(({ batches }) => batches < state.batches);
  if (behind) {
    throw new Error(
      `Expected all its dictionaries to have taken ${state.batches} batches but ${dictionaryFile(behind)} has taken ` +
        `${behind.batches}: it was written by a version that took no more once a dictionary was saturated.`,
    );
  }
  const growths: Growth[] = [];
  // Given back unless all of them are whole.
  using made = new DisposableStack();
  for (const saved of state.growths) {
    const path = join(folder, dictionaryFile(saved));
    const members = settings.rules.members > 0;
    const dictionary = made.use(await Dictionary.load(path, { backend, members, onWarning }));
    // Damage must show now, and the file will be removed.
    partsOf(dictionary).contexts.read();
    assertOfState(path, dictionary, saved);
    const { layer, percentile, saturated, emptyBatches, snapshots } = saved;
    growths.push({
      ...{ layer, percentile, dictionary, saturated, emptyBatches, snapshots: [...snapshots] },
      ...countsOf(saved),
    });
  }
  made.move();
  return { counts: countsOf(state), growths };
}

/** Throws unless a dictionary is the one that the state tells of: files of several checkpoints look alike. */
function assertOfState(path: string, dictionary: Dictionary, saved: GrowthState): void {
  const { threshold, percentile, activations, size } = dictionary;
  // From the last batch that gave it activations.
  const last = saved.snapshots.at(-1) ?? { activations: 0, regions: 0 };
  const expected = [saved.threshold, saved.percentile, saved.seed, last.activations, last.regions];
  const found = [threshold, percentile, partsOf(dictionary).seed, activations, size];
  if (expected.join() === found.join()) return;
  throw new Error(
    `Expected ${path} to be of the checkpoint that it lies in, with threshold, p, seed, activations and regions ${
      expected.join(", ")
    }, but found ${found.join(", ")}.`,
  );
}

async function readState(path: string, onWarning: (sentence: string) => void): Promise<State> {
  const remedy = "go on from the checkpoint before it";
  const state = await readSealedJson(path, { remedy, onWarning });
  if (state === undefined) throw new Error(`Cannot read ${path}: there is no such file.`);
  if (FORMATS.some((format) => state.format === format) && Array.isArray(state.growths)) {
    const { rules, ...rest } = state as unknown as State;
    // Runs of before that could choose kept some anyway.
    return { ...rest, rules: { ...rules, members: rules.members ?? 0 } };
  }
  throw new Error(`Expected ${path} to be a checkpoint that discover wrote but it is of another format.`);
}

function countsOf(
  { batches, prompts, texts, unfinished, tokens, activations, silent, cut, rests }: DiscoveryCounts,
): DiscoveryCounts {
  return {
    batches,
    prompts,
    // Checkpoints of before texts were read in windows do not tell: each prompt was a text.
    texts: texts ?? prompts,
    tokens,
    activations,
    ...(unfinished !== undefined && { unfinished }),
    ...(silent !== undefined && { silent }),
    ...(cut !== undefined && { cut }),
    ...(rests !== undefined && { rests }),
  };
}

function stateOf(growth: Growth): GrowthState {
  const { dictionary, ...rest } = growth;
  return {
    ...rest,
    threshold: dictionary.threshold,
    seed: partsOf(dictionary).seed,
    source: dictionary.source ?? null,
  };
}

function nameOf(batches: number): string {
  return String(batches).padStart(8, "0");
}

/** Names in a folder, in the order of their numbers; none if there is no folder. */
async function entries(folder: string, pattern: RegExp): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const entry of Deno.readDir(folder)) if (pattern.test(entry.name)) names.push(entry.name);
  } catch (error) {
    if (error instanceof Deno.errors.NotADirectory) {
      throw new Error(`Expected a folder of checkpoints at ${folder} but a file is there: move it away`, {
        cause: error,
      });
    }
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  // They are padded to eight digits, and longer from the hundred millionth batch on.
  return names.sort((a, b) => a.length - b.length || (a < b ? -1 : 1));
}
