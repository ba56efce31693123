import { isStreamSite } from "../../model/hook_names.ts";
import type { HookSite, LanguageModel, LensToken } from "../../model/types.ts";

/**
 * What the logit lens reads off directions, or no token for each where they are of a site that it cannot read: only the
 * residual stream, and what is added to it, goes through the final norm and the unembedding.
 *
 * @param directions `rows x dim`, in the model's own units of that site.
 * @param k Tokens of each; default 5.
 * @param at Where the directions are read; default the model's hook.
 */
export async function lensTokens(
  model: LanguageModel,
  directions: Float32Array<ArrayBuffer>,
  rows: number,
  k = 5,
  at: HookSite = model.hook,
): Promise<LensToken[][]> {
  if (rows === 0 || !isStreamSite(at)) return Array.from({ length: rows }, () => []);
  return await model.lens(directions, rows, k);
}
