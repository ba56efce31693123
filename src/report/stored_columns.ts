/** What is written of rows, whatever the format: columns of values that were checked against their declaration. */
import { columnName, type Fields, type FieldType, type ResultTable } from "./row.ts";

/** A table's column as it is to be stored, and what the file says of it. */
export interface StoredColumn {
  readonly name: string;
  readonly type: FieldType;
  /** A value a row; `null` where it is missing. */
  readonly values: readonly unknown[];
  /** Whether values may be missing. */
  readonly isNullable: boolean;
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * The columns of rows, to be written.
 *
 * @throws {TypeError} if a row has a value that its declaration does not allow; names row and column.
 */
export function storedColumns<F extends Fields>({ fields, rows }: ResultTable<F>): StoredColumn[] {
  return Object.entries(fields).map(([key, field]) => {
    const values = rows.map((row) => (row as Readonly<Record<string, unknown>>)[key]);
    const wrong = values.findIndex((value) => !field.accepts(value));
    if (wrong >= 0) {
      throw new TypeError(
        `Expected column ${columnName(key)} to hold ${field.type}${
          field.missing ? " or null" : ""
        } but row ${wrong} is ` +
          `${JSON.stringify(values[wrong]) ?? values[wrong]}: see its declaration.`,
      );
    }
    const { description, unit, missing } = field;
    const isNullable = missing !== undefined || field.type === "float64";
    return {
      name: columnName(key),
      type: field.type,
      values: isNullable ? values.map((value) => Number.isNaN(value) ? null : value) : values,
      isNullable,
      metadata: { description, ...(unit !== undefined && { unit }), ...(missing !== undefined && { missing }) },
    };
  });
}
