/** What a model's tensors are like, found by running it on a few tokens when it is loaded. */
import type { Tensor } from "../compute/ort.ts";
import { cacheFault } from "./cache_check.ts";
import { type Decoder, kindOf } from "./decoder.ts";
import type { Edit, Target } from "./edits.ts";
import { ModelError } from "./error.ts";
import { distance, float32 } from "./outputs.ts";
import { isNamed, SITES, tensorAt } from "./sites.ts";
import { pad, type TokenBatch } from "./tokens.ts";
import type { Traits } from "./traits.ts";
import type { HookPoint, HookSite } from "./types.ts";

/**
 * Tokens of each of the two prompts that a graph is tried with: a number that no other axis of a tensor has by chance.
 */
const WIDTH = 7;

/** Lens and logits may differ by so much of the logits' length, by how exactly the graph computes. */
const TOLERANCE = { exact: 1e-3, half: 3e-2, quantised: 0.1 } as const;

/** What overflows is told as such: Gemma 3 does in half precision. */
function overflow(where: string): ModelError {
  return new ModelError(
    `Expected finite activations but ${where} NaN or an infinity on plain text: its weights or config.json are ` +
      "damaged, or the graph overflows in its precision, as Gemma 3's do in float16, and dtype fp32 helps",
  );
}

/** Widths of a model's hook points and of its logits. */
export class Shapes {
  /** By tensor; null for those that do not hold one activation a position. */
  readonly #targets = new Map<string, Target | null>();
  #cache?: Promise<boolean>;
  /** Kinds of edits that were seen to change nothing when they are told to. */
  readonly #idle = new Set<string>();
  /** Logits of the batch tried first, as the graph gives them. */
  #logits = new Float32Array(0);
  #vocab = 0;
  #allLogits = true;

  private constructor(
    readonly decoder: Decoder,
    readonly traits: Traits,
    /** Two that differ in their last token only. */
    readonly prompts: readonly Int32Array[],
  ) {}

