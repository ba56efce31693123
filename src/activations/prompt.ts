/** What a prompt of a stream is: token ids, which text they are of, and the text around each. */
import { type Decodes, type Excerpt, Excerpts } from "./excerpts.ts";

export type { Excerpt };

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

/** Which text a prompt is of, and what of it. */
export type PromptPlace = Omit<Prompt, "tokens" | "excerpt">;

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
export function tokenizedPrompt(place: PromptPlace, tokens: Int32Array<ArrayBuffer>, tokenizer: Decodes): Prompt {
  const excerpts = new Excerpts(tokens, tokenizer);
  return promptOf(place, tokens, (position) => excerpts.at(position));
}
