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
