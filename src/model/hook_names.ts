/** The names that other tools give to hook points, and back. */
import { assertKind, inWords } from "../compute/kinds.ts";
import { assertOptions, type OptionKinds } from "../compute/known_options.ts";
import { SITES } from "./sites.ts";
import type { HookPoint, HookSite } from "./types.ts";

/**
 * TransformerLens' names inside a block. Its router hook sees the probabilities of all experts, before the best are
 * taken.
 */
const LENS_NAMES: ReadonlyMap<HookSite, string> = new Map([
  ["resid_pre", "hook_resid_pre"],
  ["resid_mid", "hook_resid_mid"],
  ["resid_post", "hook_resid_post"],
  ["attn_out", "hook_attn_out"],
  ["mlp_out", "hook_mlp_out"],
  ["z", "attn.hook_z"],
  ["pattern", "attn.hook_pattern"],
  ["router", "mlp.hook_expert_weights"],
]);

/** The sites that have a name, in the order of a block. */
export const HOOK_SITES: readonly HookSite[] = SITES;

/** What TransformerBridge, TransformerLens' newer class, calls them; the norms behind a branch are Gemma 2's. */
const BRIDGE_NAMES: readonly (readonly [name: string, at: HookSite])[] = [
  ["hook_in", "resid_pre"],
  ["hook_out", "resid_post"],
  ["attn.hook_out", "attn_out"],
  ["ln1_post.hook_out", "attn_out"],
  ["mlp.hook_out", "mlp_out"],
  ["ln2_post.hook_out", "mlp_out"],
];

/** Modules of transformers by their names inside a block, each for its output; the block itself has none. */
const MODULE_NAMES: readonly (readonly [name: string, at: HookSite])[] = [
  ["", "resid_post"],
  ...["self_attn", "attn", "attention", "self_attention"].map((name) => [name, "attn_out"] as const),
  ...["mlp", "feed_forward", "block_sparse_moe"].map((name) => [name, "mlp_out"] as const),
];

const SITE_OF_NAME: ReadonlyMap<string, HookSite> = new Map([
  ...Array.from(LENS_NAMES, ([at, name]) => [name, at] as const),
  ...BRIDGE_NAMES,
  ...MODULE_NAMES,
]);

/** A block of a text model, by its list's name in any of these libraries, and what is named inside it. */
const IN_BLOCK =
  /^\.?(?:(?:base_model|model|transformer|gpt_neox|language_model|decoder|backbone)\.)*(?:blocks|layers|h)\.(\d+)(?:\.(.+))?$/;

/**
 * TransformerLens' name of a hook point. A site that is a tensor of the graph has none: its own name is given, with the
 * block's number in it.
 *
 * @returns Such as `blocks.12.hook_attn_out`.
 *
 * @example
 * ```ts
 * const name = hookName({ layer: 12, at: "attn_out" });
 * if (name !== "blocks.12.hook_attn_out") throw new Error(name);
 * ```
 */
export function hookName(point: HookPoint): string {
  assertHookPoint(point);
  const { layer, at } = point;
  const name = LENS_NAMES.get(at);
  return name === undefined ? at.replaceAll("{layer}", String(layer)) : `blocks.${layer}.${name}`;
}

