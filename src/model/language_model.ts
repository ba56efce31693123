/** A loaded language model: what it answers from its decoder. */
import type { BackendName } from "../compute/backend.ts";
import { assertKind, inWords } from "../compute/kinds.ts";
import { assertOptions, type OptionKinds } from "../compute/known_options.ts";
import { otherTurns } from "../compute/other_turns.ts";
import { assertChat, assertCount } from "./check.ts";
import type { Decoder } from "./decoder.ts";
import { assertIntervention, composeEdits, type Edit, type Target } from "./edits.ts";
import { generateTokens, type Generator } from "./generate.ts";
import { float32, residual, residualOf, topK } from "./outputs.ts";
import { tokensAtOnce } from "./pieces.ts";
import type { Shapes } from "./shapes.ts";
import type { Tokenizer } from "./tokenizer.ts";
import { pad, type TokenBatch } from "./tokens.ts";
import type {
  BosRule,
  Capture,
  ChatMessage,
  ControlTokenRule,
  Dtype,
  GenerateOptions,
  HookSite,
  Intervention,
  LanguageModel,
  LensToken,
  Logits,
  Residual,
} from "./types.ts";

/**
 * Logits that the lens holds at a time, 16 MiB of them, but no fewer streams than make it worth reading the unembedding
 * for.
 */
const LENS_LOGITS = 2 ** 22;
const FEWEST_STREAMS = 64;

const GENERATE_OPTIONS: OptionKinds<GenerateOptions> = {
  maxNewTokens: "number",
  interventions: "list",
  onProgress: "function",
  batchSize: "number",
};

/** What a model is made of; {@link "./load.ts"} puts it together. */
export interface Parts {
  readonly id: string;
  readonly checksum: string;
  readonly dtype: Dtype;
  readonly weights: "onnx" | "safetensors";
  readonly origin?: { readonly revision: string; readonly commit: string };
  readonly notes: Notes;
  readonly decoder: Decoder;
  readonly shapes: Shapes;
  readonly tokenizer: Tokenizer;
  /** Token ids that the model has are below; Infinity if the graph does not show its table. */
  readonly tokens: number;
  /** Tokens that a text may have. */
  readonly maxContext: number;
  readonly generator: Generator;
  /** Whether prompts must run one at a time. */
  readonly oneAtATime: boolean;
  /** Whether a text is read whole at every new token, although there is a cache. */
  readonly rereads: boolean;
}

/** What a user should know; it can turn out late. */
export class Notes {
  readonly all: string[] = [];
  constructor(readonly tell: (note: string) => void = () => {}) {}

  add(note: string): void {
    if (this.all.includes(note)) return;
    this.all.push(note);
    this.tell(note);
  }
}

/** The one implementation of {@link LanguageModel}. */
export class HookedLanguageModel implements LanguageModel {
  readonly id: string;
  readonly checksum: string;
  readonly layers: number;
  readonly hook: HookSite;
  readonly dim: number;
  readonly streamDim: number;
  readonly vocab: number;
  readonly specialTokens: readonly number[];
  readonly maxContext: number;
  readonly device: BackendName;
  readonly dtype: Dtype;
  readonly weights: "onnx" | "safetensors";
  readonly revision?: string;
  readonly commit?: string;
  readonly bos: BosRule;
  readonly controlTokens: ControlTokenRule;
  readonly templateDate?: string;
  readonly notes: readonly string[];
  readonly signal?: AbortSignal;
  readonly #parts: Parts;

