/** Which positions of a stream's prompts become activations. */
import type { OptionKinds } from "../compute/known_options.ts";
import type { LanguageModel } from "../model/types.ts";
import { type Extractor, keptPositions } from "./extractor.ts";
import type { Prompt } from "./prompt.ts";
import { SharedPrefixes } from "./shared_prefixes.ts";
import { chatTemplateOf, type Template, templatePart } from "./template_parts.ts";

/** What of the positions that an extractor gives is left out. */
export interface SelectOptions {
  /**
   * Tokens that give no activation: ids, or `"special"` for all that the tokenizer calls special, such as `<eos>` and
   * `<start_of_turn>`; default none.
   */
  excludeTokens?: "special" | readonly number[];
  /**
   * Positions that give no activation: that many at the start of a prompt, or `"template"` for those of the chat
   * template's own tokens (a {@linkcode Template} where it is known); default none but the first.
   */
  excludePositions?: "template" | number | Template;
  /**
   * Whether a position whose tokens up to it an earlier prompt of the stream has too, which has the same activation,
   * gives one `"each"` time or `"once"`. Default once in chats, where every prompt begins with the template, else each.
   */
  repeats?: Repeats;
}

/** The kinds of {@linkcode SelectOptions}. */
export const SELECT_OPTIONS: OptionKinds<SelectOptions> = {
  excludeTokens: ["string", "numbers"],
  excludePositions: ["string", "number", "object"],
  repeats: "string",
};

/** How often the same tokens give an activation. */
export type Repeats = "each" | "once";

/** Positions that become activations, as records keep it: plain data. */
export interface Selection {
  /** Which positions are looked at. */
  readonly extractor: Extractor;
  /** Ids of tokens that give none. */
  readonly excludeTokens?: readonly number[];
  /** First positions that give none, or the template whose tokens give none. */
  readonly excludePositions?: number | Template;
  /** Whether repeated positions give one each time or once; said of chats, and each time where it is not. */
  readonly repeats?: Repeats;
}

/** What a selection may need to know of a model. */
export type SelectingModel = Partial<Pick<LanguageModel, "encodeChat" | "specialTokens" | "vocab">>;

/**
 * Settles which positions become activations.
 *
 * @param model Says which tokens are special and writes chats, where that is asked for.
 * @throws {RangeError} if something is left out of the final positions, or an option makes no sense.
 */
export function selectionOf(
  options: SelectOptions & { readonly extractor?: Extractor; readonly chat?: boolean },
  model: SelectingModel,
): Selection {
  const { extractor = "per-position", chat = false, excludeTokens = [], excludePositions = 0 } = options;
  const isEvery = extractor === "per-position";
  const { repeats = chat && isEvery ? "once" : "each" } = options;
  if (!isEvery && (excludeTokens.length > 0 || excludePositions !== 0 || repeats === "once")) {
    throw new RangeError(
      "Expected nothing to be left out of final positions, one a prompt, but excludeTokens, excludePositions or repeats " +
        'ask for it: use the extractor "per-position"',
    );
  }
  if (repeats !== "each" && repeats !== "once") {
    throw new RangeError(`Expected repeats to be "each" or "once" but found ${JSON.stringify(repeats)}`);
  }
  const tokens = excludeTokens === "special" ? known(model.specialTokens, 'excludeTokens "special"') : excludeTokens;
  assertTokens(tokens, model.vocab);
  return {
    extractor,
    ...(tokens.length > 0 && { excludeTokens: [...tokens].sort((a, b) => a - b) }),
    ...(excludePositions !== 0 && { excludePositions: positionsOf(excludePositions, chat, model) }),
    ...((chat && isEvery || repeats === "once") && { repeats }),
  };
}

/** Selects positions of prompts, which must come in stream order and once each. */
export class Selector {
  readonly #excluded: ReadonlySet<number>;
  readonly #seen?: SharedPrefixes;

  /** @param selection With the context and the stride where there are windows of long texts. */
  constructor(private readonly selection: Selection & { readonly context?: number; readonly stride?: number }) {
    this.#excluded = new Set(selection.excludeTokens);
    if (selection.repeats === "once") this.#seen = new SharedPrefixes();
  }

  /** Positions of the next prompt that become activations, ascending. */
  take({ tokens, start = 0 }: Pick<Prompt, "tokens" | "start">): Int32Array<ArrayBuffer> {
    const { extractor, excludePositions = 0, context = 0, stride = 0 } = this.selection;
    const { first, count } = keptPositions(extractor, tokens.length);
    const repeated = this.#seen?.take(tokens) ?? 0;
    // What the window before has read is context here.
    const reread = start === 0 ? 0 : context - stride;
    const positions: number[] = [];
    for (let position = Math.max(first, repeated, reread); position < first + count; position++) {
      if (this.#excluded.has(tokens[position])) continue;
      const isOut = typeof excludePositions === "number"
        ? position < excludePositions
        : templatePart(excludePositions, position, tokens.length) !== "instruction";
      if (!isOut) positions.push(position);
    }
    return Int32Array.from(positions);
  }
}

/** A selection in words, for messages: `per-position, the same tokens once`. */
export function selectionText({ extractor, excludeTokens, excludePositions, repeats }: Selection): string {
  return [
    extractor,
    ...(excludeTokens ? [`without tokens ${excludeTokens.join(", ")}`] : []),
    ...(typeof excludePositions === "number" ? [`without the first ${excludePositions} positions`] : []),
    ...(typeof excludePositions === "object" ? ["without the chat template's tokens"] : []),
    ...(repeats === "once" ? ["the same tokens once"] : []),
  ].join(", ");
}

function positionsOf(
  positions: "template" | number | Template,
  chat: boolean,
  model: SelectingModel,
): number | Template {
  if (positions === "template") {
    known(model.encodeChat, 'excludePositions "template"');
    if (chat) return chatTemplateOf({ encodeChat: (messages) => model.encodeChat!(messages) });
    throw new RangeError(
      "Expected chats, whose template is left out, but texts are read as they are: set chat (--chat)",
    );
  }
  if (typeof positions === "object" || Number.isInteger(positions) && positions >= 0) return positions;
  throw new RangeError(`Expected excludePositions to be a whole number or "template" but found ${positions}`);
}

function known<T>(value: T | undefined, what: string): T {
  if (value !== undefined) return value;
  throw new RangeError(`Expected the model itself, not its name, for ${what}: it says what that is`);
}

function assertTokens(tokens: readonly number[], vocab = Infinity): void {
  const wrong = tokens.find((token) => !Number.isInteger(token) || token < 0 || token >= vocab);
  if (wrong === undefined) return;
  throw new RangeError(`Expected ids of tokens to leave out, below ${vocab}, or "special", but found ${wrong}`);
}