/**
 * The hook point that a name of another tool means: TransformerLens' (`blocks.3.hook_resid_post`,
 * `blocks.3.attn.hook_z`), TransformerBridge's (`blocks.3.hook_out`), or that of a module of transformers, as nnsight,
 * sparsify and delphi give it, which means the module's output (`model.layers.3`, `transformer.h.3.attn`,
 * `layers.3.mlp`).
 *
 * `attn_out` and `mlp_out` are what a branch adds to the residual stream. Where a norm stands between a branch and the
 * stream, as in Gemma 2 and 3, the output of the module (and the bridge's `attn.hook_out` and `mlp.hook_out`) is not
 * yet that: it lacks the norm. TransformerLens' `hook_attn_out` and `hook_mlp_out` have it.
 *
 * @param name The name; in it `{layer}`, as old configurations of SAELens have it, stands for `layer`.
 * @param layer The block, for names with `{layer}`.
 * @throws {RangeError} if the name is of no hook point that is known here.
 *
 * @example
 * ```ts
 * const points = [
 *   parseHookName("blocks.12.attn.hook_z"),
 *   parseHookName("blocks.{layer}.hook_mlp_out", 12),
 *   parseHookName("model.layers.12.self_attn"),
 * ];
 * const sites = points.map(({ layer, at }) => `${layer} ${at}`).join(", ");
 * if (sites !== "12 z, 12 mlp_out, 12 attn_out") throw new Error(sites);
 * ```
 */
export function parseHookName(name: string, layer?: number): HookPoint {
  assertKind("the name of a hook point", name, "string");
  const point = findHookPoint(name, layer);
  if (point) return point;
  const advice = name.includes("{layer}") && layer === undefined
    ? "give the block that {layer} stands for"
    : "name the residual stream, the output of attention or feed-forward part, z, pattern or the router of a block";
  throw new RangeError(
    `Expected the name of a hook point, such as blocks.3.hook_resid_post, model.layers.3 or transformer.h.3.mlp, but ` +
      `found "${name}": ${advice}`,
  );
}

/** Like {@link parseHookName}; undefined for a name that is not known. */
export function findHookPoint(name: string, layer?: number): HookPoint | undefined {
  const filled = layer === undefined ? name : name.replaceAll("{layer}", String(layer));
  const [, number, inside = ""] = IN_BLOCK.exec(filled) ?? [];
  const at = number === undefined ? undefined : SITE_OF_NAME.get(inside);
  return at === undefined ? undefined : { layer: Number(number), at };
}

/**
 * One name for what has two: what enters a block is what the block before it has put out.
 *
 * @example
 * ```ts
 * const { layer, at } = normalHookPoint({ layer: 8, at: "resid_pre" });
 * if (layer !== 7 || at !== "resid_post") throw new Error(`${layer} ${at}`);
 * ```
 */
export function normalHookPoint(point: HookPoint): HookPoint {
  assertHookPoint(point);
  const { layer, at } = point;
  return at === "resid_pre" && layer > 0 ? { layer: layer - 1, at: "resid_post" } : { layer, at };
}

const HOOK_POINT: OptionKinds<HookPoint> = { layer: "number", at: "string" };

function assertHookPoint(point: HookPoint): void {
  assertOptions("a hook point", point, HOOK_POINT);
  const { layer, at } = point;
  if (Number.isInteger(layer) && layer >= 0 && at !== undefined) return;
  throw new RangeError(
    `Expected a hook point such as { layer: 3, at: "resid_post" } but found layer ${layer} and at ${inWords(at)}`,
  );
}

/**
 * Whether two hook points are the same place, whatever they are called.
 *
 * @example
 * ```ts
 * const isSame = isSameHookPoint({ layer: 3, at: "resid_post" }, { layer: 4, at: "resid_pre" });
 * if (!isSame) throw new Error("what block 3 puts out enters block 4");
 * ```
 */
export function isSameHookPoint(a: HookPoint, b: HookPoint): boolean {
  const [one, other] = [normalHookPoint(a), normalHookPoint(b)];
  return one.layer === other.layer && one.at === other.at;
}

/**
 * Whether activations at a site are of the residual stream, or added to it: only those are directions that the logit
 * lens can read. Attention's `z` may be as wide and is none.
 *
 * @example
 * ```ts
 * if (!isStreamSite("mlp_out") || isStreamSite("z")) throw new Error("heads are no directions of the stream");
 * ```
 */
export function isStreamSite(at: HookSite): boolean {
  return ["resid_pre", "resid_mid", "resid_post", "attn_out", "mlp_out"].includes(at);
}
