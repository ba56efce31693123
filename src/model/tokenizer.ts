/** A model's tokenizer: texts and chats to token ids and back. */
import { assertLoopsWriteLast, chatTemplate, type ChatTemplates, templatesOf } from "./chat_templates.ts";
import { chatParts } from "./chat_parts.ts";
import { ControlTokens, controlTokens, type InnerTokenizer, type IsToken } from "./control_tokens.ts";
import { ModelError } from "./error.ts";
import type { PreTrainedTokenizer } from "./runtime.ts";
import { DATE_VARIABLE, dayOf, readsClock, strftime, TEMPLATE_DATE, withoutClock } from "./template_date.ts";
import { textOf } from "./tokenizer_files.ts";
import type { BosRule, ChatMessage, ControlTokenRule } from "./types.ts";

/** The rules that there are for `<bos>`. */
export const BOS_RULES: readonly BosRule[] = ["always", "tokenizer", "never"];

/** What control tokens in texts can be read as. */
export const CONTROL_TOKEN_RULES: readonly ControlTokenRule[] = ["text", "tokens"];

/** How texts are read. */
export interface TokenizerOptions {
  /** Default `"always"`. */
  readonly bos?: BosRule;
  /** Chat templates from files, which come before the tokenizer's own; default none. */
  readonly chatTemplates?: ChatTemplates;
  /** Default `"text"`. */
  readonly controlTokens?: ControlTokenRule;
  /** The day that a template is told it is; default {@linkcode TEMPLATE_DATE}. */
  readonly templateDate?: string;
  /** Called when a template writes the date. */
  readonly onDate?: (day: string) => void;
}

/**
 * Wraps transformers.js's tokenizer.
 *
 * A control token that stands in a text is text, unless it is the `<bos>` that the text begins with, which counts as the
 * text's own: also where `<bos>` is an ordinary token, as GPT-2's `<|endoftext|>` and SmolLM2's `<|im_start|>`.
 */
export class Tokenizer {
  /** Whether `<bos>` stands before texts. */
  readonly bos: BosRule;
  /** What control tokens in texts are read as. */
  readonly controlTokens: ControlTokenRule;
  /** The day that chats are told it is, if their template asks. */
  readonly templateDate?: string;
  /** Ids of the tokens that it calls special, ascending. */
  readonly specialTokens: readonly number[];
  readonly #inner: PreTrainedTokenizer;
  /** Of single tokens that were asked for. */
  readonly #texts = new Map<number, string>();
  readonly #chatTemplates: ChatTemplates;
  readonly #control: ControlTokens;
  /** What a template calls for the date. */
  readonly #strftime: (format: string) => string;
  /** `<bos>` and its id; undefined where the model has none. */
  readonly #bos?: { readonly text: string; readonly id: number };
  /** Whether the tokenizer puts it before texts by itself. */
  readonly #putsBos: boolean;

