/** A corpus that cannot be read, or that has nothing to read. The message says where, and what to do. */
export class CorpusError extends Error {
  /** Tells it from other errors. */
  override name = "CorpusError";
}
