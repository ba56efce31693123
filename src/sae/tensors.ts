import { finiteFloatsOf, tensorOf, type Tensors, toFloat32 } from "../files/tensor.ts";
import { transposed } from "../compute/transposed.ts";
import { assertNoOthers } from "./other_tensors.ts";
import type { TensorFile } from "./tensor_file.ts";
import { SaeError } from "./weights.ts";

/** The tensors of a sparse autoencoder, whatever its file calls them. */
export interface SaeTensors {
  /** Length of an activation. */
  readonly dim: number;
  /** Number of features. */
  readonly size: number;
  /** Length of what is decoded. */
  readonly outputDim: number;
  /** `W_enc`, `size x dim`: a feature is a row. */
  readonly encoder: Float32Array<ArrayBuffer>;
  /** `b_enc`, of a gated one `b_mag`, length `size`. */
  readonly encoderBias: Float32Array<ArrayBuffer>;
  /** `W_dec`, `size x outputDim`. */
  readonly decoder: Float32Array<ArrayBuffer>;
  /** `b_dec`, length `outputDim`, or `dim` where there is an `outputBias`. */
  readonly decoderBias: Float32Array<ArrayBuffer>;
  /** `b_dec_out` of the first transcoders, length `outputDim`: `b_dec` is of what they read. */
  readonly outputBias?: Float32Array<ArrayBuffer>;
  /** Length `size`; may be infinite, for features that never activate. */
  readonly thresholds?: Float32Array<ArrayBuffer>;
  /** `b_gate` and `r_mag` of a gated one, length `size` each. */
  readonly gate?: { readonly biases: Float32Array; readonly logMagnitudes: Float32Array };
  /** Factors of finetuning, length `size`. */
  readonly factors?: Float32Array;
  /** `W_skip`, `outputDim x dim`. */
  readonly skip?: Float32Array<ArrayBuffer>;
}

/** Names of each tensor: of Gemma Scope, SAELens, sparsify and dictionary_learning. */
const NAMES = {
  encoder: ["W_enc", "w_enc"],
  // PyTorch's linear layers have a row an output.
  encoderRows: ["encoder.weight"],
  encoderBias: ["b_enc", "encoder.bias"],
  decoder: ["W_dec", "w_dec"],
  decoderColumns: ["decoder.weight"],
  decoderBias: ["b_dec", "bias", "decoder_bias", "decoder.bias"],
  outputBias: ["b_dec_out"],
  thresholds: ["threshold"],
  logThresholds: ["log_threshold"],
  gateBias: ["b_gate", "gate_bias"],
  magnitudeBias: ["b_mag", "mag_bias"],
  logMagnitudes: ["r_mag"],
  factors: ["scaling_factor", "finetuning_scaling_factor"],
  skip: ["W_skip"],
  turnedSkip: ["affine_skip_connection"],
} as const;

type Role = keyof typeof NAMES;

/** Which kinds of tensors a recipe has a use for, beside encoder, decoder and their biases. */
export interface TensorUse {
  /** `thresholds`: as JumpReLU has them. `gate`: biases and magnitudes instead of `b_enc`. `plain`: neither. */
  readonly kind: "plain" | "thresholds" | "gate";
  /** Whether factors of finetuning are applied; without, they must all be 1. */
  readonly finetuned: boolean;
  /** Whether there is `b_dec_out`. */
  readonly hasOutputBias: boolean;
  /** Whether a skip connection must be there. */
  readonly hasSkip: boolean;
  /** Tensors that the format has without a use for them here. */
  readonly unused?: readonly string[];
}

/**
 * Reads the tensors that an autoencoder is made of, and no others.
 *
 * @throws {Error} A sentence if one is missing, of another shape or not finite, or if there is one that could change the
 * numbers and is not applied here.
 */
export async function saeTensors(file: TensorFile, use: TensorUse): Promise<SaeTensors> {
  const { path, outline } = file;
  const names = new Map(
    rolesOf(use).flatMap((role) => {
      const name = NAMES[role].find((name) => outline.has(name));
      return name === undefined ? [] : [[role, name] as const];
    }),
  );
  const named = { tensors: await file.read([...names.values()]), names, path };

  const { encoder, dim, size } = encoderOf(named);
  const decoder = decoderOf(named, size, dim);
  const outputDim = decoder.length / size;
  assertNoOthers(file, new Set([...names.values(), ...(use.unused ?? [])]), [dim, size, outputDim]);
  const vector = (role: Role, length: number) => vectorOf(named, role, length);
  const skip = skipOf(named, use.hasSkip, outputDim, dim);
  const factors = names.has("factors")
    ? factorsOf(vector("factors", size), use.finetuned, nameOf(named, "factors"), path)
    : undefined;
  return {
    dim,
    size,
    outputDim,
    encoder,
    encoderBias: vector(use.kind === "gate" ? "magnitudeBias" : "encoderBias", size),
    decoder,
    decoderBias: vector("decoderBias", use.hasOutputBias ? dim : outputDim),
    ...(use.hasOutputBias ? { outputBias: vector("outputBias", outputDim) } : {}),
    ...(use.kind === "thresholds" ? { thresholds: thresholdsOf(named, size) } : {}),
    ...(use.kind === "gate"
      ? { gate: { biases: vector("gateBias", size), logMagnitudes: vector("logMagnitudes", size) } }
      : {}),
    ...(factors ? { factors } : {}),
    ...(skip ? { skip } : {}),
  };
}

