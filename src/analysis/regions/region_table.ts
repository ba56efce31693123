import { assertSameModel } from "../../activations/source.ts";
import { assertOptions } from "../../compute/known_options.ts";
import type { LanguageModel, LensToken } from "../../model/types.ts";
import type { Context } from "../../partition/contexts.ts";
import type { Dictionary } from "../../partition/dictionary.ts";
import type { Basis } from "../../partition/parts.ts";
import { number, row, type RowOf, whole, words } from "../../report/row.ts";
import { contextText } from "../../report/token_text.ts";
import { lensTokens } from "./lens_tokens.ts";

/** A region as people read it. */
export interface RegionRow {
  /** Number in its dictionary. */
  readonly region: number;
  /** Members. */
  readonly count: number;
  /** Norm of the mean member direction, 0..1. */
  readonly coherence: number;
  /** Mean cosine distance of the members to the exemplar. */
  readonly meanDistance: number;
  /** Stream index of the founding activation. */
  readonly founder: number;
  /** What the logit lens reads off the region's direction, largest logit first; none where it cannot read the hook. */
  readonly lens: readonly LensToken[];
  /** Members nearest to the exemplar, nearest first. */
  readonly nearest: readonly Context[];
}

/**
 * Describes regions of a dictionary.
 *
 * @param model The model that the activations came from; its final norm and unembedding are the lens, which reads
 * directions of the residual stream and of what is added to it, no others.
 * @param options `basis` (default `"mean"`): the direction that is read; `k` (default 5): tokens of the lens;
 * `regions`: which, in which order, some perhaps several times; default all.
 * @throws {RangeError} if there is no such region.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { atLayer, extract } from "../../activations/mod.ts";
 * import { loadModel } from "../../model/mod.ts";
 * import { Dictionary } from "../../partition/mod.ts";
 *
 * await using model = await loadModel("fixtures/gemma-2-toy", { device: "cpu" });
 * const calibration = { center: new Float32Array(model.dim), threshold: 0.3 };
 * using dictionary = await Dictionary.create(calibration, { backend: "cpu" });
 * const texts = ["The king and the queen", "The king and the war"];
 * const stream = extract(model, texts, { layers: [3], context: 8 });
 * for await (const batch of atLayer(stream, 3)) await dictionary.add(batch);
 *
 * const [king] = await describeRegions(dictionary, model, { regions: [1], k: 1 });
 * // The lens reads the token that might follow: a kingdom.
 * assertEquals([king.count, king.nearest[0].excerpt.token, king.lens[0].token], [2, " king", "dom"]);
 * ```
 */
export async function describeRegions(
  dictionary: Dictionary,
  model: LanguageModel,
  options: { basis?: Basis; k?: number; regions?: readonly number[] } = {},
): Promise<RegionRow[]> {
  assertOptions("describeRegions", options, { basis: "string", k: "number", regions: "numbers" });
  const { basis = "mean", k = 5 } = options;
  const { source } = dictionary;
  if (source) assertSameModel(source, model, "give that model, whose lens reads what its regions mean");
  const { size, dim, memberCounts, coherences, distanceSums, founders } = dictionary;
  const regions = options.regions ?? Array.from({ length: size }, (_, region) => region);
  const wrong = regions.find((region) => !Number.isInteger(region) || region < 0 || region >= size);
  if (wrong !== undefined) throw new RangeError(`Expected regions of 0 to ${size - 1} but found ${wrong}`);
  const all = dictionary.directions(basis);
  const directions = new Float32Array(regions.length * dim);
  regions.forEach((region, i) => directions.set(all.subarray(region * dim, (region + 1) * dim), i * dim));
  const lens = await lensTokens(model, directions, regions.length, k, dictionary.source?.hook.at);
  return regions.map((region, i) => ({
    region,
    count: memberCounts[region],
    coherence: coherences[region],
    meanDistance: distanceSums[region] / memberCounts[region],
    founder: founders[region],
    lens: lens[i],
    nearest: dictionary.nearestContexts(region),
  }));
}

/**
 * What tables hold of a region.
 *
 * @internal
 */
export const REGION_FIGURES = row({
  region: whole("number in its dictionary"),
  members: whole("activations"),
  coherence: number("norm of the mean member direction, 0..1"),
  meanDistance: number("of members to the exemplar", { unit: "cosine distance" }),
  founder: whole("stream index of the exemplar"),
  logitLens: words("largest tokens of the mean direction", { missing: "the lens cannot read the hook" }),
  nearestContext: words("member nearest to the exemplar, its token between [[ and ]]", { missing: "none was kept" }),
});

/**
 * A region as a row of {@linkcode REGION_FIGURES}.
 *
 * @example
 * ```ts
 * const region = { region: 0, count: 2, coherence: 0.9, meanDistance: 0.05, founder: 3, nearest: [] };
 * const { members, logitLens } = regionFigures({ ...region, lens: [{ token: " a", id: 5, logit: 2 }] });
 * if (members !== 2 || logitLens !== " a") throw new Error(`${members} ${logitLens}`);
 * ```
 */
export function regionFigures(
  { region, count: members, coherence, meanDistance, founder, lens, nearest }: RegionRow,
): RowOf<typeof REGION_FIGURES> {
  return {
    ...{ region, members, coherence, meanDistance, founder },
    logitLens: lens.length > 0 ? lens.map(({ token }) => token).join(" | ") : null,
    nearestContext: nearest.length > 0 ? contextText(nearest[0].excerpt) : null,
  };
}
