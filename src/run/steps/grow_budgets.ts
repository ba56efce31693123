import { append } from "../../compute/long_lists.ts";
import { join } from "node:path";
import { readSealedJson, writeSealedJson } from "../../files/sealed_json.ts";
import { dictionaryFile } from "../../partition/checkpoint.ts";
import type { StreamRecord } from "../../report/manifest.ts";
import type { Run } from "../experiment.ts";
import type { Flags } from "../command/flags.ts";
import { grow, type GrowPlan } from "./grow.ts";

const FORMAT = "exemplar grown 2";

/** A dictionary that is kept in a file, of a stream order and a token budget. */
export interface KeptDictionary {
  /** Layer that it reads. */
  readonly layer: number;
  /** Percentile p of its threshold. */
  readonly percentile: number;
  /** Seed of the stream's order. */
  readonly seed: number;
  /** Token budget of the growth. */
  readonly budget: number;
  /** Tokens that were read, `<bos>` included: fewer if all dictionaries were saturated before. */
  readonly tokens: number;
  /** Regions that it has. */
  readonly regions: number;
  /** Where it is: a file, or a published dictionary's name; see `loadDictionary`. */
  readonly file: string;
}

/** What is kept, where. */
export interface BudgetPlan {
  /** Stream orders. */
  readonly seeds: readonly number[];
  /** Token budgets, ascending. */
  readonly budgets: readonly number[];
  /** Folder of the dictionaries, and of the checkpoints of their growth. */
  readonly folder: string;
}

/**
 * Grows the dictionaries of every order to each budget in turn and keeps them there, so that one pass over the stream
 * gives all budgets and a run that was stopped goes on where it was. What the folder has already is not grown again.
 * The exemplars of a smaller budget are the first of a larger one.
 *
 * @param run Tells its progress and stops it.
 * @param plan Its texts are read in each seed's order, under the same calibrations: nothing but the order differs.
 * @param budgets Orders, token budgets, and where the dictionaries are kept.
 * @returns By seed, then budget.
 *
 * @example
 * ```ts
 * import { calibrateLayers } from "../../partition/mod.ts";
 * import { growToBudgets, openModel, runExperiment, streamOf } from "../mod.ts";
 *
 * const out = await Deno.makeTempDir();
 * const code = await runExperiment({ name: "budgets", question: "", description: "" }, async (run) => {
 *   await using opened = await openModel(run);
 *   const { backend, layers } = opened;
 *   const texts = ["The cat sat on the mat.", "The dog sat on the cat."];
 *   const plan = { ...opened, texts, corpus: "two sentences", files: [], reading: { batchPrompts: 1 } };
 *   const options = { percentiles: [10], activations: 12, backend };
 *   const calibrations = await calibrateLayers(streamOf({ ...plan, seed: 0 }), layers, options);
 *
 *   const budgets = { seeds: [0], budgets: [4, 16], folder: `${out}/dictionaries` };
 *   const [small, large] = await growToBudgets(run, { ...plan, calibrations }, budgets);
 *   if (!(small.tokens < large.tokens)) throw new Error(`Expected the second sentence too, after ${small.tokens}`);
 * }, {
 *   args: ["--layers", "3", "--device", "cpu", "--out", out, "--quiet"],
 *   print: console.log,
 *   printError: console.error,
 * });
 * if (code !== 0) throw new Error(`${code}`);
 * await Deno.remove(out, { recursive: true });
 * ```
 */
export async function growToBudgets<F extends Flags>(
  run: Run<F>,
  plan: Omit<GrowPlan, "seed" | "growing" | "label">,
  { seeds, budgets, folder }: BudgetPlan,
): Promise<KeptDictionary[]> {
  const all: KeptDictionary[] = [];
  for (const seed of seeds) {
    for (const budget of budgets) {
      const here = join(folder, `seed-${seed}-tokens-${budget}`);
      const index = join(here, "grown.json");
      const record = await readSealedJson(index, { remedy: "remove its folder, so that it is grown again" });
      if (record) {
        const kept = record.grown as Omit<KeptDictionary, "file">[];
        // Folders of before that was told have none.
        if (record.stream) run.manifest.streams.push(record.stream as StreamRecord);
        append(all, kept.map((one) => ({ ...one, file: join(here, dictionaryFile(one)) })));
        continue;
      }
      const checkpoint = { folder: join(folder, `checkpoint-seed-${seed}`), resume: true };
      const growing = { maxTokens: budget, checkpoint, signal: run.signal };
      using discovery = await grow(run, { ...plan, seed, growing, label: `order ${seed}, ${budget} tokens: ` });
      const grown: KeptDictionary[] = [];
      for (const { layer, percentile, tokens, dictionary } of discovery.growths) {
        const file = join(here, dictionaryFile({ layer, percentile }));
        await dictionary.save(file);
        grown.push({ layer, percentile, seed, budget, tokens, regions: dictionary.size, file });
      }
      // Written last: a folder without it is not complete.
      const stream = run.manifest.streams.at(-1);
      await writeSealedJson(index, { format: FORMAT, grown: grown.map(({ file: _, ...one }) => one), stream });
      append(all, grown);
    }
  }
  return all;
}
