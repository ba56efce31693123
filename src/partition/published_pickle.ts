import { BUILTINS, NUMPY, PickleClass, type PickleDialect } from "../files/pickle/pickle.ts";

const DICTIONARY = new PickleClass("Dictionary");
const PARTITION = new PickleClass("Partition");

/** The classes' names now, and in dictionaries of before the first release. */
const NAMES = { Dictionary: DICTIONARY, Partition: PARTITION, ConceptLibrary: DICTIONARY, Concept: PARTITION };
/** The package was once called `cas`. */
const CLASSES = ["ep", "cas"].flatMap((root) =>
  Object.entries(NAMES).map(([name, of]) => [`${root}.discovery.dictionary.${name}`, of] as const)
);

/** What the pickles of published dictionaries may ask for. */
export const PUBLISHED: PickleDialect = {
  admits: "NumPy arrays and the classes Dictionary and Partition of published dictionaries",
  globals: new Map([...BUILTINS, ...NUMPY, ...CLASSES]),
};
