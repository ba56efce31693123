import { isStreamSite } from "../../model/hook_names.ts";
import type { Dictionary } from "../../partition/dictionary.ts";
import type { HookSite, LanguageModel, LensToken } from "../../model/types.ts";

/**
 * What the logit lens reads off directions, or no token for each where they are of a site that it cannot read: only the
 * residual stream, and what is added to it, goes through the final norm and the unembedding.
 *
 * @param directions `rows x dim`, in the model's own units of that site.
 * @param k Tokens of each; default 5.
 * @param at Where the directions are read; default the model's hook.
 * @returns For each direction, the tokens of largest logit first.
 *
 * @example
 * ```ts
 * import { loadModel } from "../../model/mod.ts";
 *
 * await using model = await loadModel("fixtures/gemma-2-toy", { device: "cpu" });
 * const direction = Float32Array.from({ length: model.dim }, (_, i) => Math.sin(i));
 * const [[first, second]] = await lensTokens(model, direction, 1, 2);
 * if (!(first.logit >= second.logit)) throw new Error(`${first.token} before ${second.token}`);
 * const [none] = await lensTokens(model, direction, 1, 2, "z");
 * if (none.length !== 0) throw new Error("outputs of single heads are not of the stream");
 * ```
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

/**
 * What the logit lens reads off the mean directions of some regions of a dictionary.
 *
 * @param regions Their numbers, in any order; one may come several times.
 * @param k Tokens of each; default 5.
 * @returns By region, the tokens of largest logit first; none where the lens cannot read the model's hook.
 *
 * @example
 * ```ts
 * import { loadModel } from "../../model/mod.ts";
 *
 * const model = await loadModel("fixtures/gemma-2-toy", { device: "cpu" });
 * const means = Float32Array.from({ length: 2 * model.dim }, (_, i) => Math.sin(i));
 * const lens = await lensOfRegions(model, { means, dim: model.dim }, [1, 1], 3);
 * if (lens.size !== 1 || lens.get(1)!.length !== 3) throw new Error("one region, three tokens");
 * await model.dispose();
 * ```
 */
export async function lensOfRegions(
  model: LanguageModel,
  { means, dim }: Pick<Dictionary, "means" | "dim">,
  regions: Iterable<number>,
  k = 5,
): Promise<Map<number, readonly string[]>> {
  const numbers = [...new Set(regions)];
  const directions = new Float32Array(numbers.length * dim);
  numbers.forEach((region, i) => directions.set(means.subarray(region * dim, (region + 1) * dim), i * dim));
  const lens = await lensTokens(model, directions, numbers.length, k);
  return new Map(numbers.map((region, i) => [region, lens[i].map(({ token }) => token)]));
}
