/** Text of other people's files (corpora, names, messages that quote them) made safe to show on a terminal or a page. */

/**
 * What leaves no mark: overrides of the reading direction, characters without width, fillers, variation selectors, tags, in
 * which a text can be hidden; the blank of Braille, which is no space; and the separators that act as line ends.
 */
const INVISIBLE = /[\p{Default_Ignorable_Code_Point}\p{Format}\p{Line_Separator}\p{Paragraph_Separator}\u2800]/gu;
// deno-lint-ignore no-control-regex
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/g;

/**
 * Text with everything shown that a reader could not see or that would act on the page or terminal: line ends as ⏎,
 * tabs as ⇥, control characters as their pictures (␛), and what leaves no mark as `<U+202E>`.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(visibleText("one\ntwo\u202E"), "one⏎two<U+202E>");
 * ```
 */
export function visibleText(text: string): string {
  const code = (char: string) => `<U+${hexadecimal(char.codePointAt(0)!).toUpperCase()}>`;
  return text.toWellFormed().replace(INVISIBLE, code).replace(CONTROL, (char) => {
    if (char === "\n") return "⏎";
    if (char === "\t") return "⇥";
    const value = char.charCodeAt(0);
    if (value < 0x20) return String.fromCharCode(0x2400 + value);
    return value === 0x7f ? "␡" : code(char);
  });
}

/** As {@linkcode visibleText}, with line ends as they are. */
export function visibleLines(text: string): string {
  return text.split("\n").map(visibleText).join("\n");
}

/**
 * A value as JSON that shows everything it holds: the same value to whoever parses it, with an escape for each character
 * that {@linkcode visibleText} replaces. A bigint is written as a number, digit by digit.
 *
 * @param indent Spaces a level; default all on one line.
 *
 * @example
 * ```ts
 * const json = visibleJson({ text: "one\ntwo\u202E" });
 * if (json !== String.raw`{"text":"one\ntwo\u202e"}`) throw new Error(json);
 * if (JSON.parse(json).text !== "one\ntwo\u202E") throw new Error("Expected the same value");
 * ```
 */
export function visibleJson(value: unknown, indent?: number): string {
  const escaped = (text: string) =>
    Array.from({ length: text.length }, (_, i) => `\\u${hexadecimal(text.charCodeAt(i))}`).join("");
  const digits = (_: string, item: unknown) => typeof item === "bigint" ? rawJson(String(item)) : item;
  const json = JSON.stringify(value, digits, indent);
  return json.replace(INVISIBLE, escaped).replace(CONTROL, (char) => char === "\n" ? char : escaped(char));
}

/** ES2026's `JSON.rawJSON`, which TypeScript does not declare yet: text that `JSON.stringify` takes over as it is. */
const { rawJSON: rawJson } = JSON as unknown as { readonly rawJSON: (text: string) => unknown };

function hexadecimal(value: number): string {
  return value.toString(16).padStart(4, "0");
}
