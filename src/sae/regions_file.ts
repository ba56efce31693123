import { readSafetensors, writeSafetensors } from "../files/safetensors.ts";
import { finiteFloatsOf, float32Tensor, type Tensor, tensorOf, type Tensors } from "../files/tensor.ts";
import { checksumOf, unprovenWarning } from "../files/checksum.ts";
import { type WholeNumbers, wholeNumbersOfTensor, wholeNumberTensor } from "../files/whole_numbers.ts";
import type { Backend } from "../compute/backend.ts";
import type { StreamSource } from "../activations/source.ts";
import { Contexts } from "../partition/contexts.ts";
import type { Basis, DictionaryParts } from "../partition/parts.ts";
import { RegionArrays } from "../partition/region_arrays.ts";

/** Kind and version of the file, in its metadata. */
const FORMAT = "exemplar regions 2";
/** Of before checksums. */
const FIRST_FORMAT = "exemplar regions 1";

/** Per-region numbers, by their names in the file. */
const NUMBERS = ["count", "founder", "first_batch", "distance_sum", "distance_square_sum"] as const;

/**
 * Writes what formats of sparse autoencoders have no place for: the sum of each region's member directions (`sum`,
 * `size x dim`), `count`, `founder`, `first_batch`, `distance_sum`, `distance_square_sum`, and the exemplars
 * (`exemplar`) unless they are the basis of the autoencoder. Threshold and the rest are strings of the file's metadata.
 *
 * @param exemplars, sums, decoder `size x dim`; the last is the autoencoder's, which the file must stay beside.
 */
export function writeRegions(
  path: string,
  { regions, calibration, seed, activations, beyond, foundedUntil, batches }: DictionaryParts,
  { exemplars, sums, decoder }: Record<"exemplars" | "sums" | "decoder", Float32Array<ArrayBuffer>>,
  basis: Basis,
): Promise<void> {
  const { size } = regions;
  const dim = calibration.center.length;
  const doubles = (data: Float64Array<ArrayBuffer>): Tensor => ({ dtype: "float64", shape: [size], data });
  const tensors: [string, Tensor][] = [
    ["sum", float32Tensor(sums, [size, dim])],
    ["count", wholeNumberTensor(regions.counts)],
    ["founder", wholeNumberTensor(regions.founders)],
    ["first_batch", wholeNumberTensor(regions.firstBatches)],
    ["distance_sum", doubles(regions.distanceSums)],
    ["distance_square_sum", doubles(regions.distanceSquareSums)],
  ];
  if (basis !== "exemplar") tensors.push(["exemplar", float32Tensor(exemplars, [size, dim])]);
  const { threshold, percentile = null, source = null } = calibration;
  return writeSafetensors(path, new Map(tensors), {
    format: FORMAT,
    decoder: decoderChecksum(decoder, calibration.center),
    basis,
    threshold: String(threshold),
    percentile: JSON.stringify(percentile),
    source: JSON.stringify(source),
    seed: String(seed),
    activations: String(activations),
    beyond: String(beyond),
    founded_until: String(foundedUntil),
    batches: String(batches),
  });
}

/**
 * The parts of a dictionary from its regions file and the autoencoder beside it. Contexts and sampled members are
 * empty: these files do not carry them.
 *
 * @param decoder The autoencoder's `W_dec`, and `center` its `b_dec`.
 * @throws {Error} A sentence if the file is missing, damaged, of another format, or not of that autoencoder.
 */
