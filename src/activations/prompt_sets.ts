import type { LanguageModel } from "../model/types.ts";
import type { CorpusEntry } from "./corpus.ts";
import type { TokenIds } from "./extract.ts";
import { encodeBeginning } from "./read_prompts.ts";
import { shuffledTokens, uniformTokens } from "./random_tokens.ts";

/** Prompts of one kind of text, and the same lengths of what that kind is not. */
export type PromptSets = Readonly<Record<"held-out" | "shuffled" | "random tokens", readonly Required<TokenIds>[]>>;

/**
 * Texts as prompts of token ids, beside them the same prompts with their tokens shuffled, and ids drawn uniformly from
 * the vocabulary; all sets have the same lengths, so that a distance between them is none of length.
 *
 * @param options `context`: tokens that a text is cut to, `<bos>` included; `seed`: of what is drawn.
 *
 * @example
 * ```ts
 * import { loadModel } from "../../mod.ts";
 * import { promptSets } from "./prompt_sets.ts";
 *
 * await using model = await loadModel("fixtures/gemma-2-toy", { device: "cpu" });
 * const sets = promptSets(model, [{ id: "a", text: "The cat sat on the mat." }], { context: 16, seed: 0 });
 * const lengths = Object.values(sets).map(([{ tokens }]) => tokens.length);
 * if (new Set(lengths).size !== 1) throw new Error(`${lengths}`);
 * ```
 */
export function promptSets(
  model: Pick<LanguageModel, "encode" | "vocab">,
  texts: readonly Pick<CorpusEntry, "id" | "text">[],
  { context, seed }: { readonly context: number; readonly seed: number },
): PromptSets {
  const tokens = texts.map(({ id, text }) => ({ id, tokens: encodeBeginning(model, text, context) }));
  return {
    "held-out": tokens,
    "shuffled": shuffledTokens(tokens, seed),
    "random tokens": uniformTokens(tokens, model.vocab, seed),
  };
}
