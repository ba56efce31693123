import type { LanguageModel } from "../model/types.ts";
import type { Excerpt, Prompt } from "./batch.ts";

/** What reading a prompt asks of a model. */
export type Tokenizer = Pick<LanguageModel, "encode" | "encodeChat" | "decode">;

/** Tokens of an excerpt before and after the token itself. */
const EXCERPT_BEFORE = 12;
const EXCERPT_AFTER = 8;
/** Tokens that a letter can be split over: UTF-8 has at most four bytes. */
const BYTES_OF_A_LETTER = 4;

/** Characters read for each token of context before any more are looked at; English has about four. */
const CHARACTERS_A_TOKEN = 8;
/** Tokens next to a cut that the cut may have changed. */
const CUT_TOKENS = 16;

/**
 * Tokenizes a text as a prompt.
 *
 * @param context Tokens at most, `<bos>` included.
 * @param chat Whether the text becomes a user's turn in the model's chat template.
 */
export function readPrompt(model: Tokenizer, id: string, text: string, context: number, chat: boolean): Prompt {
  const tokens = chat
    ? model.encodeChat([{ role: "user", content: text }], context)
    : encodeBeginning(model, text, context);
  return new TokenizedPrompt(id, tokens, model);
}

/**
 * Takes token ids as a prompt.
 *
 * @param context Tokens at most, `<bos>` included.
 * @throws {RangeError} if there is none, or one that the model does not have.
 */
export function tokenPrompt(
  model: Pick<LanguageModel, "decode" | "vocab">,
  id: string,
  tokens: ArrayLike<number>,
  context: number,
): Prompt {
  const ids = Array.from(tokens).slice(0, context);
  const wrong = ids.find((token) => !Number.isInteger(token) || token < 0 || token >= model.vocab);
  if (wrong !== undefined || ids.length === 0) {
    throw new RangeError(
      `Expected token ids from 0 to ${model.vocab - 1}, which the model has, but prompt "${id}" holds ${
        wrong ?? "none"
      }`,
    );
  }
  return new TokenizedPrompt(id, Int32Array.from(ids), model);
}

/**
 * The first `context` tokens of a text, without tokenizing all of a long one: a beginning is tokenized that gives more
 * tokens than asked for, and those that its end may have changed are dropped.
 *
 * @param model Tokenizes.
 * @param text Of any length.
 * @param context Tokens at most, `<bos>` included.
 * @returns Token ids, `context` of them or fewer.
 *
 * @example
 * ```ts
 * let read = 0;
 * const letters = {
 *   encode(text: string, context = Infinity) {
 *     read += text.length;
 *     return Int32Array.from(text.slice(0, context), (letter) => letter.charCodeAt(0));
 *   },
 * };
 * const tokens = encodeBeginning(letters, "a long text ".repeat(1000), 8);
 * if (tokens.length !== 8 || read > 100) throw new Error(`${read} of 12,000 letters were looked at`);
 * ```
 */
export function encodeBeginning(
  model: Pick<Tokenizer, "encode">,
  text: string,
  context: number,
): Int32Array<ArrayBuffer> {
  const enough = context + CUT_TOKENS;
  for (let length = CHARACTERS_A_TOKEN * context; length < text.length; length *= 4) {
    const tokens = model.encode(text.slice(0, length), enough);
    // Fewer: its tokens are longer than most, as of code or rows of spaces, so a longer beginning is taken.
    if (tokens.length === enough) return tokens.slice(0, context);
  }
  return model.encode(text, context);
}

class TokenizedPrompt implements Prompt {
  readonly #model: Pick<Tokenizer, "decode">;

  constructor(readonly id: string, readonly tokens: Int32Array<ArrayBuffer>, model: Pick<Tokenizer, "decode">) {
    this.#model = model;
  }

  excerpt(position: number): Excerpt {
    assertPosition(this, position);
    const [from, to] = this.#wholeLetters(position);
    return {
      // The surroundings may begin or end within a letter: what is left of it decodes to U+FFFD.
      before: this.#text(from - EXCERPT_BEFORE, from).replace(/^\ufffd+/, ""),
      // The token itself is told even where it is special, such as <start_of_turn>: it would be an empty text.
      token: this.#text(from, to, false),
      after: this.#text(to, to + EXCERPT_AFTER).replace(/\ufffd+$/, ""),
    };
  }

  #text(from: number, to: number, skipSpecial = true): string {
    return this.#model.decode(this.tokens.subarray(Math.max(0, from), to), { skipSpecial });
  }

  /**
   * The token, or where it holds some of a letter's bytes only, the fewest tokens around it that make whole letters.
   */
  #wholeLetters(position: number): [from: number, to: number] {
    for (let count = 1; count <= BYTES_OF_A_LETTER; count++) {
      for (let from = Math.max(0, position - count + 1); from <= position; from++) {
        if (!this.#text(from, from + count, false).includes("\ufffd")) return [from, from + count];
      }
    }
    return [position, position + 1];
  }
}

/** Throws unless the prompt has that position. */
export function assertPosition(prompt: Pick<Prompt, "id" | "tokens">, position: number): void {
  if (!Number.isInteger(position) || position < 0 || position >= prompt.tokens.length) {
    throw new RangeError(
      `Expected a position from 0 to ${prompt.tokens.length - 1} of prompt "${prompt.id}" but found ${position}`,
    );
  }
}
