/** A corpus that cannot be read, or that has nothing to read. The message says where, and what to do. */
export class CorpusError extends Error {
  override name = "CorpusError";
}
