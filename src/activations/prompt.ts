/** What a prompt of a stream is: token ids, which text they are of, and the text around each. */
import type { LanguageModel } from "../model/types.ts";

/** One prompt of the stream, as the model read it. */
export interface Prompt {
  /** Identifier of its text from the corpus, or the text's number. */
  readonly id: string;
  /** Number of its text in the stream, from 0; the windows of a long text share it. */
  readonly text: number;
  /**
   * Where in its text a window begins: the token at position p, from 1 on, is token `start + p` of the text, whose `<bos>`
   * is token 0. Absent where the prompt begins with its text.
   */
  readonly start?: number;
  /** Whether another window of its text comes further on; absent where none does. */
  readonly continues?: boolean;
  /** Share of its text that it is, 0..1, for progress; absent where it is all of it or all that is read, and in a cache. */
  readonly share?: number;
  /** Whether it was cut, and the rest of its text is in no other prompt; absent where nothing is left out. */
  readonly truncated?: boolean;
  /** Token ids, `<bos>` first, cut to the context. */
  readonly tokens: Int32Array<ArrayBuffer>;
  /** The text around a token position. Decoded when asked for: few positions ever are. */
  excerpt(position: number): Excerpt;
}

/** A token in its surroundings. */
export interface Excerpt {
  /** What stands before the token. */
  readonly before: string;
  /** The token. */
  readonly token: string;
  /** What follows. */
  readonly after: string;
}

/** Which text a prompt is of, and what of it. */
export type PromptPlace = Omit<Prompt, "tokens" | "excerpt">;

/** Tokens of an excerpt before and after the token itself. */
const EXCERPT_BEFORE = 12;
const EXCERPT_AFTER = 8;
/** Tokens that a letter can be split over: UTF-8 has at most four bytes. */
const BYTES_OF_A_LETTER = 4;

/**
 * A prompt.
 *
 * @param place Which text it is of; what says nothing (a start of 0, a share of 1) is left out.
 * @param tokens Its ids.
 * @param excerptAt The text around a position that it has.
 */
export function promptOf(
  { id, text, start, continues, share = 1, truncated }: PromptPlace,
  tokens: Int32Array<ArrayBuffer>,
  excerptAt: (position: number) => Excerpt,
): Prompt {
  return {
    ...{ id, text, tokens },
    ...(start && { start }),
    ...(continues && { continues }),
    ...(share < 1 && { share }),
    ...(truncated && { truncated }),
    excerpt(position) {
      if (Number.isInteger(position) && position >= 0 && position < tokens.length) return excerptAt(position);
      throw new RangeError(
        `Expected a position from 0 to ${tokens.length - 1} of prompt "${id}" but found ${position}`,
      );
    },
  };
}

/** A prompt whose excerpts a tokenizer decodes. */
export function tokenizedPrompt(
  place: PromptPlace,
  tokens: Int32Array<ArrayBuffer>,
  tokenizer: Pick<LanguageModel, "decode">,
): Prompt {
  const decoder = new Decoder(tokens, tokenizer);
  return promptOf(place, tokens, (position) => decoder.excerpt(position));
}

/** The text of a prompt's tokens. */
class Decoder {
  constructor(readonly tokens: Int32Array<ArrayBuffer>, readonly tokenizer: Pick<LanguageModel, "decode">) {}

  excerpt(position: number): Excerpt {
    const [from, to] = this.#wholeLetters(position);
    return {
      // The surroundings may begin or end within a letter: what is left of it decodes to U+FFFD.
      before: this.#text(from - EXCERPT_BEFORE, from).replace(/^\ufffd+/, ""),
      // The token itself is told even where it is special, such as <start_of_turn>: it would be an empty text.
      token: this.#text(from, to, false),
      after: this.#text(to, to + EXCERPT_AFTER).replace(/\ufffd+$/, ""),
    };
  }

  /**
   * The text of some tokens as it stands in the whole: decoders such as Llama's drop the space that a text begins with, so
   * the token before is decoded with them, and what it gives is taken away.
   */
  #text(start: number, to: number, skipSpecial = true): string {
    const from = Math.max(0, start);
    const decode = (first: number, end: number, skip = skipSpecial) =>
      this.tokenizer.decode(this.tokens.subarray(first, end), { skipSpecial: skip });
    const own = decode(from, to);
    // Nothing stands before a text's first token but `<bos>`, which is no text.
    if (from === 0 || from >= to || decode(from - 1, from, true) === "") return own;
    const [lead, whole] = [decode(from - 1, from), decode(from - 1, to)];
    // What is left of a letter that the cut divides reads otherwise alone than with its rest.
    return whole.startsWith(lead) && !lead.endsWith("\ufffd") ? whole.slice(lead.length) : own;
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
