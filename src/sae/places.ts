/** What a sparse autoencoder is of: the places that its file or the folders that it lies in name. */
import { findHookPoint, hookName, normalHookPoint } from "../model/hook_names.ts";
import type { HookPoint, HookSite } from "../model/types.ts";
import type { SaePlace, SaeSource } from "./weights.ts";

/**
 * The place of a name, of TransformerLens or of a module of transformers.
 *
 * @param hook The name; none is a place that is not told.
 * @param options `layer` that `{layer}` in the name stands for, and whether it is one head of several.
 */
export function placeNamed(
  hook: string | undefined,
  { layer, ofOneHead = false }: { layer?: number; ofOneHead?: boolean } = {},
): SaePlace {
  if (hook === undefined) return {};
  const point = ofOneHead ? undefined : findHookPoint(hook, layer) ?? tensorOfModule(hook);
  return { hook, ...(point && { hookPoint: normalHookPoint(point) }) };
}

/** The place of a hook point, by TransformerLens' name. */
export function placeAt(point: HookPoint): SaePlace {
  return { hook: hookName(point), hookPoint: normalHookPoint(point) };
}

/**
 * What a feed-forward part or attention reads, by TransformerLens' name: a normed stream, of which no hook point is known
 * here.
 */
export function inputOf(part: "mlp" | "attn", layer: number): SaePlace {
  return { hook: `blocks.${layer}.${part === "mlp" ? "ln2" : "ln1"}.hook_normalized` };
}

/**
 * What is told of where an autoencoder reads and what it predicts. `layer` is of the residual stream alone: with that of
 * another place, it would pass for one of the stream.
 */
export function placesOf(reads: SaePlace, predicts?: SaePlace): Pick<SaeSource, keyof SaePlace | "layer" | "output"> {
  const { hookPoint } = reads;
  return {
    ...reads,
    ...(hookPoint?.at === "resid_post" ? { layer: hookPoint.layer } : {}),
    ...(predicts ? { output: predicts } : {}),
  };
}

/** Gemma's modules by the tensors beside them, as Gemma Scope 2 names places: a branch's norm puts out what is added. */
const MODULE_TENSORS: ReadonlyMap<string, HookSite> = new Map([
  ["input", "resid_pre"],
  ["output", "resid_post"],
  ["self_attn.o_proj.input", "z"],
  ["post_attention_layernorm.output", "attn_out"],
  ["post_feedforward_layernorm.output", "mlp_out"],
]);

/** Such as `model.layers.3.output`. */
function tensorOfModule(name: string): HookPoint | undefined {
  const [, layer, inside = ""] = /(?:^|\.)layers\.(\d+)\.(.+)$/.exec(name) ?? [];
  const at = MODULE_TENSORS.get(inside);
  return at === undefined ? undefined : { layer: Number(layer), at };
}

/**
 * Places by a word of a folder's or module's name, as Gemma Scope and dictionary_learning use them: `res` or `resid_post`,
 * `mlp`, `att` (what the output projection reads), `attn_out`; `transcoders` read one place and predict another.
 */
export function placesOfWord(
  word: string,
  layer: number,
): Pick<SaeSource, keyof SaePlace | "layer" | "output"> | undefined {
  switch (word) {
    case "res":
    case "resid":
    case "resid_post":
      return placesOf(placeAt({ layer, at: "resid_post" }));
    case "resid_pre":
    case "resid_mid":
      return placesOf(placeAt({ layer, at: word }));
    case "att":
      return placesOf(placeAt({ layer, at: "z" }));
    case "attn":
    case "attn_out":
    case "attention":
    case "attention_out":
      return placesOf(placeAt({ layer, at: "attn_out" }));
    case "mlp":
    case "mlp_out":
      return placesOf(placeAt({ layer, at: "mlp_out" }));
    case "transcoder":
    case "transcoders":
      return placesOf(inputOf("mlp", layer), placeAt({ layer, at: "mlp_out" }));
  }
}
