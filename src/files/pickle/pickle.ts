/**
 * Python pickles, read as data. Nothing is imported or called: names are looked up in a short list, and what is on it is
 * done here. Memory stays within three times the file's size, whatever the file says.
 */
import { PickleMachine } from "./machine.ts";
import { scanPickle } from "./scan.ts";
import { PickleSource } from "./source.ts";
import type { PickleDialect, PickleValue } from "./values.ts";

export { NumpyArray, NumpyDtype } from "./numpy.ts";
export * from "./values.ts";

/**
 * Reads a pickle of protocols 2 to 5 as data. Admitted are None, bool, int (of 64 bits), float, str, bytes, tuple, list,
 * dict, set, NumPy arrays, scalars and dtypes of numbers, and objects of the classes `ep.discovery.dictionary.Dictionary`
 * and `Partition`.
 *
 * @param bytes The whole file. It must stay as it is while the result is used: texts and arrays are parts of it.
 * @param name What sentences call it, such as its path.
 * @param dialect What is admitted in the place of NumPy's names and these classes.
 * @throws {Error} A sentence: what is asked for and not admitted, where the file is damaged, or that it takes too much
 * memory.
 */
export function readPickle(bytes: Uint8Array, name: string, dialect?: PickleDialect): PickleValue {
  const source = new PickleSource(bytes, name, dialect);
  return new PickleMachine(source, scanPickle(source)).run();
}
