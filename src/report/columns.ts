/** Columns of result tables, a line each. */
import type { TableColumn } from "./table.ts";

/** A column of whole numbers. */
export function wholeColumn(name: string, values: readonly number[], description: string): TableColumn {
  return { name, type: "int32", values, description };
}

/** A column of numbers; NaN where there is none. */
export function numberColumn(
  name: string,
  values: readonly (number | null | undefined)[],
  description: string,
): TableColumn {
  return { name, type: "float64", values: values.map((value) => value ?? NaN), description };
}

/** A column of texts. */
export function wordsColumn(name: string, values: readonly string[], description: string): TableColumn {
  return { name, type: "utf8", values, description };
}
