/**
 * What a dictionary was built under, in a small JSON file beside it, for people and for tools that drop the metadata of an
 * Arrow file, as pandas and polars do. The dictionary's own file says the same; nothing of ours reads this one to load it.
 */
import { removeIfThere } from "../files/remove.ts";
import { writeSealedJson } from "../files/sealed_json.ts";
import type { DictionaryParts } from "./parts.ts";

const FORMAT = "exemplar dictionary calibration 1";

/**
 * Where the center, threshold and source of a dictionary's file stand once more, as JSON.
 *
 * @param path The dictionary's file.
 *
 * @example
 * ```ts
 * const path = calibrationPath("results/L3-p10.arrow");
 * if (path !== "results/L3-p10.calibration.json") throw new Error(path);
 * ```
 */
export function calibrationPath(path: string): string {
  return `${path.replace(/\.arrow$/, "")}.calibration.json`;
}

/** What a dictionary says of itself, each as JSON has it: once declared, for the Arrow file's metadata and for the JSON. */
export function toldOf({ calibration, seed, activations, beyond, foundedUntil, batches, members }: DictionaryParts) {
  const { center, threshold, percentile, source } = calibration;
  return {
    dim: center.length,
    threshold,
    percentile: percentile ?? null,
    source: source ?? null,
    seed,
    activations,
    beyond,
    founded_until: foundedUntil,
    batches,
    members: members?.most ?? 0,
    // JSON spells numbers so that every bit of a float32 comes back.
    center: [...center],
  };
}

/** Writes what a dictionary says of itself. */
export function saveBeside(path: string, told: ReturnType<typeof toldOf>): Promise<void> {
  return writeSealedJson(calibrationPath(path), { format: FORMAT, ...told });
}

/** Removes what an earlier dictionary of the same name left. */
export function removeBeside(path: string): Promise<void> {
  return removeIfThere(calibrationPath(path));
}
