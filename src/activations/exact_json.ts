/** JSON as data sets hold it: whole numbers with all their digits, and the numbers that Python writes though JSON has none. */

/** Digits from which on a whole number may not fit into a `number`. */
const MANY_DIGITS = /\d{16}/;
/** An escape or an end of a string of JSON, or what may be a number that it has not: no more, as strings may be long. */
const ESCAPE_OR_QUOTE_OR_NON_FINITE = /\\.|"|-?\bInfinity\b|\bNaN\b/g;
/** Stand for these in JSON; nobody writes a zero like them. */
const STANDS_FOR: Readonly<Record<string, string>> = {
  NaN: "-0.0e-00000",
  Infinity: "-0.0e-00001",
  "-Infinity": "-0.0e-00002",
};
const STOOD_FOR: ReadonlyMap<string, number> = new Map(
  Object.entries(STANDS_FOR).map(([name, zero]) => [zero, Number(name)]),
);
/** An id that is no whole number, or a number with an exponent of three digits, which may be beyond all numbers. */
const OTHER_DIGITS = /"id"\s*:\s*-?\d+[.eE]|\d[eE][+-]?\d{3}/;

/**
 * Parses JSON. Whole numbers that a `number` cannot hold come as bigints; numbers beyond all that are, and ids
 * (`id`) that are no whole numbers, as texts, as they stand there. `NaN` and `Infinity`, as Python's `json` and pandas write
 * them, are read.
 *
 * @throws {SyntaxError} if it is no JSON.
 */
export function parseExactJson(text: string): unknown {
  let json = text;
  let hasNonFinite = false;
  if (text.includes("NaN") || text.includes("Infinity")) {
    let inString = false;
    json = text.replace(ESCAPE_OR_QUOTE_OR_NON_FINITE, (match) => {
      if (match === '"') inString = !inString;
      if (inString || !(match in STANDS_FOR)) return match;
      hasNonFinite = true;
      return STANDS_FOR[match];
    });
  }
  if (!hasNonFinite && !MANY_DIGITS.test(text) && !OTHER_DIGITS.test(text)) return JSON.parse(text);
  return (JSON.parse as ParseWithSource)(json, (key, value, { source }) => {
    if (typeof value !== "number" || source === undefined) return value;
    const stood = hasNonFinite ? STOOD_FOR.get(source) : undefined;
    if (stood !== undefined) return stood;
    if (/^-?\d+$/.test(source)) return Number.isSafeInteger(value) ? value : BigInt(source);
    return key === "id" || !Number.isFinite(value) ? source : value;
  });
}

/** With the text of each number, which TypeScript does not know of yet (ECMAScript, "JSON.parse source text access"). */
type ParseWithSource = (
  text: string,
  reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown,
) => unknown;
