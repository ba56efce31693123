import type { Backend, BackendChoice } from "../compute/backend.ts";
import type { OptionKinds } from "../compute/known_options.ts";

/** Options of a dictionary. */
export interface DictionaryOptions {
  /** Where it computes; default `"auto"`. */
  backend?: BackendChoice | Backend;
  /** Seed of the samples of members; default 0. */
  seed?: number;
  /** Member directions to keep a region, a uniform sample of them all in 16-bit floats; default 0. */
  members?: number;
}

/** The kinds of {@linkcode DictionaryOptions}. */
export const DICTIONARY_OPTIONS: OptionKinds<DictionaryOptions> = {
  backend: ["string", "backend"],
  seed: "number",
  members: "number",
};
