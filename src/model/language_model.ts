/** A loaded language model: what it answers from its decoder. */
import type { BackendName } from "../compute/backend.ts";
import type { Tensor } from "../compute/ort.ts";
import { assertCount } from "./check.ts";
import type { Decoder } from "./decoder.ts";
import { composeEdits, type Edit, type Target } from "./edits.ts";
import { generateTokens, type Generator } from "./generate.ts";
import { float32, residual, topK } from "./outputs.ts";
import type { Shapes } from "./shapes.ts";
import type { Tokenizer } from "./tokenizer.ts";
import { pad, type TokenBatch } from "./tokens.ts";
import type {
  BosRule,
  Capture,
  ChatMessage,
  Dtype,
  GenerateOptions,
  HookSite,
  Intervention,
  LanguageModel,
  LensToken,
  Logits,
  Residual,
} from "./types.ts";

/** Logits that the lens holds at a time, 64 MiB of them. */
const LENS_LOGITS = 2 ** 24;

/** Numbers of the stream that a capture on the CPU holds at a time, 16 MiB of them: what a block makes of it is ten times that. */
const STREAM_NUMBERS = 2 ** 22;

/** What a model is made of; {@link "./load.ts"} puts it together. */
export interface Parts {
  readonly id: string;
  readonly dtype: Dtype;
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
  readonly layers: number;
  readonly hook: HookSite;
  readonly dim: number;
  readonly streamDim: number;
  readonly vocab: number;
  readonly maxContext: number;
  readonly device: BackendName;
  readonly dtype: Dtype;
  readonly revision?: string;
  readonly commit?: string;
  readonly bos: BosRule;
  readonly notes: readonly string[];
  readonly #parts: Parts;

  private constructor(parts: Parts, hook: HookSite, dim: number) {
    this.#parts = parts;
    this.id = parts.id;
    this.layers = parts.decoder.blocks.length;
    this.hook = hook;
    this.dim = dim;
    this.streamDim = parts.shapes.streamDim;
    this.vocab = parts.shapes.vocab;
    this.maxContext = parts.maxContext;
    this.device = parts.decoder.sessions.device;
    this.dtype = parts.dtype;
    if (parts.origin) ({ revision: this.revision, commit: this.commit } = parts.origin);
    this.bos = parts.tokenizer.bos;
    this.notes = parts.notes.all;
  }

  /** A model that is read and changed at a site; throws if it has no such site, or one without a width. */
  static async at(parts: Parts, hook: HookSite): Promise<HookedLanguageModel> {
    return new HookedLanguageModel(parts, hook, await parts.shapes.widthOf(hook));
  }

