/** Columns of tables, of which a row names each once. */
import { listed } from "../files/tensor.ts";
import { CorpusError } from "./errors.ts";

/**
 * Throws if columns of a table have one name: a row would have the values of the last alone. Columns without a name, such as
 * spreadsheets write behind the last, may be several.
 *
 * @throws {CorpusError} that names them.
 */
export function assertDistinct(path: string, names: readonly string[]): void {
  const twice = names.filter((name, i) => name !== "" && names.indexOf(name) < i);
  if (twice.length === 0) return;
  throw new CorpusError(
    `Expected columns of different names in "${path}" but it has several named ${
      listed(new Set(twice))
    }: rename all but one of each`,
  );
}
