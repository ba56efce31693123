import type { LanguageModel } from "../model/types.ts";
import type { CorpusEntry } from "./corpus.ts";

/** A prompt of a set number of tokens, cut from a text. */
export interface TokenWindow {
  /** The text's, and the number of the window in it. */
  readonly id: string;
  /** The text's first token (`<bos>`), then consecutive tokens of it. */
  readonly tokens: Int32Array<ArrayBuffer>;
}

/**
 * Cuts texts into prompts of exactly `length` tokens that do not overlap; what is left at a text's end is dropped. So many
 * windows are the same number of tokens, whatever texts they come from: corpora of short and of long texts can be
 * compared at equal budgets.
 *
 * @param model Tokenizes; it must put one token, `<bos>`, before a text.
 * @param length Tokens of a window, `<bos>` included; at least 2.
 *
 * @example
 * ```ts
 * const letters = { encode: (text: string) => Int32Array.from("^" + text, (letter) => letter.charCodeAt(0)) };
 * const windows = tokenWindows(letters, [{ id: "a", text: "wxyz!" }], 3);
 * const texts = windows.map(({ tokens }) => String.fromCharCode(...tokens));
 * if (texts.join() !== "^wx,^yz") throw new Error(texts.join());
 * ```
 */
export function tokenWindows(
  model: Pick<LanguageModel, "encode">,
  texts: Iterable<Pick<CorpusEntry, "id" | "text">>,
  length: number,
): TokenWindow[] {
  if (!Number.isInteger(length) || length < 2) {
    throw new RangeError(`Expected windows of at least 2 tokens, <bos> included, but found ${length}`);
  }
  const windows: TokenWindow[] = [];
  for (const { id, text } of texts) {
    const tokens = model.encode(text);
    for (let from = 1, number = 0; from + length - 1 <= tokens.length; from += length - 1, number++) {
      windows.push({
        id: `${id}#${number}`,
        tokens: Int32Array.of(tokens[0], ...tokens.subarray(from, from + length - 1)),
      });
    }
  }
  return windows;
}