/** The tensors that are read, and what the file calls each of those that it has. */
interface Named {
  readonly tensors: Tensors;
  readonly names: ReadonlyMap<Role, string>;
  readonly path: string;
}

/** What the file calls a tensor, or the name under which it is missed. */
function nameOf({ names }: Named, role: Role): string {
  return names.get(role) ?? NAMES[role][0];
}

/** The tensors that there is a use for. */
function rolesOf({ kind, hasOutputBias }: TensorUse): Role[] {
  const common: Role[] = ["encoder", "encoderRows", "decoder", "decoderColumns", "decoderBias", "factors"];
  return [
    ...common,
    "skip",
    "turnedSkip",
    ...(hasOutputBias ? ["outputBias" as const] : []),
    ...(kind === "gate" ? ["gateBias", "magnitudeBias", "logMagnitudes"] as const : ["encoderBias" as const]),
    ...(kind === "thresholds" ? ["thresholds", "logThresholds"] as const : []),
  ];
}

function encoderOf(named: Named) {
  const { tensors, names, path } = named;
  const isByRows = names.has("encoderRows");
  const name = nameOf(named, isByRows ? "encoderRows" : "encoder");
  const { shape } = tensorOf(tensors, name, path);
  if (shape.length !== 2 || shape[0] < 1 || shape[1] < 1) {
    const order = isByRows ? "features x dim" : "dim x features";
    throw new SaeError(`Expected ${name} of ${path} to be ${order} but its shape is (${shape.join(", ")}).`);
  }
  const values = finiteFloatsOf(tensors, name, shape, path);
  const [dim, size] = isByRows ? [shape[1], shape[0]] : shape;
  return { dim, size, encoder: isByRows ? values : transposed(values, dim, size) };
}

/** The decoder, a row a feature. A transcoder's may be of another length than what it reads: as many as its rows say. */
function decoderOf(named: Named, size: number, dim: number): Float32Array<ArrayBuffer> {
  const { tensors, names, path } = named;
  const isByColumns = names.has("decoderColumns");
  const name = nameOf(named, isByColumns ? "decoderColumns" : "decoder");
  const { shape } = tensorOf(tensors, name, path);
  const byRow = isByColumns ? shape.toReversed() : shape;
  const length = byRow.length === 2 && byRow[0] === size ? byRow[1] : dim;
  const values = finiteFloatsOf(tensors, name, isByColumns ? [length, size] : [size, length], path);
  return isByColumns ? transposed(values, length, size) : values;
}

/** The skip connection, `outputDim x dim`, if there is one. */
function skipOf(
  named: Named,
  isNeeded: boolean,
  outputDim: number,
  dim: number,
): Float32Array<ArrayBuffer> | undefined {
  const { tensors, names, path } = named;
  const turned = names.get("turnedSkip");
  if (turned !== undefined) {
    return transposed(finiteFloatsOf(tensors, turned, [dim, outputDim], path), dim, outputDim);
  }
  if (!names.has("skip") && !isNeeded) return undefined;
  return finiteFloatsOf(tensors, nameOf(named, "skip"), [outputDim, dim], path);
}

/** A vector, which some converters write as a matrix of one row. */
function vectorOf(named: Named, role: Role, length: number): Float32Array<ArrayBuffer> {
  const { tensors, path } = named;
  const name = nameOf(named, role);
  const isRow = tensorOf(tensors, name, path).shape.join() === `1,${length}`;
  return finiteFloatsOf(tensors, name, isRow ? [1, length] : [length], path);
}

/**
 * A threshold a feature, or one for all. They may be infinite, for features that never activate, but not NaN. JumpReLU is
 * trained on their logarithms, which some files have instead.
 */
function thresholdsOf(named: Named, size: number): Float32Array<ArrayBuffer> {
  const { tensors, names, path } = named;
  const isLogarithm = names.has("logThresholds") && !names.has("thresholds");
  const name = nameOf(named, isLogarithm ? "logThresholds" : "thresholds");
  const tensor = tensorOf(tensors, name, path);
  const isOne = tensor.shape.every((length) => length === 1);
  if (!isOne && ![`${size}`, `1,${size}`].includes(tensor.shape.join())) {
    throw new SaeError(
      `Expected ${name} of ${path} to have the shape (${size}) but found (${tensor.shape.join(", ")}).`,
    );
  }
  const values = toFloat32(tensor);
  const thresholds = Float32Array.from({ length: size }, (_, feature) => {
    const value = values[isOne ? 0 : feature];
    return isLogarithm ? Math.exp(value) : value;
  });
  const bad = thresholds.findIndex(Number.isNaN);
  if (bad >= 0) {
    throw new SaeError(`Expected thresholds in ${path} but that of feature ${bad} is NaN: get the file anew`);
  }
  return thresholds;
}

/** The factors of finetuning, if there are any: their tensor was written when all are 1 too. */
function factorsOf(
  factors: Float32Array,
  finetuned: boolean,
  name: string,
  path: string,
): Float32Array | undefined {
  if (factors.every((factor) => factor === 1)) return undefined;
  if (finetuned) return factors;
  throw new SaeError(
    `Cannot run the autoencoder of ${path}: it has factors (${name}) but cfg.json sets no finetuning_scaling_factor. ` +
      "Set it to true if they belong to it.",
  );
}