  /** The first `length` tokens of both prompts, or of the first where the graph takes one at a time. */
  #tokens(length = WIDTH): TokenBatch {
    const prompts = this.prompts.slice(0, this.traits.fixedBatch ? 1 : 2);
    return pad(prompts.map((prompt) => prompt.subarray(0, length)), "right", 0);
  }

  /** How far logits may lie from right ones, of their length. */
  get tolerance(): number {
    return TOLERANCE[this.traits.exactness];
  }

  /**
   * Runs the graph on a few tokens and checks what was found in it: that the last stream, pushed through the graph's
   * end, gives the graph's logits, and that no activation depends on tokens after it.
   *
   * @param ids Eight token ids.
   * @param traits What the graph shows of itself.
   * @throws {ModelError} if the graph does not run, or is not what it was taken for.
   */
  static async measure(decoder: Decoder, ids: ArrayLike<number>, traits: Traits): Promise<Shapes> {
    const first = Int32Array.from({ length: WIDTH }, (_, i) => ids[i]);
    const shapes = new Shapes(decoder, traits, [first, first.with(-1, ids[WIDTH])]);
    await shapes.#check();
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
    return tensorAt(this.decoder.blocks, this.traits.has, point);
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
      `Expected one activation a position at ${point.at} of layer ${point.layer} but it holds something else, as attention ` +
        "weights do (one a pair of positions), caches and constants: name another tensor",
    );
  }

  /** Reads the shapes at hook points that are not known yet. */
  async know(points: readonly HookPoint[]): Promise<void> {
    const tensors = new Set(points.map((point) => this.tensorOf(point)));
    const unknown = [...tensors].filter((tensor) => !this.#targets.has(tensor));
    if (unknown.length === 0) return;
    const shorter = await this.decoder.read(this.#tokens(WIDTH - 2), unknown);
    for (const [tensor, value] of await this.decoder.read(this.#tokens(), unknown)) {
      // An axis that is as long as the prompts by chance does not follow them.
      const { dims } = shorter.get(tensor)!;
      const follows = dims[0] !== value.dims[0] || dims[1] !== value.dims[1];
      this.#targets.set(tensor, follows ? this.#targetOf(tensor, value) : null);
    }
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
      : layers.filter((layer) => this.traits.has(at.replaceAll("{layer}", String(layer))));
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

  /** Whether following on the cache gives what reading the whole text gives; tried once, a fault is told. */
  cacheWorks(tell: (fault: string) => void): Promise<boolean> {
    this.#cache ??= cacheFault(this.decoder, pad([this.prompts[0]], "right", 0), this.tolerance).then((fault) => {
      if (fault) tell(fault);
      return !fault;
    });
    return this.#cache;
  }

  /**
   * Runs hooks that are told to do nothing, once for each set of them.
   *
   * @throws {ModelError} if the logits change: the runtime computes the graph otherwise when it is hooked.
   */
  async assertIdle(edits: readonly Edit[]): Promise<void> {
    const kinds = edits.map(kindOf).join();
    if (edits.length === 0 || this.#idle.has(kinds)) return;
    const idler = edits.find(({ tensor }) => !this.traits.matters(tensor));
    if (idler) {
      throw new ModelError(
        `Expected a tensor that the logits are computed from, in floating point, but "${idler.tensor}" is none: changing it ` +
          "would change nothing",
      );
    }
    // A basis of zeros ablates nothing, an offset of zeros steers nowhere, and without replacements no gate opens.
    const idle = edits.map((edit) => ({
      ...edit,
      basis: new Float32Array(edit.dim),
      rank: 1,
      offset: new Float32Array(edit.dim),
      replacements: [],
    }));
    const error = distance(float32(await this.decoder.logits(this.#tokens(), idle)), this.#logits);
    // Where what a hooked norm gives is rounded, the last bits of a sum decide to what.
    if (!(error <= (this.traits.rounds ? 0.3 : this.tolerance))) {
      const [away, where] = [error.toPrecision(2), edits.map(({ tensor }) => tensor).join(", ")];
      throw new ModelError(
        `Expected a hook that does nothing to change nothing but the logits are ${away} of their length away (${where}): ` +
          "onnxruntime computes this graph otherwise when it is hooked; take another dtype or device",
      );
    }
    this.#idle.add(kinds);
  }

  async #check(): Promise<void> {
    const { decoder, tolerance } = this;
    const tokens = this.#tokens();
    const tensors = new Set(decoder.blocks.flatMap((block) => SITES.flatMap((site) => block[site] ?? [])));
    const read = await decoder.read(tokens, [...tensors], [], { logits: true });
    for (const tensor of tensors) this.#targets.set(tensor, this.#targetOf(tensor, read.get(tensor)!));
    const logits = read.get("logits")!;
    const { final } = this;
    this.#assertFinite((tensor) => float32(read.get(tensor)!));
    const stream = float32(read.get(final.tensor)!);
    this.#vocab = logits.dims.at(-1)!;
    this.#logits = float32(logits).slice();
    this.#allLogits = logits.size === tokens.batch * WIDTH * this.#vocab;
    const second = this.traits.fixedBatch
      ? float32((await decoder.read(pad([this.prompts[1]], "right", 0), [final.tensor])).get(final.tensor)!)
      : stream.subarray(WIDTH * final.dim);
    assertCausal(stream, second, (WIDTH - 1) * final.dim, tolerance);
    const pushed = await decoder.unembed(
      new decoder.ort.Tensor("float32", stream, [tokens.batch, WIDTH, final.dim]),
      final.isFlat,
    );
    const error = distance(float32(pushed), float32(logits));
    if (error <= tolerance) return;
    if (!Number.isFinite(error)) throw overflow("the last norm and the logits hold");
    const [block, away] = [decoder.blocks.length - 1, error.toPrecision(2)];
    throw new ModelError(
      `Expected one residual stream that gives the model's logits through its last norm and unembedding but what was found ` +
        `after block ${block} gives others, ${away} of their length away: a graph of several streams (Gemma 3n's AltUp, ` +
        "hyper-connections) is not read; of another model use another export",
    );
  }

  #assertFinite(valuesOf: (tensor: string) => Float32Array): void {
    const layer = this.decoder.blocks.findIndex((block) => !valuesOf(block.resid_post).every(Number.isFinite));
    if (layer >= 0) throw overflow(`the stream after block ${layer} holds`);
  }

  /** What a tensor holds, given its values for {@link #tokens}; null if that is not one activation a position. */
  #targetOf(tensor: string, { dims, size }: Tensor): Target | null {
    const { batch } = this.#tokens();
    const places = batch * WIDTH;
    const isFlat = dims.length === 3 && dims[0] === batch && dims[1] === WIDTH;
    const isRows = dims[0] === places || (dims[0] === batch && dims[1] === WIDTH);
    const isPattern = this.decoder.blocks.some(({ pattern }) => pattern === tensor);
    return isRows && !isPattern && size > 0 ? { tensor, dim: size / places, isFlat } : null;
  }
}

/** The first numbers of two prompts' streams are of the same tokens, so they must be the same. */
function assertCausal(first: Float32Array, second: Float32Array, same: number, tolerance: number): void {
  const error = distance(first.subarray(0, same), second.subarray(0, same));
  if (error <= tolerance) return;
  throw new ModelError(
    `Expected a decoder, whose activations do not depend on the tokens after them, but these differ by ` +
      `${error.toPrecision(2)} of their length: encoders are not read`,
  );
}
