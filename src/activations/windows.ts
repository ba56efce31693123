/** How texts that are longer than the context are read: in windows. */
import type { OptionKinds } from "../compute/known_options.ts";
import type { Piece } from "./encode_pieces.ts";
import type { Extractor } from "./extractor.ts";

/** What of a text longer than the context is read, and how. */
export interface WindowOptions {
  /**
   * Whether `"all"` of a text longer than the context is read, window after window, or the `"first"` window only. Default
   * all; first in chats, which keep their template's end and lose the end of their message, and of final positions, of
   * which a text has one.
   */
  windows?: Windows;
  /**
   * Tokens that a window begins after the one before; from 1 to the default, all of a window but its first, so that none
   * is read twice. With fewer, a window begins with tokens that the one before has read: they are context, and every token
   * of a text still gives one activation, from the second window on with `context - stride` tokens before it at least.
   */
  stride?: number;
}

/** The kinds of {@linkcode WindowOptions}. */
export const WINDOW_OPTIONS: OptionKinds<WindowOptions> = { windows: "string", stride: "number" };

/** What of a text longer than the context is read. */
export type Windows = "all" | "first";

/** The names that {@link Windows} has. */
export const WINDOWS: readonly Windows[] = ["all", "first"];

/** A part of a text that the model reads at once. */
export interface Window {
  /** The position p, from 1 on, is token `start + p` of the text. */
  readonly start: number;
  /** Token ids; at most the context. */
  readonly tokens: Int32Array<ArrayBuffer>;
  /** Whether another follows. */
  readonly continues: boolean;
  /** Share of the text that it adds to what was read, 0..1; about that of a very long text. */
  readonly share: number;
}

/**
 * Settles how texts are read in windows.
 *
 * @returns Tokens that windows advance by; undefined where only the first is read.
 * @throws {RangeError} if an option makes no sense, alone or with the others.
 */
export function strideOf(
  options: WindowOptions & { readonly context: number; readonly chat: boolean; readonly extractor: Extractor },
): number | undefined {
  const { context, chat, extractor, stride } = options;
  const isWhole = !chat && extractor === "per-position";
  const { windows = isWhole ? "all" : "first" } = options;
  if (!WINDOWS.includes(windows)) {
    throw new RangeError(`Expected windows to be "all" or "first" but found ${JSON.stringify(windows)}`);
  }
  if (windows === "all" && !isWhole) {
    throw new RangeError(
      `Expected one prompt a text ${chat ? "in chats" : "for final positions"} but windows "all" asks for several: ` +
        'leave it out, or take plain texts and the extractor "per-position"',
    );
  }
  if (windows === "first") {
    if (stride === undefined) return undefined;
    throw new RangeError(
      `Expected no stride where only the first window of a text is read${chat ? ", as in chats," : ""} but found ` +
        `${stride}: leave it out, or read all windows`,
    );
  }
  const most = context - 1;
  if (stride === undefined) return most;
  if (Number.isInteger(stride) && stride >= 1 && stride <= most) return stride;
  throw new RangeError(
    `Expected a stride (--stride) from 1 to ${most}, the tokens of a window but its first, but found ${stride}: take ` +
      "one of these, or a longer context",
  );
}

/** How long texts are read, for messages. */
export function windowsText({ stride }: { readonly stride?: number }): string {
  return stride === undefined ? "the first window of each" : `windows that advance by ${stride} tokens`;
}

/**
 * Cuts a text's tokens into windows. Each begins with a token that is context only: `<bos>` where the text has it, and
 * otherwise the last token that no longer is the window's own.
 *
 * @param pieces Token ids of the text, some at a time, each with the share of the text up to its end.
 * @param bos What stands before texts; undefined where nothing does.
 * @param context Tokens of a window at most, at least 2.
 * @param stride Tokens that a window begins after the one before, from 1 to `context - 1`.
 */
export function* cutWindows(
  pieces: Iterable<Piece>,
  bos: number | undefined,
  context: number,
  stride: number,
): Generator<Window> {
  let [start, held, isLed, total, read] = [0, new Int32Array(), false, 0, 0];
  const window = (continues: boolean): Window => {
    const tokens = held.slice(0, context);
    if (isLed) tokens[0] = bos!;
    // The last one brings the sum to 1, whatever was thought of the length before.
    const share = Math.max(0, (continues ? Math.min(1, (start + context) / total) : 1) - read);
    read += share;
    return { start, tokens, continues, share };
  };
  for (const { tokens, until } of pieces) {
    // The token `held[0]` is number `start` of the text.
    held = joined(held, tokens);
    total = (start + held.length) / until;
    if (start === 0) isLed = bos !== undefined && held[0] === bos;
    while (held.length > context) {
      yield window(true);
      held = held.subarray(stride);
      start += stride;
    }
  }
  // What is left holds a token at least that no window had: one more than the context was held before the last step.
  yield window(false);
}

function joined(a: Int32Array<ArrayBuffer>, b: Int32Array): Int32Array<ArrayBuffer> {
  const both = new Int32Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}
