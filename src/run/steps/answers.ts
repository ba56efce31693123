import type { CorpusEntry } from "../../activations/corpus.ts";
import { readPrompt } from "../../activations/read_prompts.ts";
import type { Intervention, LanguageModel } from "../../model/types.ts";
import type { Run } from "../experiment.ts";
import type { Flags } from "../command/flags.ts";
import { noteCut } from "./note_cut.ts";

/** Prompts generated at once: larger batches gained nothing on two cores. */
const BATCH = 25;
/** Prompts whose answers are kept together, for a run that goes on. */
const KEPT = 4 * BATCH;

/** How to answer. */
export interface AnswerOptions {
  /** Tokens of an answer at most. */
  readonly tokens: number;
  /** What is changed in the model while it answers; default nothing. */
  readonly interventions?: readonly Intervention[];
  /** Called with the number of prompts done. */
  readonly onProgress?: (done: number) => void;
}

/**
 * The model's greedy answers to instructions, each a user's turn in its chat template. One that has more tokens than the
 * model has positions loses the end of its message.
 *
 * @param model The model, which has a chat template.
 * @param instructions What the user says.
 * @param options Tokens of an answer at most, what is changed in the model meanwhile, who is told how far it is.
 * @returns The answers in the instructions' order, without prompt and special tokens.
 * @throws {Error} if the model has no chat template.
 *
 * @example
 * ```ts
 * import { loadModel } from "../../model/mod.ts";
 *
 * await using model = await loadModel("fixtures/gemma-2-toy-it", { device: "cpu" });
 * const answers = await answersTo(model, [{ text: "Name a colour." }, { text: "Name an animal." }], { tokens: 2 });
 * if (answers.length !== 2) throw new Error(`${answers}`);
 * ```
 */
export function answersTo(
  model: LanguageModel,
  instructions: readonly Pick<CorpusEntry, "text">[],
  { tokens, interventions, onProgress }: AnswerOptions,
): Promise<string[]> {
  const prompts = promptsOf(model, instructions);
  return model.generate(prompts, { maxNewTokens: tokens, batchSize: BATCH, interventions, onProgress });
}

/**
 * The model's greedy answers to many instructions, as {@linkcode answersTo} gives them. They are kept in steps of 100
 * as they come: a run that goes on asks for the rest only.
 *
 * @param run Keeps what is answered, tells its progress and its seconds.
 * @param name Of the instructions, for the steps of the run.
 * @param model The model, which has a chat template.
 * @param instructions What the user says.
 * @param tokens Of an answer at most.
 * @returns The answers in the instructions' order.
 * @throws {Error} if the model has no chat template.
 *
 * @example
 * ```ts
 * import { keptAnswers, openModel, runExperiment } from "../mod.ts";
 *
 * const out = await Deno.makeTempDir();
 * const code = await runExperiment({ name: "answers", question: "", description: "" }, async (run) => {
 *   await using opened = await openModel(run);
 *   run.manifest.findings.answers = await keptAnswers(run, "colours", opened.model, [{ text: "Name a colour." }], 2);
 * }, {
 *   args: ["--model", "fixtures/gemma-2-toy-it", "--device", "cpu", "--out", out, "--quiet"],
 *   print: console.log,
 *   printError: console.error,
 * });
 * if (code !== 0) throw new Error(`${code}`);
 * await Deno.remove(out, { recursive: true });
 * ```
 */
export async function keptAnswers<F extends Flags>(
  { kept, manifest, note, progress }: Pick<Run<F>, "kept" | "manifest" | "note" | "progress">,
  name: string,
  model: LanguageModel,
  instructions: readonly Pick<CorpusEntry, "text">[],
  tokens: number,
): Promise<string[]> {
  const stage = progress.stage(name, instructions.length, "prompts");
  const prompts = promptsOf(model, instructions);
  noteCut({ note }, { model, context: model.maxContext, chat: true }, instructions, `instructions (${name})`);
  // As the model takes them: the batches are those of one call.
  const shortestFirst = [...prompts.keys()].sort((a, b) => prompts[a].length - prompts[b].length);
  const answers = new Array<string>(prompts.length);
  for (let from = 0; from < prompts.length; from += KEPT) {
    const rows = shortestFirst.slice(from, from + KEPT);
    const own = await kept(
      `${name}, from ${from}`,
      () =>
        manifest.time("answer", () =>
          model.generate(rows.map((row) => prompts[row]), {
            maxNewTokens: tokens,
            batchSize: BATCH,
            onProgress: (done) => stage.set(from + done),
          })),
    );
    rows.forEach((row, i) => answers[row] = own[i]);
    stage.set(from + rows.length);
  }
  stage.end();
  return answers;
}

function promptsOf(model: LanguageModel, instructions: readonly Pick<CorpusEntry, "text">[]): Int32Array[] {
  // What the model has no positions for is cut out of the message, as where activations are read.
  return instructions.map(({ text }, i) =>
    readPrompt(model, { id: String(i), text: i }, text, model.maxContext, true).tokens
  );
}
