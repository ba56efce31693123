/** Hook points in words, and as a flag. */
import { HOOK_SITES, isStreamSite } from "../../model/hook_names.ts";
import type { HookSite } from "../../model/types.ts";
import { type Layers, UsageError } from "./flags.ts";

const WORDS: ReadonlyMap<HookSite, (block: string) => string> = new Map([
  ["resid_pre", (block) => `the residual stream before ${block}`],
  ["resid_mid", (block) => `the residual stream in ${block}, after its attention`],
  ["resid_post", (block) => `the residual stream after ${block}`],
  ["attn_out", (block) => `what attention adds to the residual stream in ${block}`],
  ["mlp_out", (block) => `what the feed-forward part adds to the residual stream in ${block}`],
  ["z", (block) => `what attention's output projection reads in ${block}, all heads side by side`],
  ["router", (block) => `the probabilities of the experts in ${block}`],
]);

/**
 * What is read at a site, in words: `the residual stream after block 3`.
 *
 * @param block `block 3`, or `each block`.
 */
export function hookText(at: HookSite, block: string): string {
  return WORDS.get(at)?.(block) ?? `the tensor ${at} of ${block}`;
}

/** What a report says of where the model was read. */
export function readingText(at: HookSite): string {
  const lens = isStreamSite(at)
    ? ""
    : " The logit lens reads only the residual stream and what is added to it, so its columns and labels are empty.";
  const name = WORDS.has(at) ? ` (${at})` : "";
  return `Activations are ${hookText(at, "each block")}${name}.${lens}`;
}

/** The sites that `--hook` takes by name: `pattern` has no fixed width. */
const SITES = HOOK_SITES.filter((at) => at !== "pattern");

/** Help for `--hook`. */
export const HOOK_HELP = `what is read in each block: ${SITES.join(", ")}, or the name of a tensor of the graph with ` +
  "{layer} for the block's number, or without it and one of --layers";

/**
 * Throws unless a hook is a site that has a fixed width, the name of a tensor in each block, or, where one layer is
 * read, of one tensor.
 *
 * @throws {UsageError} that says what there is.
 */
export function assertHook(at: HookSite, layers: Layers): void {
  // A name of the graph has a mark of some kind in it, a misspelt site has not.
  const isName = /[^a-z_]/.test(at);
  if (SITES.includes(at) || at.includes("{layer}") || (isName && layers.length === 1)) return;
  const why = at === "pattern" ? "pattern, whose width is that of the prompt" : `"${at}"`;
  const more = isName ? "; a name without {layer} is of one block: give that alone to --layers" : "";
  throw new UsageError(
    `Expected --hook to be one of ${SITES.join(", ")}, or a tensor's name with {layer}, but got ${why}${more}.`,
  );
}
