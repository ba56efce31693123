import type { Backend, BackendChoice } from "../compute/backend.ts";
import { openBackend } from "../compute/open.ts";

/** Options of a dictionary. */
export interface DictionaryOptions {
  /** Where it computes; default `"auto"`. */
  backend?: BackendChoice | Backend;
  /** Seed of the reservoirs; default 0. */
  seed?: number;
}

/** The backend that options ask for, opened if it is not yet. */
export async function backendOf({ backend = "auto" }: Pick<DictionaryOptions, "backend">): Promise<Backend> {
  return typeof backend === "string" ? await openBackend(backend) : backend;
}
