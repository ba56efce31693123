import type { LanguageModel } from "../model/types.ts";

/** Characters that are tokenized at once: a tokenizer takes a second for a million, and holds an object for each. */
const PIECE = 2 ** 16;
/** Characters after a piece's end in which a word's end is looked for; languages without spaces have none. */
const LONGEST_WORD = 1000;
/** Letters at a piece's end that the next one is tokenized behind. */
const LEAD = 64;

/** Some token ids of a text. */
export interface Piece {
  /** They follow on those of the piece before. */
  readonly tokens: Int32Array<ArrayBuffer>;
  /** Share of the text up to their end, 0..1. */
  readonly until: number;
}

/**
 * The token ids of a text of any length, some at a time. A text of up to 65,536 characters is one piece. A longer one is
 * cut where a single space parts two words, where no tokenizer puts both sides into one token; in languages without
 * spaces soon after, and the tokens beside such a cut may be others than those of the whole.
 *
 * @param model Tokenizes.
 * @param piece Characters of a piece; default 65,536.
 */
export function* encodePieces(
  model: Pick<LanguageModel, "encode">,
  text: string,
  piece = PIECE,
): Generator<Piece> {
  if (text.length <= piece) return yield { tokens: model.encode(text), until: 1 };
  // What stands around the empty text stands around every text: `<bos>`, and behind it what some tokenizers end with.
  const around = model.encode("").length;
  const [before, after] = around > 0 ? [1, around - 1] : [0, 0];
  for (let from = 0; from < text.length;) {
    const to = cutBetweenWords(text, from + piece);
    const tokens = encodeBehind(model, text, from, to, before, after);
    const end = to < text.length ? tokens.length - after : tokens.length;
    yield { tokens: tokens.subarray(from === 0 ? 0 : before, end), until: to / text.length };
    from = to;
  }
}

/**
 * The tokens of a part of a text, and what stands around every text. The word before goes with them and is taken away
 * again: decoders such as Llama's put a space of their own before whatever they read.
 */
function encodeBehind(
  model: Pick<LanguageModel, "encode">,
  text: string,
  from: number,
  to: number,
  before: number,
  after: number,
): Int32Array<ArrayBuffer> {
  const [lead] = /\p{L}*$/u.exec(text.slice(Math.max(0, from - LEAD), from))!;
  const own = () => model.encode(text.slice(from, to));
  if (lead === "") return own();
  const led = model.encode(lead);
  const all = model.encode(text.slice(from - lead.length, to));
  const taken = led.length - after;
  if (!led.subarray(0, taken).every((token, i) => all[i] === token)) return own();
  const tokens = new Int32Array(before + all.length - taken);
  tokens.set(all.subarray(0, before));
  tokens.set(all.subarray(taken), before);
  return tokens;
}

/** Where a text can be cut at `from` or soon after. */
function cutBetweenWords(text: string, from: number): number {
  if (from >= text.length) return text.length;
  const near = text.slice(from - 1, from + LONGEST_WORD);
  const place = /(?<=\p{L})(?= \p{L})/u.exec(near) ?? /(?<=\S)(?=\s)/.exec(near);
  if (place) return from - 1 + place.index;
  // Between two letters: not within a number, nor within a character of two units.
  const rest = /^(?:\d*|[\udc00-\udfff])/.exec(text.slice(from, from + LONGEST_WORD))!;
  return from + rest[0].length;
}