  private constructor(parts: Parts, hook: HookSite, dim: number, signal?: AbortSignal) {
    this.#parts = parts;
    this.id = parts.id;
    this.checksum = parts.checksum;
    this.layers = parts.decoder.blocks.length;
    this.hook = hook;
    this.dim = dim;
    this.streamDim = parts.shapes.streamDim;
    this.vocab = parts.shapes.vocab;
    this.specialTokens = parts.tokenizer.specialTokens;
    this.maxContext = parts.maxContext;
    this.device = parts.decoder.sessions.device;
    this.dtype = parts.dtype;
    this.weights = parts.weights;
    if (parts.origin) ({ revision: this.revision, commit: this.commit } = parts.origin);
    this.bos = parts.tokenizer.bos;
    this.controlTokens = parts.tokenizer.controlTokens;
    this.templateDate = parts.tokenizer.templateDate;
    this.notes = parts.notes.all;
    if (signal) this.signal = signal;
  }

  /** A model that is read and changed at a site; throws if it has no such site, or one without a width. */
  static async at(parts: Parts, hook: HookSite, signal?: AbortSignal): Promise<HookedLanguageModel> {
    return new HookedLanguageModel(parts, hook, await parts.shapes.widthOf(hook), signal);
  }

  async withHook(at: HookSite): Promise<LanguageModel> {
    assertKind("the hook of withHook", at, "string");
    return await HookedLanguageModel.at(this.#parts, at, this.signal);
  }

  withSignal(signal: AbortSignal): LanguageModel {
    assertKind("the signal of withSignal", signal, AbortSignal);
    const either = this.signal ? AbortSignal.any([this.signal, signal]) : signal;
    return new HookedLanguageModel(this.#parts, this.hook, this.dim, either);
  }

  encode(text: string, context?: number): Int32Array<ArrayBuffer> {
    assertKind("the text of encode", text, "string");
    return this.#parts.tokenizer.encode(text, context);
  }

  encodeChat(messages: readonly ChatMessage[], context?: number): Int32Array<ArrayBuffer> {
    assertChat(messages);
    return this.#parts.tokenizer.encodeChat(messages, context);
  }

  decode(tokens: ArrayLike<number>, options: { skipSpecial?: boolean } = {}): string {
    assertOptions("decode", options, { skipSpecial: "boolean" });
    this.#assertTokens(tokens);
    return this.#parts.tokenizer.decode(tokens, options.skipSpecial ?? false);
  }

  async capture(
    prompts: readonly Int32Array[],
    layers: readonly number[],
    at: HookSite = this.hook,
  ): Promise<Capture> {
    const { decoder, shapes, generator } = this.#parts;
    this.#assertReadable(prompts);
    assertKind("layers of capture", layers, "numbers");
    assertKind("the hook of capture", at, "string");
    if (layers.length === 0) throw new RangeError("Expected at least one layer to capture but got none");
    const wanted = [...new Set(layers)].sort((a, b) => a - b);
    const points = wanted.map((layer) => ({ layer, at }));
    const tensors = points.map((point) => shapes.tensorOf(point));
    await shapes.know(points);
    // Attention weights are the one thing that is read though it is not one activation a position.
    if (at !== "pattern") { for (const point of points) shapes.target(point); }
    const { width } = pad(prompts, "right", generator.padding);
    const atOnce = this.#captureAtOnce(width, wanted, at);
    const read = (tokens: TokenBatch, onDevice: boolean) =>
      decoder.read(tokens, [...new Set(tensors)], [], { onDevice });
    const residuals = new Map<number, Residual>();
    if (prompts.length <= atOnce) {
      await otherTurns(this.signal);
      const outputs = await read(pad(prompts, "right", generator.padding), true);
      wanted.forEach((layer, i) => residuals.set(layer, residual(outputs.get(tensors[i])!, prompts.length * width)));
      return { batch: prompts.length, width, residuals };
    }
    const stacks = wanted.map(() => new Stack(prompts.length, width));
    await this.#inTurns(prompts, atOnce, async (some, numbers) => {
      const tokens = pad(some, "right", generator.padding, numbers);
      const outputs = await read(tokens, false);
      stacks.forEach((stack, i) => stack.add(float32(outputs.get(tensors[i])!), tokens));
    });
    wanted.forEach((layer, i) => residuals.set(layer, stacks[i].residual()));
    return { batch: prompts.length, width, residuals };
  }

