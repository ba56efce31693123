import { withCenter } from "../compute/with_center.ts";
import { readSafetensors } from "../files/safetensors.ts";
import { finiteFloatsOf, type Tensors } from "../files/tensor.ts";
import { saeLensFiles } from "./formats.ts";
import { parseSaeLensConfig, type SaeLensConfig } from "./lens_config.ts";
import { type SaeTensors, saeTensors, thresholdsOf } from "./tensors.ts";
import { positiveThresholds, SaeError, type SaeWeights } from "./weights.ts";

/**
 * Reads a sparse autoencoder of SAELens: a folder with `cfg.json` and `sae_weights.safetensors`. What the configuration
 * asks for at every step is folded into the weights once:
 *
 * - `apply_b_dec_to_input`: `b_enc - b_dec W_enc` for `b_enc`;
 * - `rescale_acts_by_decoder_norm`: `W_enc` and `b_enc` times, `W_dec` divided by the norms of the decoder's rows;
 * - `finetuning_scaling_factor`: the decoder's rows times their factor.
 *
 * @param folder The folder.
 * @throws {Error} A sentence if a file is missing or damaged, if the tensors do not fit the configuration, or if it
 * asks for what is not built here (gated, batch top-k, normalised or reshaped activations, tanh-relu).
 */
export async function readSaeLens(folder: string): Promise<SaeWeights> {
  const { config: configPath, weights: path } = saeLensFiles(folder);
  const config = parseSaeLensConfig(await readText(configPath), configPath);
  const { tensors } = await readSafetensors(path);
  const raw = saeTensors(tensors, path);
  assertLengths(raw, config, path);
  const { dim, size } = raw;
  const { encoder, encoderBias, decoder } = rescaled(raw, config, factorsOf(tensors, config, size, path));
  const jumps = config.architecture === "jumprelu" ? thresholdsOf(tensors, size, path) : undefined;
  return {
    architecture: config.architecture,
    dim,
    size,
    encoder,
    // With the encoder as it is rescaled by now: SAELens multiplies `(x - b_dec) W_enc + b_enc` by the norm as a whole.
    encoderBias: config.centred ? withCenter(encoder, encoderBias, raw.decoderBias) : encoderBias,
    thresholds: positiveThresholds(size, jumps),
    ...(config.k === undefined ? {} : { most: config.k }),
    decoder,
    decoderBias: raw.decoderBias,
    source: { path: folder, format: "saelens", ...config.source },
  };
}

function assertLengths({ dim, size }: SaeTensors, config: SaeLensConfig, path: string): void {
  if ((config.dim ?? dim) !== dim || (config.size ?? size) !== size) {
    throw new SaeError(
      `Expected weights of d_in ${config.dim ?? dim} and d_sae ${config.size ?? size}, as cfg.json says, but ${path} ` +
        `has ${dim} and ${size}.`,
    );
  }
  if ((config.k ?? 1) > size) {
    throw new SaeError(`Expected k of at most ${size}, the features of ${path}, but it is ${config.k}.`);
  }
}

/**
 * The factors of finetuning, if there are any: their tensor was called both ways, and was written when all are 1 too.
 */
function factorsOf(
  tensors: Tensors,
  { finetuned }: SaeLensConfig,
  size: number,
  path: string,
): Float32Array | undefined {
  const name = ["scaling_factor", "finetuning_scaling_factor"].find((name) => tensors.has(name));
  if (name === undefined) return undefined;
  const factors = finiteFloatsOf(tensors, name, [size], path);
  if (factors.every((factor) => factor === 1)) return undefined;
  if (finetuned) return factors;
  throw new SaeError(
    `Cannot run the autoencoder of ${path}: it has factors (${name}) but cfg.json sets no finetuning_scaling_factor. ` +
      "Set it to true if they belong to it.",
  );
}

/** The weights with the norms of the decoder's rows moved to the encoder, and the factors to the decoder. */
function rescaled(
  { dim, encoder, encoderBias, decoder }: SaeTensors,
  config: SaeLensConfig,
  factors: Float32Array | undefined,
): Pick<SaeTensors, "encoder" | "encoderBias" | "decoder"> {
  if (config.rescaled) {
    encoderBias.forEach((_, feature) => {
      const row = decoder.subarray(feature * dim, (feature + 1) * dim);
      const norm = Math.sqrt(row.reduce((squares, value) => squares + value * value, 0));
      encoderBias[feature] *= norm;
      for (let d = feature * dim; d < (feature + 1) * dim; d++) encoder[d] *= norm;
      // A feature without a direction adds nothing, whatever its value.
      if (norm > 0) { for (let d = 0; d < dim; d++) row[d] /= norm; }
    });
  }
  factors?.forEach((factor, feature) => {
    for (let d = feature * dim; d < (feature + 1) * dim; d++) decoder[d] *= factor;
  });
  return { encoder, encoderBias, decoder };
}

async function readText(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (cause) {
    const reason = cause instanceof Deno.errors.NotFound ? "there is no such file" : (cause as Error).message;
    throw new Error(`Cannot read ${path}: ${reason}.`, { cause });
  }
}