export async function readRegions(
  path: string,
  decoder: Float32Array<ArrayBuffer>,
  center: Float32Array<ArrayBuffer>,
  backend: Backend,
  onWarning: (sentence: string) => void = console.warn,
): Promise<DictionaryParts> {
  const { tensors, metadata } = await readSafetensors(path);
  if (metadata.format === FIRST_FORMAT) onWarning(unprovenWarning(path));
  else if (metadata.format !== FORMAT) {
    throw new Error(`Expected ${path} to be of the format "${FORMAT}" but found "${metadata.format}": export it again`);
  }
  if (metadata.format === FORMAT && metadata.decoder !== decoderChecksum(decoder, center)) {
    throw new Error(
      `Expected ${path} to lie beside the autoencoder that it is about but that was changed since, or is another's: ` +
        "export both again",
    );
  }
  const dim = center.length;
  const size = decoder.length / dim;
  const matrix = (name: string) => finiteFloatsOf(tensors, name, [size, dim], path);
  const exemplars = metadata.basis === "exemplar" ? decoder : matrix("exemplar");
  const numbers = Object.fromEntries(NUMBERS.map((name) => [name, numbersOf(tensors, name, size, path)]));
  const regions = new RegionArrays();
  for (let region = 0; region < size; region++) {
    if (!(numbers.count[region] >= 1)) {
      throw new Error(`Expected members of every region of ${path} but region ${region} has ${numbers.count[region]}`);
    }
    regions.restore({
      count: numbers.count[region],
      founder: numbers.founder[region],
      firstBatch: numbers.first_batch[region],
      sum: numbers.distance_sum[region],
      squareSum: numbers.distance_square_sum[region],
    });
  }
  assertUnit(exemplars, dim, path);
  const number = (name: string) => numberOf(metadata, name, path);
  const { percentile, source } = originOf(metadata, path);
  const seed = number("seed");
  return {
    backend,
    calibration: {
      center,
      threshold: number("threshold"),
      ...(percentile === null ? {} : { percentile }),
      ...(source === null ? {} : { source }),
    },
    seed,
    exemplars: backend.upload(exemplars, size, dim),
    sums: backend.upload(matrix("sum"), size, dim),
    regions,
    contexts: new Contexts(),
    activations: number("activations"),
    // Files of before dictionaries counted on when they founded no more have neither.
    beyond: metadata.beyond === undefined ? 0 : number("beyond"),
    foundedUntil: number(metadata.founded_until === undefined ? "activations" : "founded_until"),
    batches: number("batches"),
  };
}

function decoderChecksum(...arrays: Float32Array<ArrayBuffer>[]): string {
  return checksumOf(
    ...arrays.map(({ buffer, byteOffset, byteLength }) => new Uint8Array(buffer, byteOffset, byteLength)),
  );
}

function numberOf(metadata: Readonly<Record<string, string>>, name: string, path: string): number {
  const value = Number(metadata[name] ?? NaN);
  if (Number.isFinite(value)) return value;
  throw new Error(`Expected ${name} of ${path} to be a number but found ${metadata[name]}: export it again`);
}

function originOf(metadata: Readonly<Record<string, string>>, path: string) {
  try {
    const percentile = JSON.parse(metadata.percentile) as number | null;
    return { percentile, source: JSON.parse(metadata.source) as StreamSource | null };
  } catch (cause) {
    throw new Error(`Cannot read ${path}: its percentile or source is not JSON. Export it again.`, { cause });
  }
}

/** Tools that train or fold autoencoders change the lengths of their vectors; distances would then be no distances. */
function assertUnit(exemplars: Float32Array, dim: number, path: string): void {
  for (let from = 0; from < exemplars.length; from += dim) {
    const norm = Math.sqrt(exemplars.subarray(from, from + dim).reduce((sum, value) => sum + value * value, 0));
    if (Math.abs(norm - 1) > 1e-3) {
      throw new Error(
        `Expected exemplars of unit length, which ${path} is about, but region ${from / dim} has one of length ` +
          `${norm.toPrecision(4)}: the autoencoder was changed since it was exported`,
      );
    }
  }
}

function numbersOf(tensors: Tensors, name: string, size: number, path: string): WholeNumbers {
  const tensor = tensorOf(tensors, name, path);
  const numbers = wholeNumbersOfTensor(tensor);
  if (tensor.shape.join() === String(size) && numbers) return numbers;
  throw new Error(
    `Expected ${name} of ${path} to be ${size} numbers, one a region, but found ${tensor.dtype} of shape (${
      tensor.shape.join(", ")
    })`,
  );
}
