import type { Excerpt } from "../activations/batch.ts";
import { visibleText } from "./text.ts";

/** A token as a label: spaces at its sides dropped, tokens of spaces only as ␣ or ␣×7, control characters visible. */
export function tokenText(token: string): string {
  const spaces = (run: string) => run.length > 3 ? `␣×${run.length}` : "␣".repeat(run.length);
  return visibleText(token.trim() || token.replaceAll(/ +/g, spaces));
}

/** A context as text, its token between [[ and ]]. */
export function contextText({ before, token, after }: Excerpt): string {
  return `${before}[[${token}]]${after}`;
}
