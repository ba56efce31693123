/** What is in files of sparse autoencoders, and of dictionaries that were exported as such. */
import { gemmaScopeFiles, saeLensFiles } from "../sae/formats.ts";
import { gemmaScopePoint } from "../sae/gemma_scope.ts";
import { parseSaeLensConfig } from "../sae/lens_config.ts";
import { isFile } from "../files/exists.ts";
import { outlineNpz } from "../files/npz.ts";
import { readSafetensors, type Safetensors } from "../files/safetensors.ts";
import { tensorOf, toFloat32 } from "../files/tensor.ts";
import type { HookPoint } from "../model/types.ts";
import { coherencesOf } from "../partition/means.ts";
import { tensorRows } from "./array_files.ts";
import { sourceFacts } from "./arrow_files.ts";
import { type Contents, type Json, told } from "./description.ts";
import { largestRegions, regionFacts } from "./regions.ts";

/** An `.npz` file. It is read whole: only so are its checksums compared. */
export async function describeNpz(path: string, rows: number): Promise<Contents> {
  const tensors = await outlineNpz(path);
  const regions = await describeRegions(gemmaScopeFiles(path).regions, rows);
  const [features, dim] = (tensors.get("W_dec") ?? tensors.get("w_dec"))?.shape ?? [];
  if (features === undefined || !tensors.has("b_dec")) return merged("arrays of NumPy", {}, tensors, regions);
  const facts = { architecture: "jumprelu", features, dim, ...placeFacts(gemmaScopePoint(path)) };
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

/** A SAELens folder. */
export async function describeSaeLens(folder: string, rows: number): Promise<Contents> {
  const files = saeLensFiles(folder);
  const config = parseSaeLensConfig(await Deno.readTextFile(files.config), files.config);
  const { outline } = await readSafetensors(files.weights, []);
  const [features, dim] = outline.get("W_dec")?.shape ?? [];
  const { architecture, k, source: { hookPoint, ...source } } = config;
  const facts = told({ architecture, k, features, dim, ...source, ...placeFacts(hookPoint) });
  return merged(
    "sparse autoencoder (SAELens)",
    facts,
    outline,
    await describeRegions(files.regions, rows),
  );
}

/** A hook point as a dictionary's is told. */
function placeFacts(point?: HookPoint): Record<string, Json> {
  return point ? { layer: point.layer, hook: point.at } : {};
}

interface Regions {
  readonly facts: Record<string, Json>;
  readonly rows: Record<string, Json>[];
}

function merged(
  kind: string,
  facts: Record<string, Json>,
  tensors: Safetensors["outline"],
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
  const [counts, firstBatches] = [count, firstBatch].map(({ data }) => Int32Array.from(data as Int32Array));
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
      batches: Number(batches),
      seed: Number(seed),
      ...sourceFacts(metadata),
    },
    rows: largestRegions(figures, rows),
  };
}
