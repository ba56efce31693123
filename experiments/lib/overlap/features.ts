/** Where the features of an SAE fire. */
import { activeFirings, StrongestFirings } from "../../../src/analysis/mod.ts";
import type { Backend, SparseFeatures } from "../../../src/compute/mod.ts";
import { isSameHookPoint, type LanguageModel } from "../../../src/model/mod.ts";
import { UsageError } from "../../../src/run/mod.ts";
import { readSae, type Sae } from "../../../src/sae/mod.ts";
import type { Heldout } from "./heldout.ts";
import type { FeatureFirings } from "./measure.ts";

/**
 * Reads the SAE that `--sae` names.
 *
 * @throws {UsageError} If its file says that it reads another place than the model's hook in `layer`, or its activations
 * are not as long as the model's.
 */
export async function openSae(path: string, backend: Backend, model: LanguageModel, layer: number): Promise<Sae> {
  const sae = await readSae(path, { backend });
  const { hook, hookPoint } = sae.source;
  if (hookPoint ? !isSameHookPoint(hookPoint, { layer, at: model.hook }) : hook !== undefined) {
    throw new UsageError(
      `Expected an SAE of ${model.hook} of layer ${layer} but ${path} reads ` +
        (hookPoint
          ? `${hookPoint.at} of layer ${hookPoint.layer}: give --hook ${hookPoint.at} --layers ${hookPoint.layer}`
          : `${hook}: name another with --sae`),
    );
  }
  if (sae.dim !== model.dim) {
    throw new UsageError(
      `Expected an SAE of activations of length ${model.dim}, as ${model.id} has at ${model.hook}, but ${path} takes ${sae.dim}: ` +
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
