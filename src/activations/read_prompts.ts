import type { LanguageModel } from "../model/types.ts";
import { encodePieces } from "./encode_pieces.ts";
import { type Prompt, type PromptPlace, tokenizedPrompt } from "./prompt.ts";
import { chatTemplateOf, type Template } from "./template_parts.ts";
import { cutWindows } from "./windows.ts";

/** What reading a prompt asks of a model. */
export type Tokenizer = Pick<LanguageModel, "encode" | "encodeChat" | "decode">;

/** Characters read for each token of context before any more are looked at; English has about four. */
const CHARACTERS_A_TOKEN = 8;
/** Tokens next to a cut that the cut may have changed. */
const CUT_TOKENS = 16;
/** Characters after a cut in which the end of its word is looked for; languages without spaces have none. */
const LONGEST_WORD = 1000;

/** Templates of the models whose chats were cut: reading one takes as long as three chats. */
const templates = new WeakMap<Tokenizer, Template>();

/**
 * Tokenizes a text as a prompt.
 *
 * @param place Which text it is.
 * @param context Tokens at most, `<bos>` included.
 * @param chat Whether the text becomes a user's turn in the model's chat template.
 */
export function readPrompt(
  model: Tokenizer,
  place: PromptPlace,
  text: string,
  context: number,
  chat: boolean,
): Prompt {
  const { tokens, truncated } = chat ? encodeTurn(model, text, context) : encodeStart(model, text, context);
  return tokenizedPrompt({ ...place, truncated }, tokens, model);
}

/**
 * A user's turn in the model's chat template, cut to `context` tokens where it is longer: of the text what comes last is
 * left out, never the template's own end, after which the model would answer.
 *
 * @throws {RangeError} if the template alone has as many tokens.
 */
function encodeTurn(model: Tokenizer, text: string, context: number): Encoded {
  const tokens = encodeEnough(text, context, (content) => model.encodeChat([{ role: "user", content }]));
  if (tokens.length <= context) return { tokens, truncated: false };
  const template = templates.get(model) ?? chatTemplateOf(model);
  templates.set(model, template);
  const { before, after } = template;
  if (before + after >= context) {
    throw new RangeError(
      `Expected a context of more than the ${before + after} tokens of the chat template but found ${context}: ` +
        "take a longer one (--context)",
    );
  }
  const turn = new Int32Array(context);
  turn.set(tokens.subarray(0, context - after));
  turn.set(tokens.subarray(tokens.length - after), context - after);
  return { tokens: turn, truncated: true };
}

/**
 * Takes token ids as a prompt.
 *
 * @param context Tokens at most, `<bos>` included.
 * @throws {RangeError} if there is none, or one that the model does not have.
 */
export function tokenPrompt(
  model: Pick<LanguageModel, "decode" | "vocab">,
  place: PromptPlace,
  tokens: ArrayLike<number>,
  context: number,
): Prompt {
  const ids = idsOf(model, place, Array.from(tokens).slice(0, context));
  return tokenizedPrompt({ ...place, truncated: tokens.length > context }, ids, model);
}

/**
 * Reads a text, or token ids, in windows, a prompt each.
 *
 * @param place Which text it is.
 * @param context Tokens of a window at most, at least 2.
 * @param stride Tokens that a window begins after the one before.
 * @throws {RangeError} if of token ids there is none, or one that the model does not have.
 */
export function* windowPrompts(
  model: Pick<LanguageModel, "decode" | "encode" | "vocab">,
  place: PromptPlace,
  content: string | ArrayLike<number>,
  context: number,
  stride: number,
): Generator<Prompt> {
  const pieces = typeof content === "string"
    ? encodePieces(model, content)
    : [{ tokens: idsOf(model, place, Array.from(content)), until: 1 }];
  // What stands before the empty text stands before every text.
  const [bos] = model.encode("");
  for (const { tokens, ...window } of cutWindows(pieces, bos, context, stride)) {
    yield tokenizedPrompt({ ...place, ...window }, tokens, model);
  }
}

function idsOf(
  { vocab }: Pick<LanguageModel, "vocab">,
  { id }: PromptPlace,
  tokens: readonly number[],
): Int32Array<ArrayBuffer> {
  const wrong = tokens.find((token) => !Number.isInteger(token) || token < 0 || token >= vocab);
  if (wrong === undefined && tokens.length > 0) return Int32Array.from(tokens);
  throw new RangeError(
    `Expected token ids from 0 to ${vocab - 1}, which the model has, but prompt "${id}" holds ${wrong ?? "none"}`,
  );
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
  return encodeStart(model, text, context).tokens;
}

/** The tokens of a prompt, and whether it was cut to them. */
interface Encoded {
  readonly tokens: Int32Array<ArrayBuffer>;
  readonly truncated: boolean;
}

function encodeStart(model: Pick<Tokenizer, "encode">, text: string, context: number): Encoded {
  const tokens = encodeEnough(text, context, (start) => model.encode(start, context + CUT_TOKENS));
  return { tokens: tokens.slice(0, context), truncated: tokens.length > context };
}

/** The tokens of a beginning of a text that its end cannot have changed the first `context` of, or of all of it. */
function encodeEnough(
  text: string,
  context: number,
  encode: (start: string) => Int32Array<ArrayBuffer>,
): Int32Array<ArrayBuffer> {
  for (let length = CHARACTERS_A_TOKEN * context; length < text.length; length *= 4) {
    const tokens = encode(text.slice(0, cutNear(text, length)));
    // Fewer: its tokens are longer than most, as of code or rows of spaces, so a longer beginning is taken.
    if (tokens.length >= context + CUT_TOKENS) return tokens;
  }
  return encode(text);
}

/**
 * Where a text can be cut at `from` or soon after: where a word ends, and never within a number, which tokenizers may
 * group from its end.
 */
function cutNear(text: string, from: number): number {
  const end = /(?<=\S)\s/.exec(text.slice(from - 1, from + LONGEST_WORD))?.index;
  if (end !== undefined) return from - 1 + end;
  const digits = /\d*/y;
  digits.lastIndex = from;
  return from + (/\d/.test(text[from - 1]) ? digits.exec(text)![0].length : 0);
}
