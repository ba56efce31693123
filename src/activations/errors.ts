import { visibleLines } from "../files/visible_text.ts";

/**
 * A corpus that cannot be read, or that has nothing to read. The message says where, and what to do.
 *
 * @example
 * ```ts
 * import { assertRejects } from "@std/assert";
 * import { readCorpus } from "./corpus.ts";
 *
 * const texts = readCorpus([{ words: "no field that is called text" }]);
 * await assertRejects(() => texts.next(), CorpusError, "words");
 * ```
 */
export class CorpusError extends Error {
  /** Tells it from other errors. */
  override name = "CorpusError";

  /** An error with this message; what it quotes of a file is made visible. */
  constructor(message: string, options?: ErrorOptions) {
    super(visibleLines(message), options);
  }
}

/**
 * Throws if two columns have one name: a row could hold one of them only.
 *
 * @param names In the file's order; columns without a name are nobody's.
 */
export function assertOwnNames(names: readonly string[], path: string): void {
  const twice = names.find((name, i) => name !== "" && names.indexOf(name) !== i);
  if (twice === undefined) return;
  throw new CorpusError(
    `Expected columns of different names but "${path}" has several that are called ${JSON.stringify(twice)}: rename ` +
      "all but one",
  );
}
