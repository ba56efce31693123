import type { CorpusEntry } from "../../activations/corpus.ts";
import { readPrompt, type Tokenizer } from "../../activations/read_prompts.ts";

/**
 * Says how many texts are longer than the context, where each is one prompt and the rest of it is not read.
 *
 * @param run Takes the note; there is none if nothing is cut.
 * @param reading The model, tokens of a prompt at most, and whether texts are turns of a chat (default not).
 * @param texts What is read.
 * @param what The texts' name: `held-out prompts`.
 * @param label Put before the sentence, for experiments that read several times.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { loadModel } from "../../model/mod.ts";
 *
 * await using model = await loadModel("fixtures/gemma-2-toy", { device: "cpu" });
 * const notes: string[] = [];
 * const run = { note: (sentence: string) => void notes.push(sentence) };
 * noteCut(run, { model, context: 4 }, [{ text: "The king is dead." }, { text: "Long" }], "prompts");
 * assertEquals(notes, ["1 of 2 prompts are longer than 4 tokens: the first 4 of each are read."]);
 * ```
 */
export function noteCut(
  run: { note(sentence: string): void },
  { model, context, chat = false }: {
    readonly model: Tokenizer;
    readonly context: number;
    readonly chat?: boolean;
  },
  texts: readonly Pick<CorpusEntry, "text">[],
  what: string,
  label = "",
): void {
  const cut = texts.filter(({ text }, i) =>
    readPrompt(model, { id: String(i), text: i }, text, context, chat).truncated
  );
  if (cut.length === 0) return;
  const read = chat ? "the end of the message is left out" : `the first ${context} of each are read`;
  run.note(`${label}${cut.length} of ${texts.length} ${what} are longer than ${context} tokens: ${read}.`);
}