  async logits(prompts: readonly Int32Array[], interventions: readonly Intervention[] = []): Promise<Logits> {
    const { shapes, generator } = this.#parts;
    this.#assertReadable(prompts);
    const edits = await this.#edits(interventions, prompts, false);
    const { width, batch } = pad(prompts, "right", generator.padding);
    const { vocab } = shapes;
    const parts = await this.#inTurns(prompts, this.#atOnce(width, [this.layers - 1]), async (some, numbers) => {
      const tokens = pad(some, "right", generator.padding, numbers);
      return { tokens, logits: await this.#allLogits(tokens, edits) };
    });
    if (parts.length === 1) return { batch, width, vocab, data: parts[0].logits };
    const data = new Float32Array(batch * width * vocab);
    let row = 0;
    for (const { tokens, logits } of parts) {
      // Each is padded to its own longest prompt: what follows stays 0.
      const own = tokens.width * vocab;
      for (let i = 0; i < tokens.batch; i++, row++) {
        data.set(logits.subarray(i * own, (i + 1) * own), row * width * vocab);
      }
    }
    return { batch, width, vocab, data };
  }

  async generate(prompts: readonly Int32Array[], options: GenerateOptions = {}): Promise<string[]> {
    assertOptions("generate", options, GENERATE_OPTIONS);
    const { interventions = [], onProgress, maxNewTokens = 60, batchSize = 32 } = options;
    const { generator, decoder, oneAtATime } = this.#parts;
    assertCount("maxNewTokens", maxNewTokens);
    assertCount("batchSize", batchSize);
    this.#assertReadable(prompts);
    if (prompts.length === 0) return [];
    if (generator.note !== undefined) this.#parts.notes.add(generator.note);
    const edits = await this.#edits(interventions, prompts, true);
    const texts = new Array<string>(prompts.length);
    let count = 0;
    const rereads = await this.#rereads();
    const { maxContext, signal } = this;
    const settings = { maxNewTokens, maxContext, batchSize: oneAtATime ? 1 : batchSize, rereads, signal };
    await generateTokens(generator, decoder, prompts, edits, settings, (rows, tokens, room) => {
      if (room < maxNewTokens && tokens.some(({ length }) => length === room)) this.#parts.notes.add(this.#endNote());
      rows.forEach((row, i) => texts[row] = this.decode(tokens[i], { skipSpecial: true }));
      count += rows.length;
      onProgress?.(count);
    });
    return texts;
  }

  async lens(directions: Float32Array<ArrayBuffer>, rows: number, k = 5): Promise<LensToken[][]> {
    const { streamDim, vocab } = this;
    const { tokenizer } = this.#parts;
    assertCount("k", k);
    assertKind("directions of lens", directions, "array");
    if (!Number.isInteger(rows) || rows < 0) {
      throw new RangeError(`Expected rows of lens to be a number of directions but found ${inWords(rows)}`);
    }
    if (directions.length !== rows * streamDim) {
      throw new RangeError(
        `Expected ${rows} directions of ${streamDim} numbers, the width of the stream, but got ${directions.length} numbers`,
      );
    }
    if (!directions.every(Number.isFinite)) {
      throw new RangeError("Expected directions of finite numbers to read but they hold NaN or an infinity");
    }
    const lens: LensToken[][] = [];
    const step = this.#lensRows();
    for (let from = 0; from < rows; from += step) {
      await otherTurns(this.signal);
      const count = Math.min(step, rows - from);
      const values = await this.#unembed(directions.slice(from * streamDim, (from + count) * streamDim), count);
      for (let row = 0; row < count; row++) {
        const top = topK(values, row * vocab, vocab, k);
        lens.push(top.map(({ id, logit }) => ({ token: tokenizer.textOf(id), id, logit })));
      }
    }
    return lens;
  }

  async dispose(): Promise<void> {
    await this.#parts.decoder.sessions.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose();
  }

  /** Whether texts are generated without the cache; the first time it is tried. */
  async #rereads(): Promise<boolean> {
    const { decoder, rereads, shapes, notes } = this.#parts;
    if (rereads || decoder.io.caches.length === 0) return true;
    return !await shapes.cacheWorks((fault) =>
      notes.add(
        `The cache of this graph does not do here what reading the whole text does (${fault}), so texts are read whole at ` +
          "every new token, which is slow",
      )
    );
  }

  /** Streams that are pushed through the model's end together: each alone where activations are quantised together. */
  #lensRows(): number {
    return this.#parts.oneAtATime ? 1 : Math.max(FEWEST_STREAMS, Math.floor(LENS_LOGITS / this.vocab));
  }

  /** Logits of `rows` streams, each a position of its own: graphs that keep only the last position's keep them all. */
  async #unembed(streams: Float32Array<ArrayBuffer>, rows: number): Promise<Float32Array<ArrayBuffer>> {
    const { decoder, shapes } = this.#parts;
    const tensor = new decoder.ort.Tensor("float32", streams, [rows, 1, shapes.streamDim]);
    return float32(await decoder.unembed(tensor, shapes.final.isFlat));
  }

  /** Logits at every position, `batch * width x vocab`. */
  async #allLogits(tokens: TokenBatch, edits: readonly Edit[]): Promise<Float32Array<ArrayBuffer>> {
    const { decoder, shapes } = this.#parts;
    if (shapes.allLogits) return float32(await decoder.logits(tokens, edits));
    // The graph gives those of the last position: the others come from the stream.
    const { tensor } = shapes.final;
    const stream = float32((await decoder.read(tokens, [tensor], edits)).get(tensor)!);
    const data = new Float32Array(tokens.batch * tokens.width * shapes.vocab);
    const step = this.#lensRows();
    for (let from = 0; from < tokens.batch * tokens.width; from += step) {
      const count = Math.min(step, tokens.batch * tokens.width - from);
      const some = stream.slice(from * shapes.streamDim, (from + count) * shapes.streamDim);
      data.set(await this.#unembed(some, count), from * shapes.vocab);
    }
    return data;
  }

  /** Runs no more than so many prompts together, one group after the other, all about as large. */
  async #inTurns<T>(
    prompts: readonly Int32Array[],
    atOnce: number,
    run: (prompts: readonly Int32Array[], numbers: readonly number[]) => Promise<T>,
  ): Promise<T[]> {
    const results: T[] = [];
    const numbers = [...prompts.keys()];
    const step = Math.ceil(prompts.length / Math.ceil(prompts.length / atOnce));
    for (let from = 0; from < prompts.length; from += step) {
      await otherTurns(this.signal);
      results.push(await run(prompts.slice(from, from + step), numbers.slice(from, from + step)));
    }
    return results;
  }

  /**
   * Prompts of a length that a capture reads together: on the GPU all, where they stay; those whose attention weights are
   * read too, since groups of other widths could not be stacked.
   */
  #captureAtOnce(width: number, layers: readonly number[], at: HookSite): number {
    const isWhole = this.device !== "cpu" || at === "pattern";
    return isWhole && !this.#parts.oneAtATime ? Infinity : this.#atOnce(width, layers);
  }

  /** Prompts of a length that are run together: one where the graph's prompts change each other. */
  #atOnce(width: number, layers: readonly number[]): number {
    return this.#parts.oneAtATime ? 1 : Math.max(1, Math.floor(tokensAtOnce(this, layers) / width));
  }

  #endNote(): string {
    return `Generated texts end at ${this.maxContext} tokens, prompt included, all the positions that this model has, ` +
      "where they would have been longer";
  }

  /**
   * Throws unless the model can read the prompts. Graphs take a negative id for one counted from the end of their
   * table, and on WebGPU a position behind the end of its table for one that it has.
   */
  #assertReadable(prompts: readonly Int32Array[]): void {
    if (!Array.isArray(prompts)) {
      throw new TypeError(`Expected a list of prompts, [encode(text)], but found ${inWords(prompts)}`);
    }
    for (const [i, prompt] of prompts.entries()) {
      if (!isArray(prompt)) {
        throw new TypeError(
          `Expected prompts as token ids, as encode gives them, but prompt ${i} is ${inWords(prompt)}: encode it`,
        );
      }
      if (prompt.length > this.maxContext) {
        throw new RangeError(
          `Expected prompts of at most ${this.maxContext} tokens, all the positions that ${this.id} has, but ` +
            `prompt ${i} has ${prompt.length}: cut it (--context ${this.maxContext}), or take a shorter one`,
        );
      }
      const wrong = prompt.findIndex((id: unknown) => !isToken(id, this.#parts.tokens));
      if (wrong < 0) continue;
      throw new RangeError(
        `Expected token ids from 0 to ${this.#parts.tokens - 1}, which ${this.id} has, but prompt ${i} holds ${
          inWords(prompt[wrong])
        }`,
      );
    }
  }

  /** Throws unless the model or its tokenizer has the tokens: others would be "". */
  #assertTokens(tokens: ArrayLike<number>): void {
    if (!isArray(tokens)) {
      throw new TypeError(`Expected token ids to decode, as encode gives them, but found ${inWords(tokens)}`);
    }
    // Tables of tokens are often padded: logits may be of ids that no text has, and those are "". And a tokenizer may have
    // more tokens than the model reads.
    const { tokens: readable, tokenizer } = this.#parts;
    const count = Number.isFinite(readable) ? Math.max(readable, this.vocab) : this.vocab;
    const isKnown = (id: unknown) => isToken(id, count) || isToken(id, Infinity) && tokenizer.has(Number(id));
    const wrong = Array.from(tokens).findIndex((id) => !isKnown(id));
    if (wrong < 0) return;
    throw new RangeError(
      `Expected token ids from 0 to ${count - 1}, which ${this.id} has, but found ${inWords(tokens[wrong])}`,
    );
  }

  async #edits(
    interventions: readonly Intervention[],
    prompts: readonly Int32Array[],
    grow: boolean,
  ): Promise<Edit[]> {
    const { shapes } = this.#parts;
    assertKind("interventions", interventions, "list");
    interventions.forEach(assertIntervention);
    const points = interventions.map(({ layer, at = this.hook }) => ({ layer, at }));
    await shapes.know(points);
    const target = (point: typeof points[number]): Target => shapes.target(point);
    const lengths = prompts.map(({ length }) => length);
    const edits = composeEdits(interventions, target, this.hook, { lengths, grow });
    await shapes.assertIdle(edits);
    return edits;
  }
}

/** Whether this is an array of whatever, for {@linkcode isToken} to look at. */
function isArray(value: unknown): boolean {
  return Array.isArray(value) || ArrayBuffer.isView(value);
}

/** Whether this is one of so many token ids, as a number or, in arrays of 64 bits, a bigint. */
function isToken(id: unknown, count: number): boolean {
  return (typeof id === "bigint" || Number.isInteger(id)) && Number(id) >= 0 && Number(id) < count;
}

/** Activations of prompts that are read in groups, as one padded batch on the host. */
class Stack {
  #dim = 0;
  #data = new Float32Array(0);
  #row = 0;

  constructor(readonly batch: number, readonly width: number) {}

  /** Adds a group's, padded to its own longest prompt. */
  add(values: Float32Array, { batch, width }: TokenBatch): void {
    this.#dim = values.length / (batch * width);
    if (this.#row === 0) this.#data = new Float32Array(this.batch * this.width * this.#dim);
    for (let i = 0; i < batch; i++, this.#row++) {
      const own = values.subarray(i * width * this.#dim, (i + 1) * width * this.#dim);
      this.#data.set(own, this.#row * this.width * this.#dim);
    }
  }

  residual(): Residual {
    return residualOf(this.#dim, { data: this.#data });
  }
}
