import type { CorpusEntry } from "../../src/activations/corpus.ts";
import type { Intervention, LanguageModel } from "../../src/model/types.ts";

/** Prompts generated at once: larger batches gained nothing on two cores. */
const BATCH = 25;

/** How to answer. */
export interface AnswerOptions {
  /** Tokens of an answer at most. */
  readonly tokens: number;
  readonly interventions?: readonly Intervention[];
  /** Called with the number of prompts done. */
  readonly onProgress?: (done: number) => void;
}

/** The model's greedy answers to instructions, each a user's turn in its chat template. */
export function answersTo(
  model: LanguageModel,
  instructions: readonly Pick<CorpusEntry, "text">[],
  { tokens, interventions, onProgress }: AnswerOptions,
): Promise<string[]> {
  const prompts = instructions.map(({ text }) => model.encodeChat([{ role: "user", content: text }]));
  return model.generate(prompts, { maxNewTokens: tokens, batchSize: BATCH, interventions, onProgress });
}
