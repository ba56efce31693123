/** What a model's tensors are like, found by running it on a few tokens when it is loaded. */
import type { Tensor } from "../compute/ort.ts";
import type { Decoder } from "./decoder.ts";
import type { Target } from "./edits.ts";
import { ModelError } from "./error.ts";
import { float32 } from "./outputs.ts";
import { isNamed, SITES, tensorAt } from "./sites.ts";
import { pad, type TokenBatch } from "./tokens.ts";
import type { HookPoint, HookSite } from "./types.ts";

/** Two prompts that differ in their last token only. */
const [BATCH, WIDTH] = [2, 3];

/** Lens and logits may differ by so much of the logits' length, by how exactly the graph computes. */
const TOLERANCE = { exact: 1e-3, half: 3e-2, quantised: 0.1 } as const;

/** Widths of a model's hook points and of its logits. */
export class Shapes {
  /** By tensor; null for those that do not hold one activation a position. */
  readonly #targets = new Map<string, Target | null>();
  #vocab = 0;
  #allLogits = true;

  private constructor(
    readonly decoder: Decoder,
    readonly has: (tensor: string) => boolean,
    readonly tokens: TokenBatch,
  ) {}

  /**
   * Runs the graph on a few tokens and checks what was found in it: that the last stream, pushed through the graph's end,
   * gives the graph's logits, and that no activation depends on tokens after it.
   *
   * @param has Whether the graph has a tensor of a name.
   * @param ids Four token ids.
   * @param exactness How exactly the graph computes.
   * @throws {ModelError} if the graph does not run, or is not what it was taken for.
   */
  static async measure(
    decoder: Decoder,
    has: (tensor: string) => boolean,
    ids: ArrayLike<number>,
    exactness: keyof typeof TOLERANCE,
  ): Promise<Shapes> {
    const prompts = [Int32Array.of(ids[0], ids[1], ids[2]), Int32Array.of(ids[0], ids[1], ids[3])];
    const shapes = new Shapes(decoder, has, pad(prompts, "right", 0));
    await shapes.#check(TOLERANCE[exactness]);
    return shapes;
  }

  /** Width of the residual stream. */
  get streamDim(): number {
    return this.final.dim;
  }
  /** Numbers of a position's logits. */
  get vocab(): number {
    return this.#vocab;
  }
  /** Whether the graph gives logits at every position. */
  get allLogits(): boolean {
    return this.#allLogits;
  }
  /** The stream after the last block. */
  get final(): Target {
    return this.target({ layer: this.decoder.blocks.length - 1, at: "resid_post" });
  }

  /** The tensor at a hook point; throws if there is none. */
  tensorOf(point: HookPoint): string {
    return tensorAt(this.decoder.blocks, this.has, point);
  }

  /**
   * What is at a hook point that is known.
   *
   * @throws {ModelError} if it does not hold one activation a position.
   */
  target(point: HookPoint): Target {
    const target = this.#targets.get(this.tensorOf(point));
    if (target) return target;
    throw new ModelError(
      `Expected one activation a position at ${point.at} of layer ${point.layer} but it holds one a pair of positions, or ` +
        "none: capture it, but neither change it nor build on it",
    );
  }

  /** Reads the shapes at hook points that are not known yet. */
  async know(points: readonly HookPoint[]): Promise<void> {
    const tensors = new Set(points.map((point) => this.tensorOf(point)));
    const unknown = [...tensors].filter((tensor) => !this.#targets.has(tensor));
    if (unknown.length === 0) return;
    for (const [tensor, value] of await this.decoder.read(this.tokens, unknown)) this.#add(tensor, value);
  }

  /**
   * Width of the activations at a site, in every block that has it.
   *
   * @throws {ModelError} if no block has the site, or it has no fixed width, or another one in another block.
   */
  async widthOf(at: HookSite): Promise<number> {
    const { blocks } = this.decoder;
    const layers = [...blocks.keys()];
    const having = isNamed(at)
      ? layers.filter((layer) => blocks[layer][at] !== undefined)
      : layers.filter((layer) => this.has(at.replaceAll("{layer}", String(layer))));
    const points = (having.length > 0 ? having : [0]).map((layer) => ({ layer, at }));
    await this.know(points);
    const widths = points.map((point) => this.target(point).dim);
    const other = widths.findIndex((width) => width !== widths[0]);
    if (other < 0) return widths[0];
    throw new ModelError(
      `Expected ${at} to be as wide in each block but it holds ${widths[0]} numbers in block ${points[0].layer} and ` +
        `${widths[other]} in block ${points[other].layer}: give the name of one block's tensor instead`,
    );
  }

  async #check(tolerance: number): Promise<void> {
    const { decoder, tokens } = this;
    const tensors = new Set(decoder.blocks.flatMap((block) => SITES.flatMap((site) => block[site] ?? [])));
    const read = await decoder.read(tokens, [...tensors], [], { logits: true });
    for (const tensor of tensors) this.#add(tensor, read.get(tensor)!);
    const logits = read.get("logits")!;
    const { final } = this;
    const stream = float32(read.get(final.tensor)!);
    this.#vocab = logits.dims.at(-1)!;
    this.#allLogits = logits.size === BATCH * WIDTH * this.#vocab;
    this.#assertCausal(stream, final.dim, tolerance);
    const pushed = await decoder.unembed(
      new decoder.ort.Tensor("float32", stream, [BATCH, WIDTH, final.dim]),
      final.isFlat,
    );
    const error = distance(float32(pushed), float32(logits));
    if (error <= tolerance) return;
    throw new ModelError(
      `Expected one residual stream that gives the model's logits through its last norm and unembedding but what was found ` +
        `after block ${decoder.blocks.length - 1} gives others, ${
          error.toPrecision(2)
        } of their length away: a graph of ` +
        "several streams (Gemma 3n's AltUp, hyper-connections) is not read; of another model use another export",
    );
  }

  /** The first tokens of the two prompts are the same, so what stands there must be too. */
  #assertCausal(stream: Float32Array, dim: number, tolerance: number): void {
    const same = (WIDTH - 1) * dim;
    const second = WIDTH * dim;
    const error = distance(stream.subarray(0, same), stream.subarray(second, second + same));
    if (error <= tolerance) return;
    throw new ModelError(
      `Expected a decoder, whose activations do not depend on the tokens after them, but these differ by ` +
        `${error.toPrecision(2)} of their length: encoders are not read`,
    );
  }

  #add(tensor: string, value: Tensor): void {
    const { dims, size } = value;
    const places = BATCH * WIDTH;
    const isFlat = dims.length === 3 && dims[0] === BATCH && dims[1] === WIDTH;
    const isRows = dims[0] === places || (dims[0] === BATCH && dims[1] === WIDTH);
    this.#targets.set(tensor, isRows && size > 0 ? { tensor, dim: size / places, isFlat } : null);
  }
}

/** Distance relative to the length of the right values; NaN counts as infinitely far. */
function distance(values: ArrayLike<number>, right: ArrayLike<number>): number {
  let [difference, length] = [0, 0];
  for (let i = 0; i < right.length; i++) {
    difference += (values[i] - right[i]) ** 2;
    length += right[i] ** 2;
  }
  const error = Math.sqrt(difference / length);
  return Number.isNaN(error) ? Infinity : error;
}
