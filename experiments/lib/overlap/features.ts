/** Where the features of an SAE fire. */
import { activeFirings } from "../../../src/analysis/firing_features.ts";
import { StrongestFirings } from "../../../src/analysis/firing_strongest.ts";
import { readSae, type Sae } from "../../../src/analysis/sae.ts";
import type { Backend } from "../../../src/compute/backend.ts";
import type { SparseFeatures } from "../../../src/compute/sparse.ts";
import type { LanguageModel } from "../../../src/model/types.ts";
import { UsageError } from "../flags.ts";
import type { Heldout } from "./heldout.ts";
import type { FeatureFirings } from "./measure.ts";

/**
 * Reads the SAE that `--sae` names.
 *
 * @throws {UsageError} If its file says that it reads another layer than `layer`, or its activations are not as long as the model's.
 */
export async function openSae(path: string, backend: Backend, model: LanguageModel, layer: number): Promise<Sae> {
  const sae = await readSae(path, { backend });
  const { hook, layer: own } = sae.source;
  if (own === undefined ? hook !== undefined : own !== layer) {
    throw new UsageError(
      `Expected an SAE of the residual stream after layer ${layer} but ${path} reads ${
        own === undefined ? hook : `layer ${own}`
      }: ` + (own === undefined ? "name another with --sae" : `give --layers ${own}`),
    );
  }
  if (sae.dim !== model.dim) {
    throw new UsageError(
      `Expected an SAE of activations of length ${model.dim}, as ${model.id} has, but ${path} takes ${sae.dim}: ` +
        "name another with --sae",
    );
  }
  return sae;
}

/**
 * Encodes the held-out activations: a feature fires where it is active.
 *
 * @param k Tokens of each feature's largest activations to keep.
 * @param onBatch Called with the activations of every batch that is done.
 */
export async function featureFirings(
  sae: Pick<Sae, "size" | "encode">,
  { batches }: Heldout,
  k: number,
  onBatch: (activations: number) => void,
): Promise<FeatureFirings> {
  const strongest = new StrongestFirings(sae.size, k);
  const active: Pick<SparseFeatures, "rows" | "size" | "offsets" | "features">[] = [];
  for (const batch of batches) {
    const { values, ...where } = await sae.encode(batch);
    strongest.offerActive({ ...where, values });
    active.push(where);
    onBatch(batch.rows);
  }
  return { firings: activeFirings(active), strongest: strongest.finish().firings };
}
