/** What each token of a prompt adds to its text. */
import type { LanguageModel } from "../model/types.ts";

/** What tells the text of tokens. */
export type Decodes = Pick<LanguageModel, "decode">;

/** What is left of a letter that is split over tokens. */
const PART = "\ufffd";
/** Special tokens are no text. */
const SKIP = { skipSpecial: true };

/** The texts of a tokenizer's tokens, each decoded once. */
class Vocabulary {
  readonly #texts = new Map<number, string>();
  /** A token that has a text, before which others are decoded: some decoders drop the space that a text begins with. */
  #lead?: { readonly token: number; readonly text: string };

  constructor(readonly tokenizer: Decodes) {}

  /**
   * What tokens add to a text that goes before them; with what is left of a letter where one holds only some of its bytes,
   * and for what changes the text before.
   */
  textsOf(tokens: Int32Array): string[] {
    this.#lead ??= this.#leadAmong(tokens);
    const { token: lead, text } = this.#lead ?? { token: -1, text: "" };
    return Array.from(tokens, (token) => {
      if (lead < 0) return PART;
      let added = this.#texts.get(token);
      if (added === undefined) {
        const both = this.tokenizer.decode([lead, token], SKIP);
        added = both.startsWith(text) ? both.slice(text.length) : PART;
        this.#texts.set(token, added);
      }
      return added;
    });
  }

  #leadAmong(tokens: Int32Array): { token: number; text: string } | undefined {
    for (const token of tokens) {
      const text = this.tokenizer.decode([token], SKIP);
      if (text !== "" && !text.includes(PART)) return { token, text };
    }
  }
}

const vocabularies = new WeakMap<Decodes, Vocabulary>();

/**
 * What each token of a prompt adds to its text, so that the texts one after the other are what decoding gives; `undefined`
 * where a letter is split over tokens, or decoding gives something else.
 */
export function tokenTexts(tokens: Int32Array, tokenizer: Decodes): (string | undefined)[] {
  const vocabulary = vocabularies.get(tokenizer) ?? new Vocabulary(tokenizer);
  vocabularies.set(tokenizer, vocabulary);
  const texts: (string | undefined)[] = vocabulary.textsOf(tokens);
  for (let start = 0; start < texts.length;) {
    let end = start;
    while (end < texts.length && !texts[end]!.includes(PART)) end++;
    checkRun(tokens, tokenizer, texts, start, end);
    for (; end < texts.length && texts[end]?.includes(PART); end++) texts[end] = undefined;
    start = end;
  }
  return texts;
}

/** Compares the texts of a run of tokens with what decoding gives of it, and gives them up where they are another. */
function checkRun(
  tokens: Int32Array,
  tokenizer: Decodes,
  texts: (string | undefined)[],
  start: number,
  end: number,
): void {
  if (start === end) return;
  const joined = texts.slice(start, end).join("");
  const decoded = tokenizer.decode(tokens.subarray(start, end), SKIP);
  if (joined === decoded) return;
  if (joined !== ` ${decoded}`) texts.fill(undefined, start, end);
  // Decoding drops the space that it begins with: of a run within the text it is there, of the prompt's beginning it is not.
  else if (start === 0) {
    const first = texts.findIndex((text) => text !== "");
    texts[first] = texts[first]!.slice(1);
  }
}
