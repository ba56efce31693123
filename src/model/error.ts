import { visibleLines } from "../files/visible_text.ts";

/**
 * A model that cannot be loaded, with a sentence that says why and what to do.
 *
 * @example
 * ```ts
 * import { assertRejects } from "@std/assert";
 * import { loadModel } from "./load.ts";
 *
 * await assertRejects(() => loadModel("fixtures/corpora", { device: "cpu" }), ModelError, "fixtures/corpora");
 * ```
 */
export class ModelError extends Error {
  /** Tells it from other errors. */
  override name = "ModelError";

  /** An error with this message; what it quotes of a file is made visible. */
  constructor(message: string, options?: ErrorOptions) {
    super(visibleLines(message), options);
  }
}
