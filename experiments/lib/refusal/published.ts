import { bareName } from "../../../src/model/mod.ts";

/** What the paper (arXiv 2605.14347 v2) says of refusal in Gemma-2-2B-it, as a sentence; undefined for another model. */
export function publishedRefusal(model: string): string | undefined {
  if (bareName(model) !== "gemma-2-2b-it") return undefined;
  return "Gemma-2-2B-it, layer 20: refusal falls from 0.98 to 0.02 on the best seed; by seed -0.74, -0.96, 0, 0 at p 12 and " +
    "-0.64, -0.98, 0 at p 10; p 8 gives fragments (0 to -0.10), p 20 is contaminated; a matched null region changes " +
    "nothing; steering gives apologetic prefixes at α 200 and loops at α 400.";
}
