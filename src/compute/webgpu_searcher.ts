/** Which way each search for the nearest exemplars goes. */
import type { Nearest, SearchWay } from "./backend.ts";
import { assertOneOf } from "./known_options.ts";
import { inFloat } from "./search/way.ts";
import type { GpuContext } from "./webgpu_commands.ts";
import { isCrowded, nearestByIntegers } from "./webgpu_integer_search.ts";
import type { WebGpuMatrix } from "./webgpu_matrix.ts";
import { nearest } from "./webgpu_products.ts";
import { WIDEST } from "./webgpu_quantised.ts";
import { fasterWay } from "./webgpu_search_way.ts";

// Below any of these a search gains nothing by integers, or too little to be worth the quantising of its rows; the last are
// the exemplars' coordinates. By processor time on llvmpipe 1,024 exemplars of 192 are searched 1.1 times as fast as in
// float32, 4,096 of them 1.7 times, 512 of 2,304 1.4 times.
const SMALLEST = { rows: 256, exemplars: 256, dim: 128, coordinates: 2 ** 19 };
// Milliseconds that large searches take, all together, before it is measured which way is faster, which takes as long.
const UNMEASURED = 500;

/** Searches one way or the other, and measures which is faster once it matters. */
export class Searcher {
  readonly #context: GpuContext;
  readonly #asked: SearchWay["way"] | undefined;
  #way: SearchWay | undefined;
  #measuring: Promise<SearchWay> | undefined;
  #spent = 0;
  /** Whether integers have answered a search. */
  #isUsed = false;

  /** @param asked The way of all searches; default the faster, of large ones. */
  constructor(context: GpuContext, asked: SearchWay["way"] | undefined) {
    this.#context = context;
    this.#asked = asked;
    if (asked === undefined) return;
    assertOneOf("the way to search", asked, ["integers", "float"]);
    this.#way = { way: asked, because: "asked for" };
  }

  /** How large searches are done; `undefined` before that was measured. */
  get way(): SearchWay | undefined {
    return this.#asked === undefined && !this.#isUsed ? inFloat(this.#way) : this.#way;
  }

  /** The exemplar of largest dot product for each query, among those from a number on. */
  async nearest(queries: WebGpuMatrix, exemplars: WebGpuMatrix, from: number): Promise<Nearest> {
    if (queries.rows === 0) return { regions: new Int32Array(), similarities: new Float32Array() };
    const isLargeOne = isLarge(queries.rows, exemplars.rows - from, queries.dim);
    const pays = this.#asked !== undefined || (isLargeOne && !isCrowded(exemplars));
    const byIntegers = this.#way?.way === "integers" && queries.dim <= WIDEST && pays;
    this.#isUsed ||= byIntegers;
    const start = performance.now();
    // Recorded before anything is waited for, so that what happens to the matrices meanwhile does not show.
    const found = await (byIntegers ? nearestByIntegers : nearest)(this.#context, queries, exemplars, from);
    if (isLargeOne && !this.#way) await this.#choose(performance.now() - start);
    return found;
  }

  /** Measures which way is faster, once, if large searches have taken long enough; another took so many milliseconds. */
  async #choose(spent: number): Promise<void> {
    this.#spent += spent;
    if (this.#spent < UNMEASURED) return;
    this.#measuring ??= fasterWay(this.#context).finally(() => this.#measuring = undefined);
    this.#way = await this.#measuring;
  }
}

function isLarge(rows: number, exemplars: number, dim: number): boolean {
  const isWide = dim >= SMALLEST.dim && exemplars * dim >= SMALLEST.coordinates;
  return isWide && rows >= SMALLEST.rows && exemplars >= SMALLEST.exemplars;
}
