/**
 * Experiments: a name, a question, flags and a body become a command that tells its progress, writes tables, charts, a
 * report and a record of the run, stops cleanly and goes on where it was stopped.
 *
 * {@linkcode experiment} is the frame. A {@linkcode Run} is what its body works with: `flags`, `progress`, `save` for
 * results, `kept` for steps that a stopped run need not do again. The *steps* that experiments share open the model,
 * calibrate and grow dictionaries, place prompts in them, and have answers written.
 *
 * @example
 * ```ts
 * import { runExperiment } from "./mod.ts";
 *
 * const out = await Deno.makeTempDir();
 * const code = await runExperiment(
 *   { name: "squares", question: "What are squares?", description: "Squares numbers.", flags: {}, examples: [] },
 *   async ({ save }) => {
 *     await save.file("squares.txt", (path) => Deno.writeTextFile(path, "1 4 9\n"));
 *   },
 *   { args: ["--out", out, "--quiet"], print: console.log, printError: console.error },
 * );
 * if (code !== 0) throw new Error(`The experiment ended with ${code}`);
 * await Deno.remove(out, { recursive: true });
 * ```
 *
 * @experimental The frame and its steps may still change.
 *
 * @module
 */
export { type Body, type Console, type Experiment, experiment, type Run, runExperiment } from "./experiment.ts";
export {
  chartBlock,
  type Outcome,
  type OutcomeBlock,
  type OutcomeSection,
  tableBlock,
  textBlock,
  writeOutcome,
} from "./outcome.ts";
export { type CountFlag, readingFlags, seedsFlag } from "./command/reading_flags.ts";
export type { About } from "./command/help.ts";
export type { CommonFlags } from "./command/common_flags.ts";
export {
  type Flag,
  type Flags,
  type FlagTypes,
  type FlagValues,
  type Layers,
  readFlags,
  readNumber,
  UsageError,
  type ValueOf,
} from "./command/flags.ts";
export { flagText } from "./command/flag_text.ts";
export { fingerprint } from "./folder/fingerprint.ts";
export { reportTable, Results } from "./folder/results.ts";
export { RowStore, type RowStoreOptions, type StoreSettings } from "./folder/row_store.ts";
export { decidingFlags, Stages, type StagesOptions } from "./folder/stages.ts";
export { type AnswerOptions, answersTo, keptAnswers } from "./steps/answers.ts";
export {
  atTheirHook,
  DICTIONARY_HELP,
  type GivenDictionaries,
  givenDictionaries,
  givenDictionary,
  loadDictionary,
} from "./steps/given.ts";
export { type BudgetPlan, growToBudgets, type KeptDictionary } from "./steps/grow_budgets.ts";
export { openSae } from "./steps/given_sae.ts";
export {
  calibrated,
  type CalibrationPlan,
  grow,
  type GrowPlan,
  type ReadPlan,
  streamOf,
  usable,
} from "./steps/grow.ts";
export { contextOf, loadModelOf, openDevice, type Opened, openModel } from "./steps/open_model.ts";
export { growOrders } from "./steps/orders.ts";
export {
  partitionPrompts,
  type Places,
  type PromptPartition,
  type PromptPartitions,
  type PromptPlan,
} from "./steps/prompt_partition.ts";
export { formatTable, printTable } from "./terminal/print.ts";
export { Progress, type ProgressOptions, type Stage } from "./terminal/progress.ts";
export { writeStdout } from "./terminal/stdout.ts";
export { guardTerminal, sentence } from "./terminal/terminal.ts";
