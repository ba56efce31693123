/**
 * Arrow tables: columns from flat arrays (`columns.ts`), flat arrays from columns (`values.ts`), files (`write_arrow.ts`,
 * `read_arrow.ts`).
 */
export { Data, DataType, Field, RecordBatch, Schema, Table, Vector } from "./apache_arrow.ts";
export * from "./columns.ts";
export * from "./values.ts";
export * from "./write_arrow.ts";
export type { ArrowFile } from "./arrow_file.ts";
export * from "./read_arrow.ts";
