import { withCenter } from "../compute/with_center.ts";
import type { Normalization } from "./normalization.ts";
import type { TensorFile } from "./tensor_file.ts";
import { type SaeTensors, saeTensors, type TensorUse } from "./tensors.ts";
import { positiveThresholds, type SaeArchitecture, SaeError, type SaeSource, type SaeWeights } from "./weights.ts";

/** What an autoencoder computes, as its file says: the one form that all formats come down to. */
export interface SaeRecipe {
  /** How the features activate. */
  readonly architecture: SaeArchitecture;
  /** The k of the three kinds of top-k. */
  readonly k?: number;
  /** Length of an activation, if it is told. */
  readonly dim?: number;
  /** Number of features, if it is told. */
  readonly size?: number;
  /** Length of what is decoded, if it is told. */
  readonly outputDim?: number;
  /** Whether `b_dec` is taken from the activations before they are encoded. */
  readonly takesBias: boolean;
  /** Whether features have the norms of their decoder rows as factors: they compete by what they add to the output. */
  readonly rescaled: boolean;
  /** Whether the weights bring a factor for every feature's value, found by finetuning. */
  readonly finetuned: boolean;
  /** How activations are normalised one by one, if they are. */
  readonly normalization?: Normalization;
  /** Whether there must be a bias of what is predicted (`b_dec_out`), beside that of what is read. */
  readonly hasOutputBias?: boolean;
  /** Whether there must be a skip connection; one that is there is applied anyway. */
  readonly hasSkip?: boolean;
  /** Where it comes from and what it is of. */
  readonly source: SaeSource;
}

/**
 * Reads the tensors that a recipe asks for, and folds everything into them that it asks for.
 *
 * @param unused Tensors that the format has without a use for them in this recipe.
 * @throws {Error} A sentence if one is missing or damaged, if they do not fit the recipe, or if there are others that
 * could change what comes out.
 */
export async function readRecipe(
  recipe: SaeRecipe,
  file: TensorFile,
  unused: readonly string[] = [],
): Promise<SaeWeights> {
  const { architecture, finetuned, hasOutputBias = false, hasSkip = false } = recipe;
  const use = { kind: useOf(architecture), finetuned, hasOutputBias, hasSkip, unused };
  return foldedWeights(recipe, await saeTensors(file, use), file.path);
}

/** The kinds of tensors that an architecture needs. */
function useOf(architecture: SaeArchitecture): TensorUse["kind"] {
  switch (architecture) {
    case "jumprelu":
      return "thresholds";
    case "gated":
      return "gate";
    case "standard":
    case "topk":
    case "batchtopk":
    case "abstopk":
      return "plain";
    default:
      return architecture satisfies never;
  }
}

/**
 * The weights with everything folded in that a recipe asks for, so that the kernels know nothing of it:
 *
 * - gated: `pre > -b_gate` of `pre = x W_enc` is `pre exp(r_mag) + b_mag > b_mag - b_gate exp(r_mag)`, a threshold;
 * - `rescaled`: `W_enc` and `b_enc` times, `W_dec` divided by the norms of the decoder's rows;
 * - `finetuned`: the decoder's rows times their factors;
 * - `takesBias`: `b_enc - b_dec W_enc` for `b_enc`;
 * - a centred model: `(x - mean(x)) W` is `x` times `W` without its own mean over `dim`.
 *
 * @param tensors Are changed.
 * @param path Their file, for messages.
 * @throws {SaeError} A sentence if they do not fit the recipe.
 */
