import type { Excerpt } from "../activations/prompt.ts";
import { visibleText } from "./text.ts";

/**
 * A token as a label: spaces at its sides dropped, tokens of spaces only as ␣ or ␣×7, control characters visible.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals([" cat", "  ", "       ", "\n"].map(tokenText), ["cat", "␣␣", "␣×7", "⏎"]);
 * ```
 */
export function tokenText(token: string): string {
  const spaces = (run: string) => run.length > 3 ? `␣×${run.length}` : "␣".repeat(run.length);
  return visibleText(token.trim() || token.replaceAll(/ +/g, spaces));
}

/**
 * A context as text, its token between [[ and ]].
 *
 * @example
 * ```ts
 * const text = contextText({ before: "The ", token: "cat", after: " sat" });
 * if (text !== "The [[cat]] sat") throw new Error(text);
 * ```
 */
export function contextText({ before, token, after }: Excerpt): string {
  return `${before}[[${token}]]${after}`;
}