  /**
   * @throws {RangeError} if there is no such rule or day.
   * @throws {ModelError} if the vocabulary lacks the `<bos>` that the files name.
   */
  constructor(inner: PreTrainedTokenizer, options: TokenizerOptions = {}) {
    const { bos = "always", chatTemplates = {}, controlTokens: rule = "text", templateDate = TEMPLATE_DATE } = options;
    if (!BOS_RULES.includes(bos)) {
      throw new RangeError(`Expected bos to be one of ${BOS_RULES.join(", ")} but got "${bos}"`);
    }
    if (!CONTROL_TOKEN_RULES.includes(rule)) {
      throw new RangeError(`Expected controlTokens to be one of ${CONTROL_TOKEN_RULES.join(", ")} but got "${rule}"`);
    }
    const day = dayOf(templateDate);
    this.bos = bos;
    this.controlTokens = rule;
    this.specialTokens = [...new Set(inner.all_special_ids)].sort((a, b) => a - b);
    this.#inner = inner;
    this.#chatTemplates = chatTemplates;
    const templates = templatesOf(chatTemplates, inner.chat_template);
    const tokenizer = inner._tokenizer as unknown as InnerTokenizer;
    this.#control = new ControlTokens(tokenizer, controlTokens(tokenizer, namedTokens(inner), templates));
    if (templates.some(readsClock)) this.templateDate = templateDate;
    this.#strftime = (format) => {
      options.onDate?.(templateDate);
      return strftime(day, format);
    };
    const { bos_token: text, bos_token_id: id } = inner;
    if (text && id === undefined && bos !== "never") {
      throw new ModelError(
        `Expected the <bos> that the tokenizer's files name, ${
          JSON.stringify(text)
        }, in its vocabulary but it is not there: ` +
          "mend the files, or read texts without one (--bos never)",
      );
    }
    if (id !== undefined) this.#bos = { text, id };
    this.#putsBos = id !== undefined && inner.encode("")[0] === id;
  }

  /** Token ids, with `<bos>` as {@link bos} says, cut to the first `context`. */
  encode(text: string, context?: number): Int32Array<ArrayBuffer> {
    const ids = this.#ids(text.toWellFormed(), (token, start) => start === 0 && token === this.#bos?.text, true);
    const own = this.#bos?.id;
    if (this.bos === "never" && this.#putsBos) ids.shift();
    // One too many where the tokenizer has put it there: `#once` takes that away.
    if (this.bos === "always" && own !== undefined) ids.unshift(own);
    return cut(this.#once(ids), context);
  }

  /**
   * Token ids of a chat in the model's template, up to where the model's turn begins, cut to the first `context`.
   *
   * A chat is what its template writes: most write `<bos>` themselves, and no other is put before it. Under `"never"`
   * the template is told that there is none. Control tokens are the template's alone.
   *
   * @throws {Error} if the model has no chat template, or its template refuses the messages or cannot be filled in here.
   */
  encodeChat(messages: readonly ChatMessage[], context?: number): Int32Array<ArrayBuffer> {
    const write = (some: readonly ChatMessage[]) => this.#chatText(some).toWellFormed();
    const { text, isToken } = this.controlTokens === "tokens"
      ? { text: write(messages), isToken: () => true }
      : chatParts(messages, this.#control, write);
    return cut(this.#once(this.#ids(text, isToken, false)), context);
  }

  /** @param add Whether the tokenizer's own tokens are put around the text. */
  #ids(text: string, isToken: IsToken, add: boolean): number[] {
    const ids = this.#control.encode(text, this.controlTokens === "tokens" ? () => true : isToken, add);
    if (ids.every((id) => id !== undefined)) return ids;
    throw new Error(
      `Expected a tokenizer that has a token for all of a text, or one for what is unknown, but it has none for some of ` +
        `${JSON.stringify(text.slice(0, 100))}: take that text out, or mend tokenizer.json`,
    );
  }

  /** Whether it has a token of this id. */
  has(id: number): boolean {
    return (this.#inner._tokenizer as unknown as InnerTokenizer).id_to_token(id) !== undefined;
  }

  /** Text of token ids. */
  decode(tokens: ArrayLike<number>, skipSpecial: boolean): string {
    if (tokens.length === 0) return "";
    return this.#inner.decode(Array.from(tokens), {
      skip_special_tokens: skipSpecial,
      clean_up_tokenization_spaces: false,
    });
  }

  /** Text of one token, decoded once: what is read out shows few of them, and often. */
  textOf(id: number): string {
    const text = this.#texts.get(id) ?? this.decode([id], false);
    this.#texts.set(id, text);
    return text;
  }

  #chatText(messages: readonly ChatMessage[]): string {
    const template = chatTemplate(this.#chatTemplates, this.#inner.chat_template);
    assertLoopsWriteLast(template);
    const options = { chat_template: withoutClock(template), tokenize: false, add_generation_prompt: true };
    // What is not an option is a variable of the template.
    const variables = { [DATE_VARIABLE]: this.#strftime, ...this.bos === "never" ? { bos_token: "" } : {} };
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
    const own = this.#bos?.id;
    while (own !== undefined && ids[extra] === own && ids[extra + 1] === own) extra++;
    return ids.slice(extra);
  }
}

function cut(ids: number[], context = ids.length): Int32Array<ArrayBuffer> {
  if (!Number.isInteger(context) || context < 0) {
    throw new RangeError(`Expected context to be a whole number of tokens but got ${context}`);
  }
  return Int32Array.from(ids.slice(0, context));
}

/** The tokens that tokenizer_config.json calls special: those with a name, and further ones. */
function namedTokens({ config }: PreTrainedTokenizer): ReadonlySet<string> {
  const told = config as Readonly<Record<string, unknown>>;
  const names = Object.keys(told).filter((key) => /^[a-z]+_token$/.test(key));
  const further = [told.additional_special_tokens, told.extra_special_tokens].map((list) => Object.values(list ?? {}));
  return new Set(
    [...names.map((key) => told[key]), ...further.flat()].map(textOf).filter((text) => text !== undefined),
  );
}
