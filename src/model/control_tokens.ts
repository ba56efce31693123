/**
 * Control tokens in texts. transformers.js reads `<end_of_turn>` in a text as the token, whoever wrote it, so that a
 * document can end a turn and open the model's. Here what stands in a text is text, as with `split_special_tokens` of
 * Python's tokenizers; a template's own are tokens.
 */

/** What is told of an added token. */
interface AddedToken {
  readonly id: number;
  readonly content: string;
  readonly special: boolean;
  /** Whether it is looked for in normalized text. */
  readonly normalized: boolean;
}

/** What is used of the tokenizer inside transformers.js'. */
export interface InnerTokenizer {
  readonly added_tokens: readonly AddedToken[];
  /** By content, as written and as normalized. */
  readonly added_tokens_map: ReadonlyMap<string, AddedToken>;
  /** Both divide a text at added tokens: the first as it is written, the second when it is normalized. */
  readonly splitter_unnormalized: Splitter;
  readonly splitter_normalized: Splitter;
  /** Tokens of the pieces of a text. */
  readonly model: (pieces: string[]) => string[];
  id_to_token(id: number): string | undefined;
  encode(text: string, options: { add_special_tokens?: boolean }): { readonly ids: (number | undefined)[] };
}

interface Splitter {
  readonly constructor: new (texts: string[]) => Splitter;
  split(text: string): string[];
}

/**
 * Whether a control token that stands in a text is meant as one. Asked of each, first to last.
 *
 * @param start Its place in the text; null where it was found in what a normalizer made of that, behind its start.
 */
export type IsToken = (token: string, start: number | null) => boolean;

/** No text holds it once it is well-formed: before a token it tells that from a text that reads alike. */
const MARK = "\udc00";

/**
 * The control tokens among a tokenizer's added ones: those that its files call special, and those with brackets that a
 * chat template writes, which some files leave plain (DeepSeek's `<｜User｜>`).
 *
 * @param named Further tokens that tokenizer_config.json calls special.
 * @param templates The model's chat templates.
 */
export function controlTokens(
  { added_tokens }: InnerTokenizer,
  named: ReadonlySet<string>,
  templates: readonly string[],
): ReadonlySet<string> {
  const isWritten = (content: string) => BRACKETED.test(content) && templates.some((text) => text.includes(content));
  const control = added_tokens.filter(({ special, content }) => special || named.has(content) || isWritten(content));
  return new Set(control.map(({ content }) => content));
}

/** Not rows of spaces or line ends, which Gemma has among its added tokens and every template writes. */
const BRACKETED = /^(<\S*\p{L}\S*>|\[\S*\p{L}\S*\])$/u;

/** Reads control tokens as tokens only where they are told to be. */
export class ControlTokens {
  readonly #inner: InnerTokenizer;
  /** Added tokens by text: the control ones behind {@link MARK} only. */
  readonly #map: ReadonlyMap<string, AddedToken>;
  readonly #splitter: Splitter;

  constructor(inner: InnerTokenizer, readonly control: ReadonlySet<string>) {
    this.#inner = inner;
    this.#splitter = new inner.splitter_unnormalized.constructor([...control]);
    this.#map = new Map(
      [...inner.added_tokens_map].map(([text, token]) => [control.has(token.content) ? MARK + text : text, token]),
    );
  }

  /** The control tokens that stand in a text, with their places, first to last. */
  in(text: string): { readonly token: string; readonly start: number }[] {
    let end = 0;
    return this.#splitter.split(text).flatMap((piece) => {
      const start = end;
      end += piece.length;
      return this.control.has(piece) ? [{ token: piece, start }] : [];
    });
  }

  /**
   * Token ids of a well-formed text.
   *
   * @param isToken Whether a control token that stands in it is meant as one.
   * @param add Whether the tokenizer's own are put around it.
   */
  encode(text: string, isToken: IsToken, add: boolean): (number | undefined)[] {
    const { splitter_unnormalized, splitter_normalized } = this.#inner;
    // Only the first piece of a text, where it is text, begins where the text does.
    let isStart = false;
    const reading: InnerTokenizer = Object.create(this.#inner, {
      added_tokens_map: { value: this.#map },
      splitter_unnormalized: {
        value: {
          split: (whole: string) => {
            const pieces = this.#divided(
              splitter_unnormalized.split(whole),
              ({ content }, start) => isToken(content, start),
            );
            isStart = pieces.length > 0 && !this.#map.has(pieces[0]);
            return pieces;
          },
        },
      },
      splitter_normalized: {
        value: {
          split: (section: string) => {
            const first = isStart ? 0 : null;
            isStart = false;
            return this.#divided(
              splitter_normalized.split(section),
              // Others were looked for before, and are text here.
              ({ content, normalized }, start) => normalized && isToken(content, start === 0 ? first : null),
            );
          },
        },
      },
      model: { value: this.#model() },
    });
    return reading.encode(text, { add_special_tokens: add }).ids;
  }

  /** Pieces in which control tokens are marked where they are tokens and part of the text around them elsewhere. */
  #divided(pieces: readonly string[], isToken: (token: AddedToken, start: number) => boolean): string[] {
    const divided: string[] = [];
    let [end, wasText] = [0, false];
    for (const piece of pieces) {
      const start = end;
      end += piece.length;
      const token = this.#inner.added_tokens_map.get(piece);
      const isControl = token !== undefined && this.control.has(token.content);
      const isText = token === undefined || (isControl && !isToken(token, start));
      if (isText && wasText) divided[divided.length - 1] += piece;
      else divided.push(isControl && !isText ? MARK + piece : piece);
      wasText = isText;
    }
    return divided;
  }

  /** The tokenizer's model, which may have control tokens in its vocabulary: what reads like one is divided. */
  #model() {
    const { model } = this.#inner;
    return new Proxy(model, {
      apply: (target, self, [pieces]: [string[]]) => {
        const tokens = Reflect.apply(target, self, [pieces]) as string[];
        const held = new Set(pieces.flatMap((piece) => this.in(piece).map(({ token }) => token)));
        if (!tokens.some((token) => held.has(token))) return tokens;
        const divide = (piece: string) =>
          [...held].reduce((text, token) => text.replaceAll(token, token[0] + MARK + token.slice(1)), piece).split(
            MARK,
          );
        return Reflect.apply(target, self, [pieces.flatMap(divide)]);
      },
    });
  }
}
