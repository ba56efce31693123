import { visibleText } from "../../src/report/mod.ts";

/** A token as a label: spaces at its sides dropped, a token of spaces only as as many ␣, control characters visible. */
export function tokenText(token: string): string {
  return visibleText(token.trim() || token.replaceAll(" ", "␣"));
}
