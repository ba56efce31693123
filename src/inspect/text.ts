import { largest } from "../compute/long_lists.ts";
import { visibleJson, visibleText } from "../files/visible_text.ts";
import { formatTable } from "../run/terminal/print.ts";
import type { Description, Json } from "./description.ts";

/** Characters of a value that are shown. */
const LONGEST = 72;

/**
 * A description for people: kind and size, the facts, the tables in aligned columns; long values are cut.
 *
 * @example
 * ```ts
 * const text = descriptionText({ path: "a.arrow", kind: "table", bytes: 2048, facts: { rows: 2 }, tables: {} });
 * if (text !== "a.arrow: table, 2.05 kB\n  rows  2") throw new Error(text);
 * ```
 */
export function descriptionText({ path, kind, bytes, facts, tables }: Description): string {
  const rows = Object.entries(facts).map(([fact, value]) => ({ fact: visibleText(fact), value: cell(value) }));
  const width = Math.max(0, largest(rows.map(({ fact }) => fact.length)));
  const sections = Object.entries(tables).filter(([, rows]) => rows.length > 0).map(([title, rows]) => {
    const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
    return `\n${title}\n${
      formatTable({ columns, rows: rows.map((row) => columns.map((key) => cell(row[key] ?? null))) })
    }`;
  });
  return [
    `${visibleText(path)}: ${visibleText(kind)}, ${size(bytes)}`,
    ...rows.map(({ fact, value }) => `  ${fact.padEnd(width)}  ${value ?? "–"}`),
    ...sections,
  ].join("\n");
}

function cell(value: Json): string | number | boolean | null {
  if (typeof value === "bigint") return String(value);
  if (typeof value !== "object" && typeof value !== "string" || value === null) return value;
  const isTexts = Array.isArray(value) && value.every((item) => typeof item === "string");
  const text = visibleText(isTexts ? value.join(" | ") : typeof value === "string" ? value : visibleJson(value));
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}

/** Bytes in the largest unit that keeps them above 1. */
function size(bytes: number): string {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  const unit = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(bytes, 1)) / 3)));
  return `${Number((bytes / 1000 ** unit).toPrecision(3))} ${units[unit]}`;
}
