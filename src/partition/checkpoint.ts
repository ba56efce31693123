import { join } from "node:path";
import { bosOf, type StreamSource } from "../activations/source.ts";
import type { Backend } from "../compute/backend.ts";
import { writeJsonAtomic } from "../files/atomic.ts";
import { Dictionary } from "./dictionary.ts";
import type { DiscoveryCounts, Growth, GrowthRules, Snapshot } from "./growth.ts";

/** Where and how often a discovery keeps its state. */
export interface CheckpointOptions {
  /** Folder of this run's checkpoints. */
  folder: string;
  /** Batches between checkpoints; default 10. */
  every?: number;
  /** Go on from the folder's last checkpoint, if there is one; default false. */
  resume?: boolean;
}

interface State extends DiscoveryCounts {
  readonly format: typeof FORMAT;
  readonly rules: GrowthRules;
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

const FORMAT = "exemplar checkpoint 1";
const STATE = "state.json";
/** Names of complete checkpoints, and of those that a kill left half written. */
const COMPLETE = /^\d+$/;
const UNFINISHED = /^\.\d+\.tmp$/;

/** Name of a dictionary's file. */
export function dictionaryFile(growth: Pick<Growth, "layer" | "percentile">): string {
  return `L${growth.layer}-p${growth.percentile}.arrow`;
}

/**
 * Writes every dictionary and how far the stream was read into a new folder below `folder`, which gets its name only when
 * it is complete; then removes older ones. Whenever the run is killed, one complete checkpoint is left.
 */
export async function writeCheckpoint(
  folder: string,
  rules: GrowthRules,
  counts: DiscoveryCounts,
  growths: readonly Growth[],
): Promise<void> {
  const name = String(counts.batches).padStart(8, "0");
  const temporary = join(folder, `.${name}.tmp`);
  await Deno.mkdir(folder, { recursive: true });
  await removeIfThere(temporary);
  for (const growth of growths) {
    await growth.dictionary.refresh();
    await growth.dictionary.save(join(temporary, dictionaryFile(growth)));
  }
  const state: State = { format: FORMAT, rules, ...counts, growths: growths.map(stateOf) };
  await writeJsonAtomic(join(temporary, STATE), state);
  await removeIfThere(join(folder, name));
  await Deno.rename(temporary, join(folder, name));
  for (const other of [...await entries(folder, COMPLETE), ...await entries(folder, UNFINISHED)]) {
    if (other !== name) await removeIfThere(join(folder, other));
  }
}

/**
 * The state of the last complete checkpoint, or `undefined` if there is none.
 *
 * @param rules The run's; they must be the checkpoint's.
 * @param fresh The run's growths at its start: layers, percentiles, thresholds, seed and source must be the checkpoint's.
 * @throws {Error} if they are not, or the checkpoint cannot be read.
 */
export async function readCheckpoint(
  folder: string,
  rules: GrowthRules,
  fresh: readonly Growth[],
  backend: Backend,
): Promise<{ counts: DiscoveryCounts; growths: Growth[] } | undefined> {
  const name = (await entries(folder, COMPLETE)).at(-1);
  if (name === undefined) return undefined;
  const state = await readState(join(folder, name, STATE));
  const identity = ({ layer, percentile, threshold, seed, source }: GrowthState) =>
    JSON.stringify({ layer, percentile, threshold, seed, source: source && { bos: bosOf(source), ...source } });
  const expected = [JSON.stringify(rules), ...fresh.map(stateOf).map(identity)];
  const found = [JSON.stringify(state.rules), ...state.growths.map(identity)];
  const differing = expected.findIndex((text, i) => text !== found[i]);
  if (expected.length !== found.length || differing >= 0) {
    throw new Error(
      `Expected the checkpoint in ${folder} to be of this run but it differs: this run has ` +
        `${expected[differing] ?? `${fresh.length} dictionaries`}, the checkpoint ` +
        `${
          found[differing] ?? `${state.growths.length}`
        }; resume with the flags it was started with, or remove the folder`,
    );
  }
  const growths: Growth[] = [];
  for (const [i, saved] of state.growths.entries()) {
    fresh[i].dictionary.dispose();
    const dictionary = await Dictionary.load(join(folder, name, dictionaryFile(saved)), { backend });
    const { batches, prompts, tokens, activations, saturated, emptyBatches, snapshots } = saved;
    const counts = { batches, prompts, tokens, activations };
    const { layer, percentile } = saved;
    growths.push({ layer, percentile, dictionary, saturated, emptyBatches, snapshots: [...snapshots], ...counts });
  }
  const { batches, prompts, tokens, activations } = state;
  return { counts: { batches, prompts, tokens, activations }, growths };
}

/** Removes a run's checkpoints, once its results are written. */
export async function removeCheckpoints(folder: string): Promise<void> {
  await removeIfThere(folder);
}

function stateOf(growth: Growth): GrowthState {
  const { dictionary, ...rest } = growth;
  return { ...rest, threshold: dictionary.threshold, seed: dictionary.parts.seed, source: dictionary.source ?? null };
}

async function readState(path: string): Promise<State> {
  let state: Partial<State> | undefined;
  let reason = "it is of another format";
  try {
    state = JSON.parse(await Deno.readTextFile(path));
  } catch (error) {
    reason = (error as Error).message;
  }
  if (state?.format === FORMAT) return state as State;
  throw new Error(`Expected ${path} to be a checkpoint that discover wrote but ${reason}: remove it to start anew`);
}

/** Names in a folder, ascending; none if there is no folder. */
async function entries(folder: string, pattern: RegExp): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const entry of Deno.readDir(folder)) if (pattern.test(entry.name)) names.push(entry.name);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return names.sort();
}

async function removeIfThere(path: string): Promise<void> {
  try {
    await Deno.remove(path, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
