/** Hook points in words, and as a flag. */
import { HOOK_SITES, isStreamSite } from "../../model/hook_names.ts";
import type { HookSite } from "../../model/types.ts";
import { type Layers, UsageError } from "./flags.ts";

const WORDS: ReadonlyMap<HookSite, (layer: string) => string> = new Map([
  ["resid_pre", (layer) => `the residual stream before ${layer}`],
  ["resid_mid", (layer) => `the residual stream in ${layer}, after its attention`],
  ["resid_post", (layer) => `the residual stream after ${layer}`],
  ["attn_out", (layer) => `what attention adds to the residual stream in ${layer}`],
  ["mlp_out", (layer) => `what the feed-forward part adds to the residual stream in ${layer}`],
  ["z", (layer) => `what attention's output projection reads in ${layer}, all heads side by side`],
  ["router", (layer) => `the probabilities of the experts in ${layer}`],
]);

/**
 * What is read at a site, in words: `the residual stream after layer 3`.
 *
 * @param layer `layer 3`, or `each layer`.
 */
export function hookText(at: HookSite, layer: string): string {
  return WORDS.get(at)?.(layer) ?? `the tensor ${at} of ${layer}`;
}

/** What a report says of where the model was read. */
export function readingText(at: HookSite): string {
  const lens = isStreamSite(at)
    ? ""
    : " The logit lens reads only the residual stream and what is added to it, so its columns and labels are empty.";
  const name = WORDS.has(at) ? ` (${at})` : "";
  return `Activations are ${hookText(at, "each layer")}${name}.${lens}`;
}

/** The sites that `--hook` takes by name: `pattern` has no fixed width. */
const SITES = HOOK_SITES.filter((at) => at !== "pattern");

/** Help for `--hook`. */
export const HOOK_HELP = `what is read in each layer: ${SITES.join(", ")}, or the name of a tensor of the graph with ` +
  "{layer} for the layer's number, or without it and one of --layers";

/**
 * Throws unless a hook is a site that has a fixed width, the name of a tensor in each layer, or, where one layer is
 * read, of one tensor.
 *
 * @throws {UsageError} that says what there is.
 */
export function assertHook(at: HookSite, layers: Layers): void {
  // A name of the graph has a mark of some kind in it, a misspelt site has not.
  const isName = /[^a-z_]/.test(at);
  if (SITES.includes(at) || at.includes("{layer}") || (isName && layers.length === 1)) return;
  const why = at === "pattern" ? "pattern, whose width is that of the prompt" : `"${at}"`;
  const more = isName ? "; a name without {layer} is of one layer: give that alone to --layers" : "";
  throw new UsageError(
    `Expected --hook to be one of ${SITES.join(", ")}, or a tensor's name with {layer}, but got ${why}${more}.`,
  );
}
