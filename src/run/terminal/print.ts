/** Tables on stdout. */
import { formatColumn, visibleText } from "../../report/text.ts";

/** A column of a printed table. */
export interface PrintColumn {
  /** Key of the row's value. */
  readonly key: string;
  /** Heading; default the key. */
  readonly label?: string;
}

/** One row by column key. */
export type PrintRow = Readonly<Record<string, number | string | boolean | null | undefined>>;

/** Prints {@link formatTable}'s text to stdout. */
export function printTable(rows: readonly PrintRow[], columns?: readonly (PrintColumn | string)[]): void {
  console.log(formatTable(rows, columns));
}

/**
 * Rows as text in aligned columns: numbers right with their points under each other, text left. Control characters are
 * made visible, so that no token acts on the terminal.
 *
 * @param columns Which, in which order; default every key of the first row.
 */
export function formatTable(
  rows: readonly PrintRow[],
  columns: readonly (PrintColumn | string)[] = Object.keys(rows[0] ?? {}),
): string {
  const cells = columns.map((column) => {
    const { key, label: given = key } = typeof column === "string" ? { key: column } : column;
    const label = visibleText(given);
    const values = rows.map((row) => row[key]);
    const isNumeric = values.some((value) => typeof value === "number") &&
      values.every((value) => typeof value === "number" || value == null);
    const texts = isNumeric ? formatColumn(values.map((value) => Number(value ?? NaN))) : values.map(cellText);
    const width = Math.max(displayWidth(label), ...texts.map(displayWidth));
    const pad = (text: string) => {
      const space = " ".repeat(width - displayWidth(text));
      return isNumeric ? space + text : text + space;
    };
    return { head: pad(label), rule: "─".repeat(width), body: texts.map(pad) };
  });
  const line = (parts: string[]) => parts.join("  ").trimEnd();
  return [
    line(cells.map(({ head }) => head)),
    line(cells.map(({ rule }) => rule)),
    ...rows.map((_, i) => line(cells.map(({ body }) => body[i]))),
  ].join("\n");
}

function cellText(value: PrintRow[string]): string {
  if (value === null || value === undefined) return "–";
  if (typeof value === "boolean") return value ? "yes" : "no";
  return typeof value === "number" ? formatColumn([value])[0] : visibleText(value);
}

const WIDE =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u;
const COMBINING = /\p{Mark}/u;

/** Cells of a terminal that a text takes: two for Chinese, Japanese, Korean and emoji, none for combining marks. */
function displayWidth(text: string): number {
  let width = 0;
  for (const char of text) width += COMBINING.test(char) ? 0 : WIDE.test(char) ? 2 : 1;
  return width;
}
