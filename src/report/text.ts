/** Arbitrary text (tokens, prompts, other people's corpora) made safe to show, and numbers for people. */
export { visibleText } from "../files/visible_text.ts";

// deno-lint-ignore no-control-regex
const NOT_XML = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g;

/** Replaces what an XML document must not hold (control characters, halves of surrogate pairs) by U+FFFD. */
export function validXml(text: string): string {
  return text.toWellFormed().replace(NOT_XML, "\ufffd");
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Text for HTML, as content or as an attribute's value in quotes. */
export function escapeHtml(text: string): string {
  return validXml(text).replace(/[&<>"']/g, (char) => ENTITIES[char]);
}

/**
 * A number for people: thousands apart in whole numbers, otherwise `digits` significant digits (default 4).
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(formatNumber(20295), "20,295");
 * assertEquals(formatNumber(0.874412), "0.8744");
 * ```
 */
export function formatNumber(value: number, digits = 4): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "–" : value > 0 ? "∞" : "−∞";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (!Number.isInteger(value) && (size < 1e-4 || size >= 1e15)) {
    return value.toExponential(digits - 1).replaceAll("-", "−");
  }
  const options = Number.isInteger(value) || size >= 10 ** digits
    ? { maximumFractionDigits: 0 }
    : { maximumSignificantDigits: digits };
  return value.toLocaleString("en-US", options).replace("-", "−");
}

/**
 * A share (0..1) as a percentage for people: three significant digits, on one line with its sign; – for NaN.
 *
 * @example
 * ```ts
 * if (formatShare(0.12345) !== "12.3\u00a0%") throw new Error(formatShare(0.12345));
 * ```
 */
export function formatShare(share: number): string {
  return Number.isFinite(share) ? `${formatNumber(100 * share, 3)}\u00a0%` : formatNumber(share);
}

/**
 * The numbers of one column, all with as many decimals, so that their points stand under each other: 4 significant
 * digits for the largest. Numbers too small for that are written with an exponent.
 */
export function formatColumn(values: readonly number[]): string[] {
  const finite = values.filter(Number.isFinite);
  if (finite.every(Number.isInteger)) return values.map((value) => formatNumber(value));
  const largest = finite.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
  const decimals = Math.min(6, Math.max(0, 3 - Math.floor(Math.log10(largest))));
  const options = { minimumFractionDigits: decimals, maximumFractionDigits: decimals };
  return values.map((value) => {
    if (!Number.isFinite(value)) return formatNumber(value);
    if (value !== 0 && Math.abs(value) < 0.5 * 10 ** -decimals) return value.toExponential(1).replaceAll("-", "−");
    return value.toLocaleString("en-US", options).replace("-", "−");
  });
}
