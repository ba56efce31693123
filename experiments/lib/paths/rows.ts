/** Result rows of `paths`. */
import { comparePaths, PATH_LAYER, PATH_STEP, type Trace } from "../../../src/analysis/mod.ts";
import type { Growth } from "../../../src/partition/mod.ts";
import { LAYER, number, oneOf, PERCENTILE, row, type RowOf, whole, words } from "../../../src/report/mod.ts";

const SEED = whole("of stream order and shuffled tokens");

/** One seed, percentile and layer. */
export const LAYER_PATH = row({
  seed: SEED,
  percentile: PERCENTILE,
  layer: LAYER,
  regions: whole("of the dictionary", { heading: "K" }),
  ...PATH_LAYER,
});

/** One seed, percentile and step from one layer to the next. */
export const STEP = row({
  seed: SEED,
  percentile: PERCENTILE,
  from: whole("layer that is left"),
  to: whole("layer that is entered"),
  ...PATH_STEP,
});

/** One token and layer of the shown prompt, in order or shuffled. */
export const TOKEN = row({
  order: oneOf(["in order", "shuffled"], "the prompt in order, or its tokens shuffled"),
  position: whole("of the token; <bos> is 0"),
  id: whole("of the token"),
  token: words("its text"),
  layer: LAYER,
  region: whole("of that layer's dictionary"),
  distance: number("cosine distance to its exemplar"),
  lens: words("logit lens of its mean direction, tabs between", { missing: "the lens cannot read the hook" }),
});

/** Rows of one seed, or of several. */
export interface PathRows {
  readonly layers: readonly RowOf<typeof LAYER_PATH>[];
  readonly steps: readonly RowOf<typeof STEP>[];
  /** How many ways the tokens take through all layers. */
  readonly counts: readonly {
    readonly seed: number;
    readonly percentile: number;
    readonly distinctPaths: number;
    readonly distinctPathsShuffled: number;
  }[];
}

/** Several orders' rows as one. */
export function joined(orders: readonly PathRows[]): PathRows {
  return {
    layers: orders.flatMap(({ layers }) => layers),
    steps: orders.flatMap(({ steps }) => steps),
    counts: orders.flatMap(({ counts }) => counts),
  };
}

/**
 * Compares paths in order with those of shuffled tokens at every percentile.
 *
 * @param inOrder By dictionary.
 * @param shuffled By dictionary.
 * @param places Of each token in order, its row among the shuffled ones.
 */
export function pathRows(
  seed: number,
  growths: readonly Growth[],
  inOrder: readonly Trace[],
  shuffled: readonly Trace[],
  places: readonly number[],
): PathRows {
  const byPercentile = Map.groupBy(growths.keys(), (i) => growths[i].percentile);
  return joined(Array.from(byPercentile, ([percentile, own]) => {
    const { layers, steps, distinct, distinctShuffled } = comparePaths(
      own.map((i) => inOrder[i].regions),
      own.map((i) => places.map((place) => shuffled[i].regions[place])),
    );
    const ownGrowths = own.map((i) => growths[i]);
    return {
      layers: layers.map((figures, i) => {
        return { seed, percentile, layer: ownGrowths[i].layer, regions: ownGrowths[i].dictionary.size, ...figures };
      }),
      steps: steps.map((figures, i) => ({
        seed,
        percentile,
        from: ownGrowths[i].layer,
        to: ownGrowths[i + 1].layer,
        ...figures,
      })),
      counts: [{ seed, percentile, distinctPaths: distinct, distinctPathsShuffled: distinctShuffled }],
    };
  }));
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
  /** By layer. */
  readonly traces: readonly Trace[];
}

/** The shown prompt's tokens by layer. */
export function tokenRows({ layers, lens, inOrder, shuffled }: ShownPath): RowOf<typeof TOKEN>[] {
  return [inOrder, shuffled].flatMap(({ ids, texts, traces }, i) =>
    ids.flatMap((id, token) =>
      layers.map((layer, l) => {
        const region = traces[l].regions[token];
        return {
          order: i === 0 ? "in order" as const : "shuffled" as const,
          position: token + 1,
          ...{ id, token: texts[token], layer, region, distance: traces[l].distances[token] },
          lens: lens[l].get(region)!.join("\t") || null,
        };
      })
    )
  );
}