  withHook(at: HookSite): Promise<LanguageModel> {
    return HookedLanguageModel.at(this.#parts, at);
  }

  encode(text: string, context?: number): Int32Array<ArrayBuffer> {
    return this.#parts.tokenizer.encode(text, context);
  }

  encodeChat(messages: readonly ChatMessage[], context?: number): Int32Array<ArrayBuffer> {
    return this.#parts.tokenizer.encodeChat(messages, context);
  }

  decode(tokens: ArrayLike<number>, options: { skipSpecial?: boolean } = {}): string {
    return this.#parts.tokenizer.decode(tokens, options.skipSpecial ?? false);
  }

  async capture(
    prompts: readonly Int32Array[],
    layers: readonly number[],
    at: HookSite = this.hook,
  ): Promise<Capture> {
    const { decoder, shapes, generator } = this.#parts;
    this.#assertReadable(prompts);
    if (layers.length === 0) throw new RangeError("Expected at least one layer to capture but got none");
    const wanted = [...new Set(layers)].sort((a, b) => a - b);
    const points = wanted.map((layer) => ({ layer, at }));
    const tensors = points.map((point) => shapes.tensorOf(point));
    await shapes.know(points);
    // Attention weights are the one thing that is read though it is not one activation a position.
    if (at !== "pattern") { for (const point of points) shapes.target(point); }
    const width = pad(prompts, "right", generator.padding).width;
    const parts = await this.#inTurns(prompts, this.#atOnce(prompts, at), async (some, numbers) => {
      const tokens = pad(some, "right", generator.padding, numbers);
      const onDevice = some.length === prompts.length;
      return { tokens, read: await decoder.read(tokens, [...new Set(tensors)], [], { onDevice }) };
    });
    const residuals = new Map<number, Residual>();
    for (const [i, layer] of wanted.entries()) {
      const pieces = parts.map(({ read, tokens: { batch, width } }) => ({
        tensor: read.get(tensors[i])!,
        batch,
        width,
      }));
      residuals.set(
        layer,
        pieces.length === 1 ? residual(pieces[0].tensor, prompts.length * width) : stacked(pieces, width),
      );
    }
    return { batch: prompts.length, width, residuals };
  }

  async logits(prompts: readonly Int32Array[], interventions: readonly Intervention[] = []): Promise<Logits> {
    const { shapes, generator } = this.#parts;
    this.#assertReadable(prompts);
    const edits = await this.#edits(interventions, prompts, false);
    const { width, batch } = pad(prompts, "right", generator.padding);
    const { vocab } = shapes;
    const atOnce = this.#parts.oneAtATime ? 1 : prompts.length;
    const parts = await this.#inTurns(prompts, atOnce, async (some, numbers) => {
      const tokens = pad(some, "right", generator.padding, numbers);
      return await this.#allLogits(tokens, edits);
    });
    if (parts.length === 1) return { batch, width, vocab, data: parts[0] };
    const data = new Float32Array(batch * width * vocab);
    parts.forEach((part, row) => data.set(part, row * width * vocab));
    return { batch, width, vocab, data };
  }

  async generate(prompts: readonly Int32Array[], options: GenerateOptions = {}): Promise<string[]> {
    const { interventions = [], onProgress, maxNewTokens = 60, batchSize = 32 } = options;
    const { generator, decoder, oneAtATime } = this.#parts;
    assertCount("maxNewTokens", maxNewTokens);
    assertCount("batchSize", batchSize);
    this.#assertReadable(prompts);
    if (prompts.length === 0) return [];
    const edits = await this.#edits(interventions, prompts, true);
    const texts = new Array<string>(prompts.length);
    let count = 0;
    const rereads = await this.#rereads();
    const settings = { maxNewTokens, maxContext: this.maxContext, batchSize: oneAtATime ? 1 : batchSize, rereads };
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
    assertCount("k", k);
    if (directions.length !== rows * streamDim) {
      throw new RangeError(
        `Expected ${rows} directions of ${streamDim} numbers, the width of the stream, but got ${directions.length} numbers`,
      );
    }
    const found: LensToken[][] = [];
    const step = this.#lensRows();
    for (let from = 0; from < rows; from += step) {
      const count = Math.min(step, rows - from);
      const values = await this.#unembed(directions.slice(from * streamDim, (from + count) * streamDim), count);
      for (let row = 0; row < count; row++) {
        const top = topK(values, row * vocab, vocab, k);
        found.push(top.map(({ id, logit }) => ({ token: this.decode([id]), id, logit })));
      }
    }
    return found;
  }

  async dispose(): Promise<void> {
    await this.#parts.decoder.sessions.release();
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
    return this.#parts.oneAtATime ? 1 : Math.max(1, Math.floor(LENS_LOGITS / this.vocab));
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

  /** Runs so many prompts together, one group after the other. */
  async #inTurns<T>(
    prompts: readonly Int32Array[],
    atOnce: number,
    run: (prompts: readonly Int32Array[], numbers: readonly number[]) => Promise<T>,
  ): Promise<T[]> {
    const results: T[] = [];
    const numbers = [...prompts.keys()];
    for (let from = 0; from < prompts.length; from += atOnce) {
      results.push(await run(prompts.slice(from, from + atOnce), numbers.slice(from, from + atOnce)));
    }
    return results;
  }

  /**
   * Prompts that a capture reads together: one where the graph's prompts change each other, all on the GPU, where they stay,
   * and on the CPU as many as a wide model has memory for; a narrow one reads all.
   */
  #atOnce(prompts: readonly Int32Array[], at: HookSite): number {
    const { oneAtATime, shapes } = this.#parts;
    if (oneAtATime) return 1;
    if (this.device !== "cpu" || at === "pattern") return Math.max(1, prompts.length);
    const longest = prompts.reduce((most, { length }) => Math.max(most, length), 1);
    return Math.max(1, Math.floor(STREAM_NUMBERS / (longest * shapes.streamDim)));
  }

  #endNote(): string {
    return `Generated texts end at ${this.maxContext} tokens, prompt included, all that this model's table of positions has, ` +
      "where they would have been longer";
  }

  /**
   * Throws unless the model can read the prompts. Graphs take a negative id for one counted from the end of their table,
   * and on WebGPU a position behind the end of its table for one that it has.
   */
  #assertReadable(prompts: readonly Int32Array[]): void {
    for (const [i, prompt] of prompts.entries()) {
      if (prompt.length > this.maxContext) {
        throw new RangeError(
          `Expected prompts of at most ${this.maxContext} tokens, all that the table of positions of ${this.id} has, but ` +
            `prompt ${i} has ${prompt.length}: cut it (--context ${this.maxContext}), or take a shorter one`,
        );
      }
      const wrong = prompt.find((id) => id < 0 || id >= this.#parts.tokens);
      if (wrong === undefined) continue;
      throw new RangeError(
        `Expected token ids from 0 to ${this.#parts.tokens - 1}, which ${this.id} has, but prompt ${i} holds ${wrong}`,
      );
    }
  }

  async #edits(
    interventions: readonly Intervention[],
    prompts: readonly Int32Array[],
    grow: boolean,
  ): Promise<Edit[]> {
    const { shapes } = this.#parts;
    const points = interventions.map(({ layer, at = this.hook }) => ({ layer, at }));
    await shapes.know(points);
    const target = (point: typeof points[number]): Target => shapes.target(point);
    const lengths = prompts.map(({ length }) => length);
    const edits = composeEdits(interventions, target, this.hook, { lengths, grow });
    await shapes.assertIdle(edits);
    return edits;
  }
}

/** Prompts that were read in groups as one padded batch, on the host. */
function stacked(pieces: readonly { tensor: Tensor; batch: number; width: number }[], width: number): Residual {
  const [first] = pieces;
  const dim = first.tensor.size / (first.batch * first.width);
  const rows = pieces.reduce((sum, { batch }) => sum + batch, 0);
  const data = new Float32Array(rows * width * dim);
  let row = 0;
  for (const { tensor, batch, width: own } of pieces) {
    const values = float32(tensor);
    // A group is padded to its own longest prompt.
    for (let i = 0; i < batch; i++, row++) {
      data.set(values.subarray(i * own * dim, (i + 1) * own * dim), row * width * dim);
    }
  }
  return { dim, data, dispose: () => {} };
}
