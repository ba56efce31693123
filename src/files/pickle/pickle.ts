/**
 * Python pickles, read as data. Nothing is imported or called: names are looked up in a short list, and what is on it is
 * done here. Memory stays within three times the file's size, of small files within some 32 MiB, whatever the file says.
 */
import type { PickleDialect } from "./dialect.ts";
import { PickleMachine } from "./machine.ts";
import { scanPickle } from "./scan.ts";
import { PickleSource } from "./source.ts";
import type { PickleValue } from "./values.ts";

export { BUILTINS } from "./builtins.ts";
export type { PickleDialect } from "./dialect.ts";
export { pickleLength } from "./scan.ts";
export { NUMPY, NumpyArray, NumpyDtype } from "./numpy.ts";
export * from "./values.ts";

/**
 * Reads a pickle of protocols 2 to 5 as data. Admitted are None, bool, int (of 64 bits), float, str, bytes, tuple, list,
 * dict, set, and what the dialect names.
 *
 * @param bytes The whole pickle. It must stay as it is while the result is used: texts and arrays are parts of it.
 * @param name What sentences call it, such as its path.
 * @param dialect What else is admitted.
 * @param fileBytes Bytes of the file that it is in, default its own: what memory it may take is told by them.
 * @throws {Error} A sentence: what is asked for and not admitted, where the file is damaged, or that it takes too much
 * memory.
 */
export function readPickle(
  bytes: Uint8Array,
  name: string,
  dialect: PickleDialect,
  fileBytes: number = bytes.length,
): PickleValue {
  const { admits, persistent } = dialect;
  const source = new PickleSource(bytes, name, { admits, hasOutside: persistent !== undefined }, fileBytes);
  return new PickleMachine(source, dialect, scanPickle(source)).run();
}
