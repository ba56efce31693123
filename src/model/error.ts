/** A model that cannot be loaded, with a sentence that says why and what to do. */
export class ModelError extends Error {
  /** Tells it from other errors. */
  override name = "ModelError";
}
