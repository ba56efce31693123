/** The text around the tokens of a prompt. */
import { type Decodes, tokenTexts } from "./token_texts.ts";

export type { Decodes };

/** A token in its surroundings. */
export interface Excerpt {
  /** What stands before the token. */
  readonly before: string;
  /** The token. */
  readonly token: string;
  /** What follows. */
  readonly after: string;
}

/** Tokens of an excerpt before and after the token itself. */
const [BEFORE, AFTER] = [12, 8];
/** Tokens that a letter can be split over: UTF-8 has at most four bytes. */
const BYTES_OF_A_LETTER = 4;

/** Excerpts of one prompt. */
export class Excerpts {
  /** Of each token, what it adds to the text, where that is the same wherever it stands; made for the first excerpt. */
  #texts?: readonly (string | undefined)[];
  /** Those that were asked for: dictionaries of several percentiles keep the same ones. */
  readonly #known = new Map<number, Excerpt>();

  constructor(readonly tokens: Int32Array<ArrayBuffer>, readonly tokenizer: Decodes) {}

  /** The text around a position. */
  at(position: number): Excerpt {
    let excerpt = this.#known.get(position);
    if (!excerpt) this.#known.set(position, excerpt = this.#joined(position) ?? this.decoded(position));
    return excerpt;
  }

  /** From texts of tokens; `undefined` where one of them depends on its neighbours, or the token is special. */
  #joined(position: number): Excerpt | undefined {
    const texts = this.#texts ??= tokenTexts(this.tokens, this.tokenizer);
    const [from, to] = [Math.max(0, position - BEFORE), Math.min(texts.length, position + 1 + AFTER)];
    // With the token before: in place, it is decoded too.
    for (let i = Math.max(0, from - 1); i < to; i++) if (texts[i] === undefined) return undefined;
    const token = texts[position]!;
    // A special token adds nothing to the text, but is told.
    if (token === "") return undefined;
    return { before: texts.slice(from, position).join(""), token, after: texts.slice(position + 1, to).join("") };
  }

  /** The same, all of it decoded where it stands: always right, and some fifty times as slow. */
  decoded(position: number): Excerpt {
    const [from, to] = this.#wholeLetters(position);
    return {
      // The surroundings may begin or end within a letter: what is left of it decodes to U+FFFD.
      before: this.#text(from - BEFORE, from).replace(/^\ufffd+/, ""),
      // The token itself is told even where it is special, such as <start_of_turn>: it would be an empty text.
      token: this.#text(from, to, false),
      after: this.#text(to, to + AFTER).replace(/\ufffd+$/, ""),
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
