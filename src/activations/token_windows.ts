import type { LanguageModel } from "../model/types.ts";
import type { CorpusEntry } from "./corpus.ts";
import { encodePieces } from "./encode_pieces.ts";
import { cutWindows } from "./windows.ts";

/** A prompt of a set number of tokens, cut from a text. */
export interface TokenWindow {
  /** The text's, and the number of the window in it. */
  readonly id: string;
  /** One token of context, `<bos>` or the token before, then consecutive tokens of the text. */
  readonly tokens: Int32Array<ArrayBuffer>;
}

/**
 * Cuts texts into prompts of exactly `length` tokens; what is left at a text's end is dropped. So many windows are the
 * same number of tokens, whatever texts they come from: corpora of short and of long texts can be compared at equal
 * budgets.
 *
 * The first position of a prompt is context, never an activation. So every window starts with `<bos>` where the model
 * puts it before texts, and otherwise with the last token of the window before: no token between two windows is lost.
 *
 * @param model Tokenizes.
 * @param length Tokens of a window, the first included; at least 2.
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
    throw new RangeError(`Expected windows of at least 2 tokens, the first included, but found ${length}`);
  }
  const [bos] = model.encode("");
  const windows: TokenWindow[] = [];
  for (const { id, text } of texts) {
    let number = 0;
    for (const { tokens } of cutWindows(encodePieces(model, text), bos, length, length - 1)) {
      if (tokens.length === length) windows.push({ id: `${id}#${number++}`, tokens });
    }
  }
  return windows;
}
