/** Columns of result tables, a line each. */
import type { TableColumn } from "./table.ts";

/**
 * A column of whole numbers, stored as int32.
 *
 * @param name Its name in the file.
 * @param values One a row, -2^31 to 2^31 - 1.
 * @param description What it means, with its unit.
 *
 * @example
 * ```ts
 * const { type } = wholeColumn("members", [3, 2], "activations of the region");
 * if (type !== "int32") throw new Error(`${type}`);
 * ```
 */
export function wholeColumn(name: string, values: readonly number[], description: string): TableColumn {
  return { name, type: "int32", values, description };
}

/**
 * A column of numbers, stored as float64; NaN where there is none.
 *
 * @param name Its name in the file.
 * @param values One a row; `null` and `undefined` become NaN.
 * @param description What it means, with its unit.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 *
 * const { values } = numberColumn("auroc", [0.9, null], "AUROC of the distance");
 * assertEquals(values, [0.9, NaN]);
 * ```
 */
export function numberColumn(
  name: string,
  values: readonly (number | null | undefined)[],
  description: string,
): TableColumn {
  return { name, type: "float64", values: values.map((value) => value ?? NaN), description };
}

/**
 * A column of texts, stored as UTF-8.
 *
 * @param name Its name in the file.
 * @param values One a row.
 * @param description What it means.
 *
 * @example
 * ```ts
 * const { name, type } = wordsColumn("token", ["cat", "mat"], "commonest token of the region");
 * if (`${name}: ${type}` !== "token: utf8") throw new Error(`${name}: ${type}`);
 * ```
 */
export function wordsColumn(name: string, values: readonly string[], description: string): TableColumn {
  return { name, type: "utf8", values, description };
}
