/** Where in a graph the activations of a hook point are. */
import type { Block } from "./blocks.ts";
import { ModelError } from "./error.ts";
import type { HookPoint, HookSite } from "./types.ts";

/** The sites that blocks are known to have. */
export const SITES = ["resid_pre", "resid_mid", "resid_post", "attn_out", "mlp_out", "z", "pattern", "router"] as const;

/** Why a block may lack a site. */
const MISSING: Record<typeof SITES[number], string> = {
  resid_pre: "",
  resid_mid: "it adds attention and feed-forward part at once, or has one of them only",
  resid_post: "",
  attn_out: "it has no part that mixes positions",
  mlp_out: "it has no feed-forward part of its own",
  z: "its attention has no output projection that could be found",
  pattern: "its attention is one operator that keeps its weights to itself",
  router: "it is no mixture of experts",
};

/** Whether a site is one of the names, not a tensor's. */
export function isNamed(at: HookSite): at is typeof SITES[number] {
  return (SITES as readonly string[]).includes(at);
}

/**
 * The tensor at a hook point.
 *
 * @param has Whether the graph has a tensor of a name.
 * @throws {RangeError} if there is no such layer.
 * @throws {ModelError} if the block has no such site, or the graph no such tensor.
 */
export function tensorAt(blocks: readonly Block[], has: (name: string) => boolean, { layer, at }: HookPoint): string {
  if (!Number.isInteger(layer) || layer < 0 || layer >= blocks.length) {
    throw new RangeError(`Expected a layer from 0 to ${blocks.length - 1}, which this model has, but got ${layer}`);
  }
  if (isNamed(at)) {
    const tensor = blocks[layer][at];
    if (tensor !== undefined) return tensor;
    const others = SITES.filter((site) => site !== "pattern" && blocks[layer][site] !== undefined).join(", ");
    throw new ModelError(`Expected block ${layer} to have ${at} but ${MISSING[at]}: take one of ${others}`);
  }
  const name = at.replaceAll("{layer}", String(layer));
  if (has(name)) return name;
  throw new ModelError(
    `Expected a hook site (${SITES.join(", ")}) or the name of one of the graph's tensors but got "${at}"` +
      `${name === at ? "" : `, which is "${name}" in block ${layer}`}: look the name up in the graph`,
  );
}
