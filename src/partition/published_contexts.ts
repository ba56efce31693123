import { PickleTuple } from "../files/pickle/pickle.ts";
import { type Context, CONTEXTS } from "./contexts.ts";
import type { PublishedRule } from "./published_checks.ts";
import type { PublishedFields } from "./published_fields.ts";

/** Characters of a prompt that its excerpt shows. */
const SHOWN = 120;
/** Rounding of a distance. */
const SLACK = 1e-4;

/**
 * The nearest and farthest members of a published region. Both are lists of `(distance, prompt, position)` ordered as
 * binary heaps whose least entry is first; the nearest have their distances negated, so that the farthest of them is
 * least.
 *
 * @param count Members of the region.
 */
export function publishedContexts(
  fields: PublishedFields,
  count: number,
  distanceSum: number,
  rule: PublishedRule,
): { nearest: Context[]; farthest: Context[] } {
  const nearest = heapOf(fields, "sample_prompts", -1, count, rule).sort((a, b) => a.distance - b.distance);
  const farthest = heapOf(fields, "boundary_prompts", 1, count, rule).sort((a, b) => b.distance - a.distance);
  if (nearest.length !== farthest.length) throw fields.error("has other numbers of near and of far prompts");
  if (nearest.length === count && !rule.isMerged) {
    for (const contexts of [nearest, farthest]) {
      const sum = contexts.reduce((total, { distance }) => total + distance, 0);
      if (Math.abs(sum - distanceSum) > SLACK * count) throw fields.error("has other distances than their sum says");
    }
  }
  return { nearest, farthest };
}

function heapOf(fields: PublishedFields, key: string, sign: 1 | -1, count: number, rule: PublishedRule): Context[] {
  const keys: number[] = [];
  const contexts: Context[] = [];
  for (const item of fields.list(key)) {
    const [value, text, position] = item instanceof PickleTuple && item.items.length === 3 ? item.items : [];
    const distance = typeof value === "number" ? sign * value : NaN;
    const most = rule.isMerged ? 2 : rule.threshold;
    if (!(distance >= -SLACK && distance <= most + SLACK)) {
      throw fields.error(`has a ${key} whose distance is not from 0 to ${most}`);
    }
    if (typeof position !== "number" || !Number.isInteger(position) || position < 0) {
      throw fields.error(`has a ${key} without a token position`);
    }
    // The heap order of Python's heapq: entry i is not less than its parent, (i - 1) >> 1.
    if (keys.length > 0 && keys[(keys.length - 1) >> 1] > Number(value)) throw fields.error(`has ${key} out of order`);
    keys.push(Number(value));
    contexts.push(contextOf(fields.text(text, key), Math.max(0, distance), position));
  }
  if (contexts.length > 0 && contexts.length !== Math.min(count, CONTEXTS)) {
    throw fields.error(`has ${contexts.length} ${key} of ${count} members`);
  }
  return contexts;
}

/** Which characters the position is, the format does not say: the excerpt shows how the prompt starts. */
function contextOf(prompt: string, distance: number, position: number): Context {
  const before = prompt.length > SHOWN ? `${prompt.slice(0, SHOWN)}…` : prompt;
  return { distance, prompt, position, excerpt: { before, token: "", after: "" } };
}
