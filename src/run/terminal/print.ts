/** Tables on stdout. */
import { largest } from "../../compute/long_lists.ts";
import type { ReportTable } from "../../report/html.ts";
import type { Cell } from "../../report/html_table.ts";
import { recordTable } from "../../report/row_table.ts";
import { formatColumn, formatNumber, visibleText } from "../../report/text.ts";
import { contextText } from "../../report/token_text.ts";

/**
 * Prints records, whose keys are the headings, to stdout.
 *
 * @param rows All with the keys of the first, in its order.
 *
 * @example
 * ```ts
 * printTable([{ region: 0, members: 3 }, { region: 1, members: 12 }]);
 * ```
 */
export function printTable(rows: readonly Readonly<Record<string, Cell>>[]): void {
  console.log(formatTable(recordTable(rows)));
}

/**
 * A table as text in aligned columns: numbers right with their points under each other, text left. Control characters
 * are made visible, so that no token acts on the terminal.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 *
 * const table = formatTable({ columns: ["token", "members"], rows: [["cat", 3], ["mat", 12]] });
 * assertEquals(table.split("\n"), [
 *   "token  members",
 *   "─────  ───────",
 *   "cat          3",
 *   "mat         12",
 * ]);
 * ```
 */
export function formatTable({ columns, rows }: ReportTable): string {
  const cells = columns.map((heading, column) => {
    const label = visibleText(heading);
    const values = rows.map((row) => row[column]);
    const isNumeric = values.some((value) => typeof value === "number") &&
      values.every((value) => typeof value === "number" || value === null);
    const texts = isNumeric ? formatColumn(values.map((value) => Number(value ?? NaN))) : values.map(cellText);
    const width = Math.max(displayWidth(label), largest(texts.map(displayWidth)));
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

/** A cell as text; of several contexts the first. */
function cellText(cell: Cell): string {
  if (cell === null) return "–";
  if (typeof cell === "boolean") return cell ? "yes" : "no";
  if (typeof cell === "number") return formatNumber(cell);
  if (typeof cell === "string") return visibleText(cell);
  const context = "token" in cell ? cell : cell[0];
  return context ? visibleText(contextText(context)) : "";
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
