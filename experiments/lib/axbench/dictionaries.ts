/** Dictionaries of several stream orders, each kept at several token budgets of its one growth. */
import { join } from "node:path";
import { type CorpusEntry, shuffled } from "../../../src/activations/mod.ts";
import type { Backend } from "../../../src/compute/mod.ts";
import { readSealedJson, writeSealedJson } from "../../../src/files/mod.ts";
import {
  type Calibration,
  type Dictionary,
  dictionaryFile,
  type FailedSetting,
  usableSettings,
} from "../../../src/partition/mod.ts";
import type { SettingKey as Setting } from "../../../src/report/mod.ts";
import { calibrationsFor, type Flags, grow, type GrowPlan, loadDictionary, type Run } from "../../../src/run/mod.ts";

const FORMAT = "exemplar grown 2";

/** One dictionary at one token budget. */
export interface Grown extends Setting {
  /** Seed of the stream's order. */
  readonly seed: number;
  /** Token budget of the growth. */
  readonly budget: number;
  /** Tokens that the dictionary took, `<bos>` included: fewer if it was saturated before. */
  readonly tokens: number;
  readonly regions: number;
  /** Where it is kept: a file, or a published dictionary's name. */
  readonly file: string;
}

/** Dictionaries to choose from. */
export interface GrownDictionaries {
  readonly grown: readonly Grown[];
  /** By layer. */
  readonly centers: ReadonlyMap<number, Float32Array<ArrayBuffer>>;
  /** Settings that give no dictionary. */
  readonly failed: readonly FailedSetting[];
}

/** What is grown. */
export interface GrowthPlan extends Omit<GrowPlan, "seed" | "texts" | "calibration" | "growing"> {
  readonly texts: readonly CorpusEntry[];
  readonly calibration: ReadonlyMap<number, Calibration>;
  readonly seeds: readonly number[];
  /** Token budgets, ascending. */
  readonly budgets: readonly number[];
  /** Where dictionaries and checkpoints are kept. */
  readonly folder: string;
}

/**
 * Calibrates on the first order and grows the dictionaries of every order: nothing but the order differs.
 *
 * @returns The dictionaries, the center of each layer, and the settings that give none.
 * @throws {Error} if none can be made.
 */
export async function grownDictionaries<F extends Flags>(
  run: Run<F>,
  first: GrowPlan,
  plan: Pick<GrowthPlan, "texts" | "seeds" | "budgets" | "folder">,
): Promise<GrownDictionaries> {
  const measured = await run.manifest.time("calibrate", () => calibrationsFor(run, first));
  const { calibrations, failed } = await usableSettings(measured, first.backend);
  if (calibrations.size === 0) throw new Error(`Expected a dictionary but none could be made: ${failed[0].reason}`);
  const layers = [...calibrations.keys()];
  const grown = await grownAtBudgets(run, { ...first, ...plan, layers, calibration: calibrations });
  const centers = new Map(Array.from(calibrations, ([layer, { center }]) => [layer, Float32Array.from(center)]));
  return { grown, centers, failed };
}

/**
 * Grows every dictionary to each budget in turn and keeps it there, so that one pass over the stream gives all budgets and a
 * run that was stopped goes on where it was. What the folder has already is not grown again.
 */
export async function grownAtBudgets<F extends Flags>(run: Run<F>, plan: GrowthPlan): Promise<Grown[]> {
  const { seeds, budgets, folder, ...common } = plan;
  const all: Grown[] = [];
  for (const seed of seeds) {
    const texts = await Array.fromAsync(shuffled(plan.texts, seed));
    for (const budget of budgets) {
      const here = join(folder, `seed-${seed}-tokens-${budget}`);
      const index = join(here, "grown.json");
      const record = await readSealedJson(index, { remedy: "remove its folder, so that it is grown again" });
      if (record) {
        const kept = record.grown as Omit<Grown, "file">[];
        all.push(...kept.map((one) => ({ ...one, file: join(here, dictionaryFile(one)) })));
        continue;
      }
      const checkpoint = { folder: join(folder, `checkpoint-seed-${seed}`), resume: true };
      const growing = { maxTokens: budget, checkpoint, signal: run.signal };
      const label = `order ${seed}, ${budget} tokens: `;
      const { growths } = await grow(run, { ...common, texts, seed, growing, label });
      const grown: Grown[] = [];
      for (const { layer, percentile, tokens, dictionary } of growths) {
        const file = join(here, dictionaryFile({ layer, percentile }));
        await dictionary.save(file);
        grown.push({ layer, percentile, seed, budget, tokens, regions: dictionary.size, file });
        dictionary.dispose();
      }
      // Written last: a folder without it is not complete.
      await writeSealedJson(index, { format: FORMAT, grown: grown.map(({ file: _, ...one }) => one) });
      all.push(...grown);
    }
  }
  return all;
}

/** Looks at a kept dictionary, and gives its memory back. */
export async function withDictionary<T>(
  { file }: Pick<Grown, "file">,
  backend: Backend,
  look: (dictionary: Dictionary) => T | Promise<T>,
): Promise<T> {
  const dictionary = await loadDictionary(file, backend);
  try {
    return await look(dictionary);
  } finally {
    dictionary.dispose();
  }
}
