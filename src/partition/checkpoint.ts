import { join } from "node:path";
import type { Backend } from "../compute/backend.ts";
import { writeJsonAtomic } from "../files/atomic.ts";
import { Dictionary } from "./dictionary.ts";
import type { DiscoveryCounts, Growth, Snapshot } from "./discover.ts";

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
  readonly growths: readonly GrowthState[];
}

interface GrowthState extends DiscoveryCounts {
  readonly layer: number;
  readonly percentile: number;
  readonly threshold: number;
  readonly seed: number;
  readonly source: unknown;
  readonly saturated: boolean;
  readonly emptyBatches: number;
  readonly snapshots: readonly Snapshot[];
}

const FORMAT = "exemplar checkpoint 1";
const STATE = "state.json";

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
  const state: State = { format: FORMAT, ...counts, growths: growths.map(stateOf) };
  await writeJsonAtomic(join(temporary, STATE), state);
  await removeIfThere(join(folder, name));
  await Deno.rename(temporary, join(folder, name));
  for (const other of await complete(folder)) if (other !== name) await removeIfThere(join(folder, other));
}

/**
 * The state of the last complete checkpoint, or `undefined` if there is none.
 *
 * @param fresh The run's growths at its start: layers, percentiles, thresholds, seed and source must be the checkpoint's.
 * @throws {Error} if they are not.
 */
export async function readCheckpoint(
  folder: string,
  fresh: readonly Growth[],
  backend: Backend,
): Promise<(DiscoveryCounts & { growths: Growth[] }) | undefined> {
  const name = (await complete(folder)).at(-1);
  if (name === undefined) return undefined;
  const state = JSON.parse(await Deno.readTextFile(join(folder, name, STATE))) as State;
  const identity = ({ layer, percentile, threshold, seed, source }: GrowthState) =>
    JSON.stringify({ layer, percentile, threshold, seed, source });
  const [expected, found] = [fresh.map(stateOf).map(identity), state.growths.map(identity)];
  const differing = expected.findIndex((text, i) => text !== found[i]);
  if (expected.length !== found.length || differing >= 0) {
    throw new Error(
      `Expected the checkpoint in ${folder} to be of this run but it differs: this run grows ` +
        `${expected[differing] ?? `${expected.length} dictionaries`}, the checkpoint ` +
        `${found[differing] ?? `${found.length}`}; resume with the flags it was started with, or remove the folder`,
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
  return { batches, prompts, tokens, activations, growths };
}

function stateOf(growth: Growth): GrowthState {
  const { dictionary, ...rest } = growth;
  return { ...rest, threshold: dictionary.threshold, seed: dictionary.parts.seed, source: dictionary.source ?? null };
}

/** Names of complete checkpoints, oldest first. */
async function complete(folder: string): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const entry of Deno.readDir(folder)) if (/^\d+$/.test(entry.name)) names.push(entry.name);
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
