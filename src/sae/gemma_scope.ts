import { readNpz } from "../files/npz.ts";
import type { UnpackOptions } from "../files/unpacking.ts";
import type { HookPoint, HookSite } from "../model/types.ts";
import { positiveThresholds, type SaeWeights } from "./weights.ts";
import { saeTensors, thresholdsOf } from "./tensors.ts";

/**
 * Reads a sparse autoencoder in Gemma Scope's format: `W_enc` (`dim x size`), `b_enc`, `threshold`, `W_dec` (`size x
 * dim`) and `b_dec`, used on raw activations as
 *
 *     pre = x W_enc + b_enc;  acts = relu(pre) * (pre > threshold);  x_hat = acts W_dec + b_dec
 *
 * The file names neither model nor hook point; a folder `layer_12` in its path, as on the hub, gives the layer, and one
 * whose name ends in `-att` or `-mlp`, as `gemma-scope-2b-pt-att`, the site: `z` or `mlp_out`, else `resid_post`.
 *
 * @param path The `params.npz`.
 * @param options What it may unpack to; see {@linkcode UnpackOptions}.
 * @throws {Error} A sentence if it cannot be read, holds something else, or unpacks to more than is allowed.
 */
export async function readGemmaScope(path: string, options: UnpackOptions = {}): Promise<SaeWeights> {
  const read = await readNpz(path, undefined, options);
  // Some of the released files say w_enc and w_dec.
  const tensors = new Map([...read].map(([name, tensor]) => [name.replace(/^w_/, "W_"), tensor]));
  const weights = saeTensors(tensors, path);
  const hookPoint = gemmaScopePoint(path);
  return {
    architecture: "jumprelu",
    ...weights,
    thresholds: positiveThresholds(weights.size, thresholdsOf(tensors, weights.size, path)),
    source: { path, format: "gemma-scope", ...(hookPoint && { hookPoint }) },
  };
}

/** Sites by the ends of the names of Gemma Scope's repositories. */
const SITES: Readonly<Partial<Record<string, HookSite>>> = { att: "z", mlp: "mlp_out", res: "resid_post" };

/** Where an autoencoder of Gemma Scope reads, as the folders that it lies in tell. */
export function gemmaScopePoint(path: string): HookPoint | undefined {
  const layer = /(?:^|[/\\])layer_(\d+)[/\\]/.exec(path)?.[1];
  const kind = /gemma-scope[^/\\]*-([a-z]+)[/\\]/.exec(path)?.[1] ?? "res";
  const at = SITES[kind];
  return layer === undefined || at === undefined ? undefined : { layer: Number(layer), at };
}
