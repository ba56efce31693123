/** Tables of a report. */
import { escapeHtml, formatColumn, formatNumber, visibleText } from "./text.ts";

/** A token in its surroundings, as regions keep their contexts. */
export interface ContextCell {
  /** Text before the token. */
  readonly before: string;
  /** The token, which is marked. */
  readonly token: string;
  /** Text after the token. */
  readonly after: string;
}

/**
 * What a cell may hold: a number (set right, points under each other), a text, a truth value, nothing, or a token in
 * its context, set in a monospaced type with the token marked; several contexts stand under each other.
 */
export type Cell = number | string | boolean | null | ContextCell | readonly ContextCell[];

/**
 * A table as HTML. Columns that hold numbers only are set right.
 *
 * @param columns Headings; if all are empty, no heading is shown.
 * @param rows Rows of as many cells.
 * @param caption HTML of the caption.
 * @throws {Error} If a row has not as many cells as there are columns.
 */
export function tableHtml(columns: readonly string[], rows: readonly (readonly Cell[])[], caption?: string): string {
  for (const [i, row] of rows.entries()) {
    if (row.length !== columns.length) {
      throw new Error(`Expected ${columns.length} cells in each row of a table but row ${i} has ${row.length}.`);
    }
  }
  const numbers = columns.map((_, i) => numericColumn(rows.map((row) => row[i])));
  const head = columns.map((name, i) => `<th scope="col"${numbers[i] ? NUMBER : ""}>${text(name)}</th>`).join("");
  const body = rows.map((row, r) =>
    `<tr>${row.map((cell, i) => numbers[i] ? `<td${NUMBER}>${numbers[i][r]}</td>` : cellHtml(cell)).join("")}</tr>`
  );
  const hasHead = columns.some((name) => name !== "");
  return [
    `<div class="table"><table>`,
    caption ? `<caption>${caption}</caption>` : "",
    hasHead ? `<thead><tr>${head}</tr></thead>` : "",
    `<tbody>\n${body.join("\n")}\n</tbody></table></div>`,
  ].filter(Boolean).join("\n");
}

const NUMBER = ' class="number"';

/** The cells of a column of numbers and nothing else, or undefined. */
function numericColumn(cells: readonly Cell[]): string[] | undefined {
  const isNumeric = cells.some((cell) => typeof cell === "number") &&
    cells.every((cell) => cell === null || typeof cell === "number");
  return isNumeric ? formatColumn(cells.map((cell) => cell === null ? NaN : Number(cell))) : undefined;
}

function cellHtml(cell: Cell): string {
  if (cell === null) return "<td>–</td>";
  if (typeof cell === "number") return `<td>${formatNumber(cell)}</td>`;
  if (typeof cell === "boolean") return `<td>${cell ? "yes" : "no"}</td>`;
  if (typeof cell === "string") return `<td>${text(cell)}</td>`;
  const contexts = "token" in cell ? [cell] : cell;
  return `<td class="contexts">${contexts.map(contextHtml).join("")}</td>`;
}

/** `bdi` keeps text that is written from right to left from reordering what stands beside it. */
function contextHtml({ before, token, after }: ContextCell): string {
  return `<bdi class="context">${text(before)}<mark>${text(token)}</mark>${text(after)}</bdi>`;
}

const text = (value: string) => escapeHtml(visibleText(value));