function foldedWeights(recipe: SaeRecipe, tensors: SaeTensors, path: string): SaeWeights {
  const { architecture, k, normalization, source } = recipe;
  const { dim, size, outputDim, encoder, decoder, decoderBias } = tensors;
  assertFits(recipe, tensors, path);
  const thresholds = tensors.gate ? gated(tensors, tensors.gate) : positiveThresholds(size, tensors.thresholds);
  let encoderBias = tensors.encoderBias;
  if (recipe.rescaled) rescale(tensors);
  tensors.factors?.forEach((factor, feature) => scaleRow(decoder, outputDim, feature, factor));
  // With the encoder as it is scaled by now: SAELens multiplies `(x - b_dec) W_enc + b_enc` by the norm as a whole.
  if (recipe.takesBias) encoderBias = withCenter(encoder, encoderBias, decoderBias);
  if (source.isCentred) {
    // In normalised activations the mean is missed where they are normalised.
    if (!normalization) withoutRowMeans(encoder, dim);
    if (tensors.skip) withoutRowMeans(tensors.skip, dim);
  }
  return {
    architecture,
    dim,
    size,
    ...(outputDim === dim ? {} : { outputDim }),
    encoder,
    encoderBias,
    thresholds,
    ...(k === undefined ? {} : { most: k }),
    decoder,
    decoderBias: tensors.outputBias ?? decoderBias,
    ...(normalization ? { normalization } : {}),
    ...(tensors.skip ? { skip: tensors.skip } : {}),
    source,
  };
}

function assertFits(recipe: SaeRecipe, { dim, size, outputDim }: SaeTensors, path: string): void {
  if ((recipe.dim ?? dim) !== dim || (recipe.size ?? size) !== size) {
    throw new SaeError(
      `Expected weights of d_in ${recipe.dim ?? dim} and d_sae ${
        recipe.size ?? size
      }, as its configuration says, but ` +
        `${path} has ${dim} and ${size}.`,
    );
  }
  if ((recipe.outputDim ?? outputDim) !== outputDim) {
    throw new SaeError(
      `Expected a decoder of d_out ${recipe.outputDim}, as its configuration says, but that of ${path} gives ${outputDim}.`,
    );
  }
  if (outputDim !== dim && (!recipe.source.output || (recipe.takesBias && !recipe.hasOutputBias))) {
    throw new SaeError(
      `Expected the decoder of ${path} to give vectors of length ${dim}, as the encoder takes, but they have ${outputDim}: ` +
        "say transcoder in its configuration if it is one.",
    );
  }
  if ((recipe.k ?? 1) > size) {
    throw new SaeError(`Expected k of at most ${size}, the features of ${path}, but it is ${recipe.k}.`);
  }
}

/** Scales the encoder by the magnitudes, and gives the gates as thresholds. */
function gated({ dim, size, encoder, encoderBias }: SaeTensors, gate: NonNullable<SaeTensors["gate"]>) {
  const thresholds = Float32Array.from({ length: size }, (_, feature) => {
    const magnitude = Math.exp(gate.logMagnitudes[feature]);
    scaleRow(encoder, dim, feature, magnitude);
    return encoderBias[feature] - gate.biases[feature] * magnitude;
  });
  return positiveThresholds(size, thresholds);
}

/** Moves the norms of the decoder's rows to the encoder. */
function rescale({ dim, outputDim, encoder, encoderBias, decoder }: SaeTensors): void {
  encoderBias.forEach((_, feature) => {
    const row = decoder.subarray(feature * outputDim, (feature + 1) * outputDim);
    const norm = Math.sqrt(row.reduce((squares, value) => squares + value * value, 0));
    encoderBias[feature] *= norm;
    scaleRow(encoder, dim, feature, norm);
    // A feature without a direction adds nothing, whatever its value.
    if (norm > 0) scaleRow(decoder, outputDim, feature, 1 / norm);
  });
}

function scaleRow(matrix: Float32Array, dim: number, row: number, factor: number): void {
  for (let d = row * dim; d < (row + 1) * dim; d++) matrix[d] *= factor;
}

function withoutRowMeans(matrix: Float32Array, dim: number): void {
  for (let start = 0; start < matrix.length; start += dim) {
    let mean = 0;
    for (let d = start; d < start + dim; d++) mean += matrix[d] / dim;
    for (let d = start; d < start + dim; d++) matrix[d] -= mean;
  }
}
