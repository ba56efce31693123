/** The directions that a concept's may be chosen from: regions, and as many random ones. */
import type { StreamBatch } from "../../../src/activations/mod.ts";
import { Coresets, DirectionSet, offerFirst, randomDirections, SELECTION_RULES } from "../../../src/analysis/mod.ts";
import type { Backend } from "../../../src/compute/mod.ts";
import type { Basis } from "../../../src/partition/mod.ts";
import { type KeptDictionary, loadDictionary } from "../../../src/run/mod.ts";
import type { ConceptChoice } from "./rows.ts";

/**
 * Random activations of a stream, several sets of them in one pass.
 *
 * @param centers Of the layers to draw at.
 * @param drawn `sets`: seeds; `size`: activations of a set at most; `activations`: those of the stream to draw from.
 * @param owner Takes the sets, to give them back.
 * @returns By layer, then seed.
 */
export async function drawCoresets(
  backend: Backend,
  stream: AsyncIterable<StreamBatch>,
  centers: ReadonlyMap<number, { readonly center: Float32Array<ArrayBuffer> }>,
  { sets, size, activations }: { sets: readonly number[]; size: number; activations: number },
  owner: DisposableStack,
): Promise<Map<number, Map<number, DirectionSet>>> {
  using drawing = new DisposableStack();
  const coresets = sets.map((seed) => drawing.use(new Coresets(backend, centers, size, seed)));
  await offerFirst(stream, coresets, activations);
  const byLayer = new Map<number, Map<number, DirectionSet>>();
  for (const layer of centers.keys()) {
    const bySeed = new Map<number, DirectionSet>();
    for (const own of coresets) {
      const matrix = own.take(layer, size);
      bySeed.set(own.seed, owner.use(new DirectionSet(matrix, await backend.download(matrix))));
    }
    byLayer.set(layer, bySeed);
  }
  return byLayer;
}

/**
 * What a concept's direction at one layer may be chosen from: both bases of every dictionary, and random directions and
 * random activations of the same numbers under the same rules.
 *
 * @param dictionaries Of the layer.
 * @param coresets Random activations, by the seed that random directions are drawn with beside them.
 * @param owner Takes the sets, to give them back.
 */
export async function conceptChoices(
  backend: Backend,
  dictionaries: readonly KeptDictionary[],
  coresets: ReadonlyMap<number, DirectionSet>,
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
  const most = Math.max(...dictionaries.map(({ regions: size }) => size));
  for (const [set, coreset] of coresets) {
    const random = owner.use(DirectionSet.upload(backend, randomDirections(most, dim, set), dim));
    for (const { percentile, budget, tokens, seed, regions: size } of dictionaries) {
      const common = { percentile, budget, tokens, seed, set, basis: null };
      offer({ ...common, method: "random", from: random, size });
      offer({ ...common, method: "coreset", from: coreset, size: Math.min(size, coreset.size) });
    }
  }
  return choices;
}
