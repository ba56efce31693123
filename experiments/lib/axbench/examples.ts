/** What is in the regions that were chosen. */
import type { AxBenchConcept, Excerpt } from "../../../src/activations/mod.ts";
import { lensTokens } from "../../../src/analysis/mod.ts";
import type { Backend } from "../../../src/compute/mod.ts";
import type { LanguageModel } from "../../../src/model/mod.ts";
import { tokenText } from "../../../src/report/mod.ts";
import { type Grown, withDictionary } from "./dictionaries.ts";
import type { Detection } from "./score.ts";

/** The region that was chosen for a concept. */
export interface Example {
  readonly concept: AxBenchConcept;
  readonly region: number;
  readonly members: number;
  readonly auroc: number;
  /** Largest tokens of the logit lens of its mean direction. */
  readonly tokens: readonly string[];
  /** Members nearest to the exemplar. */
  readonly contexts: readonly Excerpt[];
}

/** Contexts that are shown of each region. */
const CONTEXTS = 4;

/**
 * Looks up the chosen regions of one dictionary.
 *
 * @param chosen One detection a concept, all by regions of `grown`.
 */
export function examplesOf(
  model: LanguageModel,
  backend: Backend,
  grown: Grown,
  concepts: readonly AxBenchConcept[],
  chosen: readonly Detection[],
): Promise<Example[]> {
  const byId = new Map(concepts.map((concept) => [concept.id, concept]));
  return withDictionary(grown, backend, async (dictionary) => {
    const { dim, means } = dictionary;
    const directions = new Float32Array(chosen.length * dim);
    chosen.forEach(({ region }, i) => directions.set(means.subarray(region * dim, (region + 1) * dim), i * dim));
    const lens = await lensTokens(model, directions, chosen.length);
    return chosen.map(({ concept, region, auroc }, i) => ({
      concept: byId.get(concept)!,
      region,
      members: dictionary.memberCounts[region],
      auroc,
      tokens: lens[i].map(({ token }) => tokenText(token)),
      contexts: dictionary.nearestContexts(region).slice(0, CONTEXTS).map(({ excerpt }) => excerpt),
    }));
  });
}
