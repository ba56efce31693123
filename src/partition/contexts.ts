import type { Excerpt, Prompt } from "../activations/prompt.ts";

/** Contexts kept at each end of a region. */
export const CONTEXTS = 10;

/** One member of a region where it was read. */
export interface Context {
  /** Cosine distance to the exemplar. */
  readonly distance: number;
  /** Identifier of the prompt's text. */
  readonly prompt: string;
  /** Token position in the prompt; `<bos>` is 0. */
  readonly position: number;
  /**
   * Where in the text the prompt begins, if it is a window of a long one: the token is number `start + position` of the
   * text. Absent where the prompt begins with its text.
   */
  readonly start?: number;
  /** The token in its surroundings. */
  readonly excerpt: Excerpt;
}

/** Decodes its excerpt when somebody looks: most contexts are pushed out by nearer ones unseen. */
class StreamContext implements Context {
  #excerpt: Excerpt | undefined;
  #source: Prompt | undefined;

  constructor(readonly distance: number, source: Prompt, readonly position: number) {
    this.prompt = source.id;
    if (source.start) this.start = source.start;
    this.#source = source;
  }

  readonly prompt: string;
  readonly start?: number;

  get excerpt(): Excerpt {
    this.#excerpt ??= this.#source!.excerpt(this.position);
    // Lets the prompt go: its text may be long.
    this.#source = undefined;
    return this.#excerpt;
  }
}

/** A region's contexts at both ends, each sorted. */
export interface RegionContexts {
  readonly nearest: readonly Context[];
  readonly farthest: readonly Context[];
}

/** The nearest and farthest members of every region, each list sorted; of equal distances the earlier stays ahead. */
export class Contexts {
  readonly #regions: { nearest: Context[]; farthest: Context[] }[] = [];
  readonly #open: (() => (region: number) => RegionContexts) | undefined;
  #stored: ((region: number) => RegionContexts) | undefined;
  /** Of each region, the distance from which on a list has no more room for another: most members are refused by these. */
  readonly #nearer: number[] = [];
  readonly #farther: number[] = [];

  /** @param open Opens what a file has of every region; called when somebody first asks. */
  constructor(open?: () => (region: number) => RegionContexts) {
    this.#open = open;
  }

  /** Up to {@linkcode CONTEXTS} members nearest to the exemplar, nearest first. */
  nearest(region: number): readonly Context[] {
    return this.#of(region).nearest;
  }

  /** Up to {@linkcode CONTEXTS} members farthest from the exemplar, farthest first. */
  farthest(region: number): readonly Context[] {
    return this.#of(region).farthest;
  }

  /**
   * Reads what its file has of all regions now.
   *
   * @throws {Error} A sentence if the file is gone, damaged or another.
   */
  read(): void {
    this.#stored ??= this.#open?.() ?? (() => ({ nearest: [], farthest: [] }));
  }

  /** Offers a member to both lists of its region; one that reads as a member in them is passed over. */
  offer(region: number, distance: number, prompt: Prompt, position: number): void {
    // What a file has of the region is taken over before the first change.
    if (!this.#regions[region]) this.restore(region, this.#of(region));
    const isNear = distance < this.#nearer[region];
    const isFar = distance > this.#farther[region];
    if (!isNear && !isFar) return;
    const { nearest: near, farthest: far } = this.#regions[region];
    const context = new StreamContext(distance, prompt, position);
    // A text that comes again would take every place.
    const isKnown = (other: Context) => readsAlike(other, context);
    if (near.some(isKnown) || far.some(isKnown)) return;
    if (isNear) insert(near, context, 1);
    if (isFar) insert(far, context, -1);
    this.#setLimits(region);
  }

  /** Sets a region's lists, nearest or farthest first. */
  restore(region: number, { nearest, farthest }: RegionContexts): void {
    this.#regions[region] = { nearest: [...nearest], farthest: [...farthest] };
    this.#setLimits(region);
  }

  /** A copy that changes on its own; what nobody has asked for yet stays in its file. */
  copy(): Contexts {
    const copy = new Contexts(this.#open);
    copy.#stored = this.#stored;
    this.#regions.forEach((lists, region) => copy.restore(region, lists));
    return copy;
  }

  /** Notes what a member must be nearer or farther than to have a place. */
  #setLimits(region: number): void {
    const { nearest, farthest } = this.#regions[region];
    this.#nearer[region] = nearest.length < CONTEXTS ? Infinity : nearest[nearest.length - 1].distance;
    this.#farther[region] = farthest.length < CONTEXTS ? -Infinity : farthest[farthest.length - 1].distance;
  }

  #of(region: number): RegionContexts {
    const own = this.#regions[region];
    if (own) return own;
    this.read();
    return this.#stored!(region);
  }
}

/** Distances of one activation that was computed in batches of other shapes differ by less. */
const ROUNDING = 1e-5;

/** Whether two members are of the same tokens, as far as somebody reads them. */
function readsAlike(a: Context, b: Context): boolean {
  return a.position === b.position && Math.abs(a.distance - b.distance) < ROUNDING &&
    a.excerpt.token === b.excerpt.token && a.excerpt.before === b.excerpt.before && a.excerpt.after === b.excerpt.after;
}

/** Inserts into a list of ascending (1) or descending (-1) distances, behind equal ones, and drops what no longer fits. */
function insert(list: Context[], context: Context, order: 1 | -1): void {
  let place = list.length;
  for (; place > 0 && order * (list[place - 1].distance - context.distance) > 0; place--) list[place] = list[place - 1];
  list[place] = context;
  if (list.length > CONTEXTS) list.pop();
}
