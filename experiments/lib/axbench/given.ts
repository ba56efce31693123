import type { Backend } from "../../../src/compute/mod.ts";
import type { HookSite, LanguageModel } from "../../../src/model/mod.ts";
import { ofSetting } from "../../../src/report/mod.ts";
import { givenDictionary } from "../../../src/run/mod.ts";
import type { Grown, GrownDictionaries } from "./dictionaries.ts";

/** Cosine of two centers that count as one: both calibrations are means over many activations. */
const SAME_CENTER = 1 - 1e-6;

/**
 * Dictionaries to choose from instead of growing them. All count as grown to `budget`; those of one layer and percentile
 * as stream orders, from `seed` on. All must be of one hook, at which the model is to be read.
 *
 * @param names See `loadDictionary`.
 * @throws {Error} if one is of another model, does not tell its percentile, or has another hook or center than the others.
 */
export async function givenDictionaries(
  names: readonly string[],
  { model, backend, seed, budget }: { model: LanguageModel; backend: Backend; seed: number; budget: number },
): Promise<GrownDictionaries & { readonly hook: HookSite }> {
  const grown: Grown[] = [];
  const centers = new Map<number, Float32Array<ArrayBuffer>>();
  let hook: HookSite | undefined;
  for (const file of names) {
    const dictionary = await givenDictionary(file, model, backend);
    const { percentile, center, activations: tokens, size: regions } = dictionary;
    const { layer, at } = dictionary.source!.hook;
    dictionary.dispose();
    hook ??= at;
    if (at !== hook) {
      throw new Error(
        `Expected dictionaries of one hook but ${file} is of ${at} and those before it are of ${hook}: give those of one ` +
          "of them",
      );
    }
    if (percentile === undefined) {
      throw new Error(`Expected a dictionary that tells its percentile but ${file} does not: save it with one`);
    }
    const known = centers.get(layer);
    if (known && cosine(center, known) < SAME_CENTER) {
      throw new Error(
        `Expected dictionaries of one calibration at layer ${layer} but the center of ${file} is another than that of ` +
          `${grown.find((one) => one.layer === layer)!.file}: give those of one of them`,
      );
    }
    centers.set(layer, known ?? center);
    const order = ofSetting(grown, { layer, percentile }).length;
    grown.push({ layer, percentile, seed: seed + order, budget, tokens, regions, file });
  }
  return { grown, centers, failed: [], hook: hook! };
}

function cosine(a: Float32Array, b: Float32Array): number {
  const dot = (x: Float32Array, y: Float32Array) => x.reduce((sum, value, i) => sum + value * y[i], 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}
