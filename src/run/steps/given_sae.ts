import type { Backend } from "../../compute/backend.ts";
import { bareName } from "../../model/exports.ts";
import { isSameHookPoint } from "../../model/hook_names.ts";
import type { LanguageModel, LoadOptions } from "../../model/types.ts";
import { readSae, type Sae } from "../../sae/sae.ts";
import { UsageError } from "../command/flags.ts";

/** How an SAE is opened. */
export interface SaeOptions extends Pick<LoadOptions, "onNote"> {
  /** Whether it is known to read what the model is read at, though it need not say so itself. */
  readonly isDeclared?: boolean;
}

/**
 * Reads the SAE that a flag `--sae` names, of a model at its hook.
 *
 * @param path Here or `hf://`, in any format that `readSae` reads.
 * @param options `onNote` takes a sentence where the SAE was trained on a model of another name, or does not say what it
 * reads; `isDeclared`: whether somebody else says that it reads the model's hook in `layer`, default false.
 * @throws {UsageError} if its file says that it reads another place than the model's hook in `layer`, if it is a
 * transcoder, or if its activations are not as long as the model's.
 *
 * @example
 * ```ts
 * import { loadModel } from "../../../mod.ts";
 * import { openBackend } from "../../compute/mod.ts";
 *
 * await using model = await loadModel("fixtures/gemma-2-toy", { device: "cpu" });
 * using sae = await openSae("fixtures/sae/params.npz", await openBackend("cpu"), model, 4);
 * if (sae.dim !== model.dim) throw new Error(`${sae.dim}`);
 * ```
 */
export async function openSae(
  path: string,
  backend: Backend,
  model: LanguageModel,
  layer: number,
  { onNote, isDeclared = false }: SaeOptions = {},
): Promise<Sae> {
  const sae = await readSae(path, { backend });
  try {
    assertReads(sae, path, model, layer);
    const { model: trainedOn, hook, hookPoint } = sae.source;
    if (hook === undefined && hookPoint === undefined && !isDeclared) {
      onNote?.(
        `The SAE ${path} does not say what it reads and is taken for one of ${model.hook} of layer ${layer}: unless it was ` +
          "trained there, its features mean nothing here",
      );
    }
    if (trainedOn !== undefined && !isSameModel(trainedOn, model.id)) {
      // No refusal: tools have names of their own for models, and a base model's autoencoder may be read on its descendants.
      onNote?.(
        `The SAE ${path} was trained on ${trainedOn} and reads ${model.id} here: unless both are one model, its features ` +
          "need not mean what they do there",
      );
    }
    return sae;
  } catch (error) {
    sae.dispose();
    throw error;
  }
}

/** Whether two names are of one model, whoever owns or converted it. */
function isSameModel(one: string, other: string): boolean {
  // TransformerLens's name of it.
  const nameOf = (id: string) => bareName(id).replace(/^gpt2-small$/, "gpt2");
  return nameOf(one) === nameOf(other);
}

function assertReads(sae: Sae, path: string, model: LanguageModel, layer: number): void {
  const { hook, hookPoint, output } = sae.source;
  if (hookPoint ? !isSameHookPoint(hookPoint, { layer, at: model.hook }) : hook !== undefined) {
    throw new UsageError(
      `Expected an SAE of ${model.hook} of layer ${layer} but ${path} reads ` +
        (hookPoint
          ? `${hookPoint.at} of layer ${hookPoint.layer}: give --hook ${hookPoint.at} --layers ${hookPoint.layer}`
          : `${hook}: name another with --sae`),
    );
  }
  if (output) {
    throw new UsageError(
      `Expected an SAE of ${model.hook} of layer ${layer} but ${path} is a transcoder, which predicts ` +
        `${output.hook ?? "another place"}: name another with --sae`,
    );
  }
  if (sae.dim !== model.dim) {
    throw new UsageError(
      `Expected an SAE of activations of length ${model.dim}, as ${model.id} has at ${model.hook}, but ${path} takes ${sae.dim}: ` +
        "name another with --sae",
    );
  }
}
