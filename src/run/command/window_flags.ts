/** The flags of how texts that are longer than `--context` are read. */
import { type WindowOptions, WINDOWS, type Windows } from "../../activations/windows.ts";
import type { CountFlag } from "./reading_flags.ts";
import { UsageError } from "./flags.ts";

/** The flags of how long texts are read. */
export type WindowFlags = {
  /** What of them is read. */
  readonly windows: {
    readonly type: "string";
    readonly default: Windows;
    readonly choices: readonly Windows[];
    readonly help: string;
  };
  /** Tokens that windows advance by. */
  readonly stride: Omit<CountFlag, "default">;
};

/**
 * The flags `--windows` and `--stride`, for experiments that read a corpus as a stream; {@linkcode windowsBy} reads them.
 *
 * @example
 * ```ts
 * import { readFlags, windowFlags, windowsBy } from "../mod.ts";
 *
 * const { windows, stride } = windowsBy(readFlags(["--stride", "64"], windowFlags()));
 * if (windows !== "all" || stride !== 64) throw new Error(`${windows} ${stride}`);
 * ```
 */
export function windowFlags(): WindowFlags {
  return {
    windows: {
      type: "string",
      default: "all",
      choices: WINDOWS,
      help: "what of a text longer than --context is read: all of it, window after window, or the first window",
    },
    stride: {
      type: "integer",
      min: 1,
      help: "tokens that a window begins after the one before; default --context less one: none is read twice",
    },
  };
}

/** What they are given, and whether texts are turns of a chat, which are cut. */
export type WindowsBy = WindowOptions & { readonly chat?: boolean };

/**
 * How the flags of {@linkcode windowFlags} say that texts are read, for a plan's `reading`. Chats are left to `extract`.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { windowsBy } from "../mod.ts";
 *
 * assertEquals(windowsBy({ windows: "all", chat: true }), {});
 * ```
 */
export function windowsBy({ windows, stride, chat = false }: WindowsBy): WindowOptions {
  return chat ? {} : { windows, ...(stride !== undefined && { stride }) };
}

/**
 * Throws if `--stride` is longer than a window of `--context` tokens, of which the first is context only.
 *
 * @throws {UsageError} A sentence that says how long it may be.
 */
export function assertStride({ stride, context }: Readonly<Record<string, unknown>>): void {
  if (typeof stride !== "number" || typeof context !== "number" || stride < context) return;
  throw new UsageError(
    `Expected --stride of at most ${
      context - 1
    }, the tokens of a window of --context ${context} but its first, but got ` +
      `${stride}: take a shorter one, or a longer context.`,
  );
}
