/** A model's tokenizer: texts and chats to token ids and back. */
import type { PreTrainedTokenizer } from "./runtime.ts";
import type { ChatMessage } from "./types.ts";

/** Wraps transformers.js's tokenizer. */
export class Tokenizer {
  readonly #inner: PreTrainedTokenizer;
  /** Id of `<bos>`; undefined where the model has none. */
  readonly #bos?: number;

  constructor(inner: PreTrainedTokenizer) {
    this.#inner = inner;
    const bos = inner.bos_token as string | undefined;
    this.#bos = bos ? inner.encode(bos, { add_special_tokens: false })[0] : undefined;
  }

  /** Token ids, `<bos>` first where the model has one, cut to the first `context`. */
  encode(text: string, context?: number): Int32Array<ArrayBuffer> {
    const ids = this.#inner.encode(text);
    if (this.#bos !== undefined && ids[0] !== this.#bos) ids.unshift(this.#bos);
    return cut(ids, context);
  }

  /**
   * Token ids of a chat in the model's template, up to where the model's turn begins, cut to the first `context`.
   *
   * @throws {Error} if the model has no chat template, or its template refuses the messages.
   */
  encodeChat(messages: readonly ChatMessage[], context?: number): Int32Array<ArrayBuffer> {
    let text: string;
    try {
      text = this.#inner.apply_chat_template([...messages], { tokenize: false, add_generation_prompt: true }) as string;
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new Error(
        `Expected messages that fit the model's chat template but it refuses them (${reason}): ` +
          "alternate user and assistant, or load an instruction-tuned model",
        { cause },
      );
    }
    // The template has written <bos> itself.
    return cut(this.#inner.encode(text, { add_special_tokens: false }), context);
  }

  /** Text of token ids. */
  decode(tokens: ArrayLike<number>, skipSpecial: boolean): string {
    if (tokens.length === 0) return "";
    return this.#inner.decode(Array.from(tokens), {
      skip_special_tokens: skipSpecial,
      clean_up_tokenization_spaces: false,
    });
  }
}

function cut(ids: number[], context = ids.length): Int32Array<ArrayBuffer> {
  if (!Number.isInteger(context) || context < 0) {
    throw new RangeError(`Expected context to be a whole number of tokens but got ${context}`);
  }
  return Int32Array.from(ids.slice(0, context));
}
