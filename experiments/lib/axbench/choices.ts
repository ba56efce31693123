import { DirectionSet, randomDirections, SELECTION_RULES } from "../../../src/analysis/mod.ts";
import type { Backend, Matrix } from "../../../src/compute/mod.ts";
import type { Basis } from "../../../src/partition/mod.ts";
import { type KeptDictionary, loadDictionary } from "../../../src/run/mod.ts";
import type { ConceptChoice } from "./rows.ts";

/**
 * What a concept's direction at one layer may be chosen from: both bases of every dictionary, and random directions and
 * random activations of the same numbers under the same rules.
 *
 * @param dictionaries Of the layer.
 * @param coresets Random activations, by the seed of the random directions beside them.
 * @param owner Takes the sets, to give them back.
 */
export async function conceptChoices(
  backend: Backend,
  dictionaries: readonly KeptDictionary[],
  coresets: ReadonlyMap<number, Matrix>,
  owner: DisposableStack,
): Promise<ConceptChoice[]> {
  const choices: ConceptChoice[] = [];
  const offer = (choice: Omit<ConceptChoice, "rule">) => {
    for (const rule of SELECTION_RULES) choices.push({ ...choice, rule });
  };
  const exemplars = new Map<string, DirectionSet>();
  let dim = 0;
  // The largest budget first: the exemplars of the smaller ones are its first.
  for (const kept of dictionaries.toSorted((a, b) => b.budget - a.budget)) {
    const { percentile, budget, tokens, seed, regions: size, file } = kept;
    using dictionary = await loadDictionary(file, backend);
    dim = dictionary.dim;
    const setOf = (basis: Basis) => owner.use(DirectionSet.upload(backend, dictionary.directions(basis), dim));
    const growth = `${percentile} ${seed}`;
    const common = { method: "regions", percentile, budget, tokens, seed, set: null, size } as const;
    offer({ ...common, basis: "mean", from: setOf("mean") });
    exemplars.set(growth, exemplars.get(growth) ?? setOf("exemplar"));
    offer({ ...common, basis: "exemplar", from: exemplars.get(growth)! });
  }
  const most = Math.max(...dictionaries.map(({ regions }) => regions));
  for (const [set, matrix] of coresets) {
    const random = owner.use(DirectionSet.upload(backend, randomDirections(most, dim, set), dim));
    const coreset = owner.use(new DirectionSet(matrix, await backend.download(matrix)));
    for (const { percentile, budget, tokens, seed, regions: size } of dictionaries) {
      const common = { percentile, budget, tokens, seed, set, basis: null };
      offer({ ...common, method: "random", from: random, size });
      offer({ ...common, method: "coreset", from: coreset, size: Math.min(size, coreset.size) });
    }
  }
  return choices;
}
