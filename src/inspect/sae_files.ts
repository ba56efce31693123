/** What is in files of sparse autoencoders, and of dictionaries that were exported as such. */
import { type DescribedSae, describedSae } from "../sae/described.ts";
import { gemmaScopeFiles, type SaeFiles } from "../sae/formats.ts";
import { safetensorsFile, type TensorFile, torchFile } from "../sae/tensor_file.ts";
import { isFile } from "../files/exists.ts";
import { outlineNpz } from "../files/npz.ts";
import { readSafetensors } from "../files/safetensors.ts";
import { tensorOf, toFloat32 } from "../files/tensor.ts";
import { wholeNumbersOfTensor } from "../files/whole_numbers.ts";
import { coherencesOf } from "../partition/means.ts";
import { tensorRows } from "./array_files.ts";
import { countingFacts, sourceFacts } from "./arrow_files.ts";
import { type Contents, type Json, told } from "./description.ts";
import { largestRegions, regionFacts } from "./regions.ts";

/** An `.npz` file. It is read whole: only so are its checksums compared. Damaged arrays are told beside the others. */
export async function describeNpz(path: string, rows: number): Promise<Contents> {
  const damaged = new Map<string, Error>();
  const tensors = await outlineNpz(path, {}, (name, error) => damaged.set(name, error));
  const [damage] = damaged.values();
  if (damage && tensors.size === 0) throw damage;
  const contents = await describeArrays(path, tensors, rows);
  if (!damage) return contents;
  console.warn(`inspect: ${damage.message}`);
  return { ...contents, facts: { ...contents.facts, damaged: [...damaged.keys()] } };
}

async function describeArrays(path: string, tensors: TensorFile["outline"], rows: number): Promise<Contents> {
  const regions = await describeRegions(gemmaScopeFiles(path).regions, rows);
  const [features, dim] = (tensors.get("W_dec") ?? tensors.get("w_dec"))?.shape ?? [];
  if (features === undefined || !tensors.has("b_dec")) return merged("arrays of NumPy", {}, tensors, regions);
  const facts = saeFacts(await describedSae(gemmaScopeFiles(path)), features, dim);
  return merged("sparse autoencoder (Gemma Scope)", facts, tensors, regions);
}

/** A `.safetensors` file; a regions file tells its regions too. */
export async function describeSafetensors(path: string, rows: number): Promise<Contents> {
  const { outline, metadata } = await readSafetensors(path, []);
  if (/^exemplar regions \d+$/.test(metadata.format)) {
    return merged("regions of an exported dictionary", {}, outline, await describeRegions(path, rows));
  }
  return merged("tensors (safetensors)", metadata, outline);
}

/** The formats of autoencoders, in words. */
const FORMATS = {
  "gemma-scope": "Gemma Scope",
  "gemma-scope-2": "Gemma Scope 2",
  "saelens": "SAELens",
  "sparsify": "sparsify",
  "dictionary-learning": "dictionary_learning",
} as const satisfies Record<SaeFiles["format"], string>;

/** A folder of an autoencoder, also of one that cannot be run here: `refusal` says why. */
export async function describeSae(files: SaeFiles, rows: number): Promise<Contents> {
  if (files.format === "gemma-scope") return await describeNpz(files.weights, rows);
  const file = files.format === "dictionary-learning"
    ? await torchFile(files.weights)
    : await safetensorsFile(files.weights);
  const facts = saeFacts(await describedSae(files), ...lengthsOf(file));
  const regions = files.format === "saelens" ? await describeRegions(files.regions, rows) : undefined;
  return merged(`sparse autoencoder (${FORMATS[files.format]})`, facts, file.outline, regions);
}

/** Number of features and length of an activation, as the encoder or decoder tells. */
function lengthsOf({ outline }: TensorFile): [features?: number, dim?: number] {
  const shape = (name: string) => outline.get(name)?.shape;
  const [dim, features] = shape("W_enc") ?? shape("w_enc") ?? shape("encoder.weight")?.toReversed() ??
    (shape("W_dec") ?? shape("w_dec"))?.toReversed() ?? [];
  return [features, dim];
}

function saeFacts(
  { architecture, k, source, refusal }: DescribedSae,
  features?: number,
  dim?: number,
): Record<string, Json> {
  const { model, hook, hookPoint, output } = source;
  return told({
    architecture,
    k,
    features,
    dim,
    model,
    // As a dictionary's is told, where the place is known.
    ...(hookPoint ? { layer: hookPoint.layer, hook: hookPoint.at } : { hook }),
    predicts: output && (output.hook ?? "another place, which is not told"),
    refusal,
  });
}

interface Regions {
  readonly facts: Record<string, Json>;
  readonly rows: Record<string, Json>[];
}

function merged(
  kind: string,
  facts: Record<string, Json>,
  tensors: TensorFile["outline"],
  regions?: Regions,
): Contents {
  return {
    kind: regions && !kind.startsWith("regions") ? `dictionary exported as ${kind}` : kind,
    facts: { ...facts, ...regions?.facts },
    tables: {
      tensors: tensorRows(tensors),
      ...(regions ? { "largest regions": regions.rows } : {}),
    },
  };
}

/** What the file beside an exported dictionary says; nothing where there is none. */
async function describeRegions(path: string, rows: number): Promise<Regions | undefined> {
  if (!await isFile(path)) return undefined;
  const names = ["sum", "count", "distance_sum", "first_batch"];
  const { tensors, metadata } = await readSafetensors(path, names);
  const [sum, count, distanceSum, firstBatch] = names.map((name) => tensorOf(tensors, name, path));
  const [counts, firstBatches] = [count, firstBatch].map((tensor) => {
    const numbers = wholeNumbersOfTensor(tensor);
    if (numbers) return numbers;
    throw new Error(`Cannot read ${path}: it has ${tensor.dtype} where whole numbers were expected. Export it again.`);
  });
  const dim = sum.shape[1];
  const figures = {
    counts,
    coherences: coherencesOf(toFloat32(sum), counts, dim),
    distanceSums: Float64Array.from(distanceSum.data as Float64Array),
    firstBatches,
  };
  const { basis, threshold, percentile, activations, batches, seed } = metadata;
  return {
    facts: {
      ...regionFacts(figures),
      dim,
      basis,
      p: JSON.parse(percentile) as Json,
      threshold: Number(threshold),
      activations: Number(activations),
      ...countingFacts(metadata),
      batches: Number(batches),
      seed: Number(seed),
      ...sourceFacts(metadata),
    },
    rows: largestRegions(figures, rows),
  };
}
