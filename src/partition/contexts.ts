import type { Excerpt, Prompt } from "../activations/batch.ts";

/** Contexts kept at each end of a region. */
export const CONTEXTS = 10;

/** One member of a region where it was read. */
export interface Context {
  /** Cosine distance to the exemplar. */
  readonly distance: number;
  /** Identifier of the prompt. */
  readonly prompt: string;
  /** Token position; `<bos>` is 0. */
  readonly position: number;
  /** The token in its surroundings. */
  readonly excerpt: Excerpt;
}

/** Decodes its excerpt when somebody looks: most contexts are pushed out by nearer ones unseen. */
class StreamContext implements Context {
  #excerpt: Excerpt | undefined;
  #source: Prompt | undefined;

  constructor(readonly distance: number, source: Prompt, readonly position: number) {
    this.prompt = source.id;
    this.#source = source;
  }

  readonly prompt: string;

  get excerpt(): Excerpt {
    this.#excerpt ??= this.#source!.excerpt(this.position);
    this.#source = undefined;
    return this.#excerpt;
  }
}

/** The nearest and farthest members of every region, each list sorted; of equal distances the earlier stays ahead. */
export class Contexts {
  readonly #nearest: Context[][] = [];
  readonly #farthest: Context[][] = [];

  /** Up to {@linkcode CONTEXTS} members nearest to the exemplar, nearest first. */
  nearest(region: number): readonly Context[] {
    return this.#nearest[region] ?? [];
  }

  /** Up to {@linkcode CONTEXTS} members farthest from the exemplar, farthest first. */
  farthest(region: number): readonly Context[] {
    return this.#farthest[region] ?? [];
  }

  /** Offers a member to both lists of its region. */
  offer(region: number, distance: number, prompt: Prompt, position: number): void {
    const near = this.#nearest[region] ??= [];
    const far = this.#farthest[region] ??= [];
    const isNear = near.length < CONTEXTS || distance < near[near.length - 1].distance;
    const isFar = far.length < CONTEXTS || distance > far[far.length - 1].distance;
    if (!isNear && !isFar) return;
    const context = new StreamContext(distance, prompt, position);
    if (isNear) insert(near, context, (other) => other.distance > distance);
    if (isFar) insert(far, context, (other) => other.distance < distance);
  }

  /** Sets a region's lists, nearest or farthest first. */
  restore(region: number, nearest: readonly Context[], farthest: readonly Context[]): void {
    this.#nearest[region] = [...nearest];
    this.#farthest[region] = [...farthest];
  }
}

/** Inserts before the first entry that `isBehind` it, and drops what no longer fits. */
function insert(list: Context[], context: Context, isBehind: (other: Context) => boolean): void {
  const at = list.findIndex(isBehind);
  list.splice(at < 0 ? list.length : at, 0, context);
  if (list.length > CONTEXTS) list.pop();
}
