/** A model's tokenizer: texts and chats to token ids and back. */
import { assertLoopsWriteLast, chatTemplate, type ChatTemplates } from "./chat_templates.ts";
import type { PreTrainedTokenizer } from "./runtime.ts";
import type { BosRule, ChatMessage } from "./types.ts";

/** The rules that there are for `<bos>`. */
export const BOS_RULES: readonly BosRule[] = ["always", "tokenizer", "never"];

/** How texts are read. */
export interface TokenizerOptions {
  /** Default `"always"`. */
  readonly bos?: BosRule;
  /** Chat templates from files, which come before the tokenizer's own; default none. */
  readonly chatTemplates?: ChatTemplates;
}

/**
 * Wraps transformers.js's tokenizer.
 *
 * Where `<bos>` is an ordinary token too, as GPT-2's `<|endoftext|>` and SmolLM2's `<|im_start|>`, one that stands at a
 * text's start already counts as the text's `<bos>`.
 */
export class Tokenizer {
  /** Whether `<bos>` stands before texts. */
  readonly bos: BosRule;
  /** Ids of the tokens that it calls special, ascending. */
  readonly specialTokens: readonly number[];
  readonly #inner: PreTrainedTokenizer;
  readonly #chatTemplates: ChatTemplates;
  /** Id of `<bos>`; undefined where the model has none. */
  readonly #id?: number;
  /** Whether the tokenizer puts it before texts by itself. */
  readonly #putsBos: boolean;

  /** @throws {RangeError} if there is no such rule for `<bos>`. */
  constructor(inner: PreTrainedTokenizer, { bos = "always", chatTemplates = {} }: TokenizerOptions = {}) {
    if (!BOS_RULES.includes(bos)) {
      throw new RangeError(`Expected bos to be one of ${BOS_RULES.join(", ")} but got "${bos}"`);
    }
    this.bos = bos;
    this.specialTokens = [...new Set(inner.all_special_ids)].sort((a, b) => a - b);
    this.#inner = inner;
    this.#chatTemplates = chatTemplates;
    this.#id = inner.bos_token_id;
    this.#putsBos = this.#id !== undefined && inner.encode("")[0] === this.#id;
  }

  /** Token ids, with `<bos>` as {@link bos} says, cut to the first `context`. */
  encode(text: string, context?: number): Int32Array<ArrayBuffer> {
    const ids = this.#inner.encode(text);
    if (this.bos === "never" && this.#putsBos) ids.shift();
    // One too many where the tokenizer has put it there: `#once` takes that away.
    if (this.bos === "always" && this.#id !== undefined) ids.unshift(this.#id);
    return cut(this.#once(ids), context);
  }

  /**
   * Token ids of a chat in the model's template, up to where the model's turn begins, cut to the first `context`.
   *
   * A chat is what its template writes: most write `<bos>` themselves, and no other is put before it. Under `"never"`
   * the template is told that there is none.
   *
   * @throws {Error} if the model has no chat template, or its template refuses the messages or cannot be filled in here.
   */
  encodeChat(messages: readonly ChatMessage[], context?: number): Int32Array<ArrayBuffer> {
    const ids = this.#inner.encode(this.#chatText(messages), { add_special_tokens: false });
    return cut(this.#once(ids), context);
  }

  /** Text of token ids. */
  decode(tokens: ArrayLike<number>, skipSpecial: boolean): string {
    if (tokens.length === 0) return "";
    return this.#inner.decode(Array.from(tokens), {
      skip_special_tokens: skipSpecial,
      clean_up_tokenization_spaces: false,
    });
  }

  #chatText(messages: readonly ChatMessage[]): string {
    const template = chatTemplate(this.#chatTemplates, this.#inner.chat_template);
    assertLoopsWriteLast(template);
    const options = { chat_template: template, tokenize: false, add_generation_prompt: true };
    // What is not an option is a variable of the template.
    const variables = this.bos === "never" ? { bos_token: "" } : {};
    try {
      return this.#inner.apply_chat_template([...messages], { ...options, ...variables }) as string;
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new Error(
        `Expected messages that fit the model's chat template but it refuses them (${reason}): ` +
          "alternate user and assistant, or mend the template",
        { cause },
      );
    }
  }

  /** The ids with one `<bos>` where several lead: the text's own, the template's and the tokenizer's. */
  #once(ids: number[]): number[] {
    let extra = 0;
    while (this.#id !== undefined && ids[extra] === this.#id && ids[extra + 1] === this.#id) extra++;
    return ids.slice(extra);
  }
}

function cut(ids: number[], context = ids.length): Int32Array<ArrayBuffer> {
  if (!Number.isInteger(context) || context < 0) {
    throw new RangeError(`Expected context to be a whole number of tokens but got ${context}`);
  }
  return Int32Array.from(ids.slice(0, context));
}
