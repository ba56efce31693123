import { bareName } from "../../../src/model/mod.ts";
import type { CommonFlags } from "../../../src/run/mod.ts";

/** What was published about regions and SAE features (arXiv 2605.14347 v2), and whether it is of this model. */
export function publishedOverlap({ model, hook }: Pick<CommonFlags, "model" | "hook">): string {
  const figure =
    "about 20 % of the EP regions at moderate p have a feature of the canonical Gemma Scope SAE with an F1 " +
    "above 0.5 of the tokens that fire them, and finer p adds regions that the SAE does not have";
  return bareName(model) === "gemma-2-2b"
    ? `Published for this model, Gemma-2-2B${hook === "resid_post" ? "" : ", after a layer"}: ${figure}.`
    : `Published for Gemma-2-2B, another model than this one: ${figure}.`;
}
