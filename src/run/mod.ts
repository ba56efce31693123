/**
 * Experiments: a name, a question, flags and a body become a command that tells its progress, writes tables, charts, a
 * report and a record of the run, stops cleanly and goes on where it was stopped.
 *
 * - {@linkcode experiment} is the frame: the whole process. {@linkcode runExperiment} is the same without ending it.
 * - A {@linkcode Run} is what a body works with: `flags` (those that every experiment has, {@linkcode CommonFlags}, and its
 *   own; {@linkcode readingFlags} and {@linkcode seedsFlag} declare usual ones), `progress`, `note`, `kept` for steps that
 *   `--resume` need not do again, `save` for files of a kind of their own.
 * - An {@linkcode Outcome} is what a body returns: title, answer, findings, tables that are saved (rows declared with `row`
 *   of the door `report`), and sections of {@linkcode textBlock}, {@linkcode chartBlock} and {@linkcode tableBlock}.
 * - *Steps* that experiments share: {@linkcode openModel}, {@linkcode calibrated} (or {@linkcode usable}, which leaves out
 *   percentiles that give no dictionary), {@linkcode grow}, {@linkcode growOrders}, {@linkcode keptAnswers}.
 *
 * @example
 * ```ts
 * import { resultTable, row, rowTable, whole } from "../report/mod.ts";
 * import { type Outcome, runExperiment, tableBlock } from "./mod.ts";
 *
 * const SQUARE = row({ number: whole("a number"), square: whole("its square") });
 * const out = await Deno.makeTempDir();
 * const code = await runExperiment({
 *   name: "squares",
 *   question: "What are squares?",
 *   description: "Squares numbers.",
 *   flags: { most: { type: "integer", default: 3, min: 1, help: "the largest number" } },
 * }, async ({ flags, kept }): Promise<Outcome> => {
 *   const rows = await kept("square", () =>
 *     Array.from({ length: flags.most }, (_, i) => ({ number: i + 1, square: (i + 1) ** 2 })));
 *   return {
 *     title: "Squares",
 *     answer: `The largest is ${rows.at(-1)!.square}.`,
 *     findings: { largest: rows.at(-1)!.square },
 *     tables: { squares: resultTable(SQUARE, rows) },
 *     sections: [{ heading: "All", blocks: [tableBlock(rowTable(SQUARE, rows), "Squares.", { printed: true })] }],
 *   };
 * }, { args: ["--most", "4", "--out", out, "--quiet"], print: () => {}, printError: console.error });
 *
 * const names = await Array.fromAsync(Deno.readDir(out), ({ name }) => name);
 * if (code !== 0 || names.sort().join() !== "report.html,run.json,squares.arrow") throw new Error(`${code}: ${names}`);
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
export {
  type CountFlag,
  type PairsFlag,
  type ReadAllFlag,
  readAllFlag,
  readingFlags,
  seedsFlag,
} from "./command/reading_flags.ts";
export { type WindowFlags, windowFlags, type WindowsBy, windowsBy } from "./command/window_flags.ts";
export { noteCut } from "./steps/note_cut.ts";
export {
  maxNormFlag,
  type SelectedBy,
  selectedBy,
  type SelectionFlags,
  selectionFlags,
  type TextFlag,
} from "./command/selection_flags.ts";
export type { About } from "./command/help.ts";
export { type CommonFlags, type LackedFlags, PERCENTILE_LIMITS, WITHOUT_TEMPLATE } from "./command/common_flags.ts";
export type { IdleFlags } from "./command/idle_flags.ts";
export {
  type Flag,
  type Flags,
  type FlagTypes,
  type FlagValues,
  type Layers,
  type NamedKind,
  readFlags,
  readNumber,
  UsageError,
  type ValueOf,
} from "./command/flags.ts";
export { flagText } from "./command/flag_text.ts";
export { fingerprint } from "./folder/fingerprint.ts";
export { Results } from "./folder/results.ts";
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
export { openSae, type SaeOptions } from "./steps/given_sae.ts";
export { calibrated, type CalibrationPlan, grow, type GrowPlan, usable } from "./steps/grow.ts";
export { type ReadPlan, streamOf, textsInOrder } from "./steps/streams.ts";
export { assertWritesDate, contextOf, loadModelOf, openDevice, type Opened, openModel } from "./steps/open_model.ts";
export { growOrders } from "./steps/orders.ts";
export { readTexts } from "./steps/read_texts.ts";
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
