/** What a token's text looks like. */
export type TokenClass = "word start" | "word part" | "number" | "space" | "symbol";

/** All classes, in the order of their numbers. */
export const TOKEN_CLASSES: readonly TokenClass[] = ["word start", "word part", "number", "space", "symbol"];

/**
 * The class of a token by its own text, whatever stands around it: a letter after a blank starts a word; a letter
 * without one goes on with a word, or starts one after a line end or a sign; digits with or without a blank are
 * numbers; blanks, tabs and line ends alone are space; all else, punctuation and pieces of letters too, are symbols.
 *
 * @example
 * ```ts
 * const classes = [" the", "ing", " 12", "\n  ", "):"].map(tokenClass);
 * if (classes.join() !== "word start,word part,number,space,symbol") throw new Error(classes.join());
 * ```
 */
export function tokenClass(text: string): TokenClass {
  if (/^\s+$/u.test(text)) return "space";
  if (/^\s+\p{L}/u.test(text)) return "word start";
  if (/^\p{L}/u.test(text)) return "word part";
  return /^\s*\p{N}/u.test(text) ? "number" : "symbol";
}
