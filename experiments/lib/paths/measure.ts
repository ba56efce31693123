/** The regions that tokens pass from layer to layer, and what is read off them. */
import { batchAt, extract } from "../../../src/activations/mod.ts";
import {
  agreement,
  coincidence,
  distinctPaths,
  lensTokens,
  type Togetherness,
  togetherness,
} from "../../../src/analysis/mod.ts";
import type { Backend } from "../../../src/compute/mod.ts";
import type { LanguageModel } from "../../../src/model/mod.ts";
import type { Growth } from "../../../src/partition/mod.ts";

/** Tokens that are read off a region. */
const LENS_TOKENS = 5;

/** What tokens are traced through. */
export interface Tracing {
  readonly backend: Backend;
  readonly model: LanguageModel;
  readonly growths: readonly Growth[];
  /** Tokens that a prompt is cut to. */
  readonly context: number;
}

/** A prompt as token ids, `<bos>` first. */
export interface TokenPrompt {
  readonly id: string;
  readonly tokens: ArrayLike<number>;
}

/** Paths at one percentile. */
export interface PathsMeasured {
  readonly seed: number;
  readonly percentile: number;
  readonly layers: readonly number[];
  /** Regions of each layer's dictionary. */
  readonly sizes: readonly number[];
  /** Tokens that were followed. */
  readonly tokens: number;
  /** By layer: share of tokens in the same region in their context as in a shuffled one. */
  readonly agreement: readonly number[];
  /** By layer: share of pairs of tokens in one region, which is the agreement of tokens that are confused. */
  readonly chance: readonly number[];
  /** By step from a layer to the next, in order and shuffled. */
  readonly together: readonly Togetherness[];
  readonly togetherShuffled: readonly Togetherness[];
  /** Paths that differ somewhere. */
  readonly distinct: number;
  readonly distinctShuffled: number;
}

/** Follows prompts and the same ones with shuffled tokens through the dictionaries of every percentile. */
export async function measurePaths(
  seed: number,
  tracing: Tracing,
  prompts: readonly TokenPrompt[],
  shuffled: readonly TokenPrompt[],
): Promise<PathsMeasured[]> {
  const inOrder = await trace(tracing, prompts);
  const outOfOrder = await trace(tracing, shuffled);
  const places = samePlaces(prompts, shuffled);
  return [...Map.groupBy(tracing.growths.keys(), (i) => tracing.growths[i].percentile)].map(([percentile, indices]) => {
    const paths = indices.map((i) => inOrder[i].regions);
    const others = indices.map((i) => places.map((place) => outOfOrder[i].regions[place]));
    return {
      seed,
      percentile,
      layers: indices.map((i) => tracing.growths[i].layer),
      sizes: indices.map((i) => tracing.growths[i].dictionary.size),
      tokens: places.length,
      agreement: agreement(paths, others),
      chance: paths.map(coincidence),
      together: togetherness(paths),
      togetherShuffled: togetherness(others),
      distinct: distinctPaths(paths),
      distinctShuffled: distinctPaths(others),
    };
  });
}

/** A prompt's tokens on their way, at one percentile. */
export interface ShownPath {
  readonly percentile: number;
  readonly layers: readonly number[];
  readonly inOrder: ShownTokens;
  readonly shuffled: ShownTokens;
  /** By layer and region: the first tokens of the logit lens, mean basis. */
  readonly lens: readonly ReadonlyMap<number, readonly string[]>[];
}

/** The tokens of a prompt, without `<bos>`. */
export interface ShownTokens {
  readonly ids: readonly number[];
  readonly texts: readonly string[];
  /** By layer, the region of each and its distance to the exemplar. */
  readonly regions: readonly (readonly number[])[];
  readonly distances: readonly (readonly number[])[];
}

/** Follows one prompt, and reads with the logit lens the regions that it passes. */
export async function showPath(
  tracing: Tracing,
  percentile: number,
  prompt: TokenPrompt,
  shuffled: TokenPrompt,
): Promise<ShownPath> {
  const { model } = tracing;
  const growths = tracing.growths.filter((growth) => growth.percentile === percentile);
  const show = async ({ id, tokens }: TokenPrompt): Promise<ShownTokens> => {
    const traces = await trace({ ...tracing, growths }, [{ id, tokens }]);
    const ids = Array.from(tokens).slice(1);
    return {
      ids,
      texts: ids.map((token) => model.decode([token], { skipSpecial: false })),
      regions: traces.map(({ regions }) => regions),
      distances: traces.map(({ distances }) => distances),
    };
  };
  const [inOrder, outOfOrder] = [await show(prompt), await show(shuffled)];
  const lens: Map<number, string[]>[] = [];
  for (const [i, { dictionary: { means, dim } }] of growths.entries()) {
    const passed = [...new Set([...inOrder.regions[i], ...outOfOrder.regions[i]])];
    const directions = passed.flatMap((region) => [...means.subarray(region * dim, (region + 1) * dim)]);
    const tokens = await lensTokens(model, Float32Array.from(directions), passed.length, LENS_TOKENS);
    lens.push(new Map(passed.map((region, at) => [region, tokens[at].map(({ token }) => token)])));
  }
  return { percentile, layers: growths.map(({ layer }) => layer), inOrder, shuffled: outOfOrder, lens };
}

/** Region and distance of every token but `<bos>`, in the prompts' order, for each dictionary. */
async function trace({ backend, model, growths, context }: Tracing, prompts: readonly TokenPrompt[]) {
  const traces = growths.map(() => ({ regions: [] as number[], distances: [] as number[] }));
  const layers = growths.map(({ layer }) => layer);
  for await (const streamed of extract(model, prompts, { layers, backend, context })) {
    for (const [i, { layer, dictionary }] of growths.entries()) {
      const { regions, distances } = await dictionary.assign(batchAt(streamed, layer));
      for (const region of regions) traces[i].regions.push(region);
      for (const distance of distances) traces[i].distances.push(distance);
    }
    streamed.dispose();
  }
  return traces;
}

/**
 * Where each token of prompts stands in the shuffled ones, `<bos>` not counted: the n-th of equal tokens of a prompt is
 * taken for the n-th.
 */
export function samePlaces(prompts: readonly TokenPrompt[], shuffled: readonly TokenPrompt[]): number[] {
  let start = 0;
  return prompts.flatMap(({ tokens }, i) => {
    const places = new Map<number, number[]>();
    Array.from(shuffled[i].tokens).slice(1).forEach((token, at) => {
      places.set(token, [...places.get(token) ?? [], start + at]);
    });
    start += tokens.length - 1;
    return Array.from(tokens).slice(1).map((token) => places.get(token)!.shift()!);
  });
}
