/** A region in the JSON of SAEDashboard (0.8), which Neuronpedia imports; its names are here and nowhere else. */
import { largest } from "../../compute/long_lists.ts";
import type { LensToken } from "../../model/types.ts";
import type { Bars } from "./value_histogram.ts";

/** Digits of values that are written; float32 has some seven. */
const DIGITS = 6;

/** Tokens around a context, with a value for each. */
export interface Sequence {
  readonly tokens: readonly string[];
  readonly values: ArrayLike<number>;
  /** Which of the tokens is the context's own. */
  readonly own: number;
}

/** What is shown of a region. */
export interface ShownRegion {
  readonly region: number;
  /** Share of the activations that are nearest to it, 0..1, and these activations' values. */
  readonly share: number;
  readonly bars: Bars;
  /** Nearest context first. */
  readonly sequences: readonly Sequence[];
  /** What the lens reads off its direction, and off the opposite one. */
  readonly most: readonly LensToken[];
  readonly least: readonly LensToken[];
  /** What was read: prompts, tokens of each at most, name of the texts. */
  readonly prompts: number;
  readonly context: number;
  readonly corpus: string;
}

/** What a file says before its features; they stand in the member `features`. */
export function dashboardHead(modelId: string, layer: number, set: string) {
  return { model_id: modelId, layer, sae_set: set, sae_id_suffix: null };
}

/** A region as a feature. What a dictionary has nothing for is empty, not left out: readers expect every member. */
export function dashboardFeature(shown: ShownRegion) {
  const { bars, sequences, most, least } = shown;
  const strongest = largest(sequences.map(({ values, own }) => values[own]));
  return {
    feature_index: shown.region,
    neuron_alignment_indices: [],
    neuron_alignment_values: [],
    neuron_alignment_l1: [],
    correlated_neurons_indices: [],
    correlated_neurons_l1: [],
    correlated_neurons_pearson: [],
    correlated_features_indices: [],
    correlated_features_l1: [],
    correlated_features_pearson: [],
    neg_str: least.map(({ token }) => token),
    neg_values: least.map(({ logit }) => rounded(-logit)),
    pos_str: most.map(({ token }) => token),
    pos_values: most.map(({ logit }) => rounded(logit)),
    frac_nonzero: rounded(shown.share),
    freq_hist_data_bar_values: bars.middles.map(rounded),
    freq_hist_data_bar_heights: bars.heights,
    logits_hist_data_bar_heights: [],
    logits_hist_data_bar_values: [],
    n_prompts_total: shown.prompts,
    n_tokens_in_prompt: shown.context,
    dataset: shown.corpus,
    decoder_weights_dist: [],
    activations: sequences.map(({ tokens, values, own }) => ({
      // As SAEDashboard has them for "top activations": of no interval.
      bin_min: -1,
      bin_max: rounded(strongest),
      bin_contains: -1,
      tokens,
      values: Array.from(values, rounded),
      qualifying_token_index: own,
    })),
    vector: [],
  };
}

function rounded(value: number): number {
  return Number(value.toPrecision(DIGITS));
}
