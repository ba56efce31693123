/**
 * A value of a field as text, for ids and filters: numbers with every digit, dates as `2026-01-02` (with a time as
 * `2026-01-02T03:04:05.000Z`), bytes as the text they are, or else in hexadecimal, lists and objects as JSON.
 */
export function exactText(value: unknown): string {
  if (value instanceof Date) return dateText(value);
  if (value instanceof Uint8Array) {
    const text = utf8Of(value);
    return text === undefined || hasControls(text) ? value.toHex() : text;
  }
  if (typeof value === "object" && value !== null) return JSON.stringify(value, plain);
  return String(value);
}

/** Whether a text has letters that nobody writes: bytes that are UTF-8 by chance do. */
function hasControls(text: string): boolean {
  // deno-lint-ignore no-control-regex
  return /[\x00-\x08\x0e-\x1f\x7f]/.test(text);
}

/** Bytes as text, if they are UTF-8. */
export function utf8Of(bytes: Uint8Array): string | undefined {
  try {
    return strict.decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}

const strict = new TextDecoder("utf-8", { fatal: true });

function dateText(date: Date): string {
  const text = date.toISOString();
  return text.endsWith("T00:00:00.000Z") ? text.slice(0, -"T00:00:00.000Z".length) : text;
}

/** What JSON has no form for, as text. */
function plain(_: string, value: unknown): unknown {
  if (typeof value === "bigint") return String(value);
  if (value instanceof Uint8Array) return exactText(value);
  return ArrayBuffer.isView(value) ? Array.from(value as unknown as ArrayLike<number>) : value;
}
