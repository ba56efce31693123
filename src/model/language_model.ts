/** A loaded language model: the sessions it has open, and what it answers from them. */
import type { BackendName } from "../compute/backend.ts";
import type { GraphProto } from "../compute/onnx/codec.ts";
import type { InferenceSession, OrtRuntime } from "../compute/ort.ts";
import { captureName, cutToCapture } from "./capture.ts";
import { assertCount, assertLayers } from "./check.ts";
import { composeEdits } from "./edits.ts";
import { ModelError } from "./error.ts";
import { promptFeeds } from "./feeds.ts";
import { generateTokens, type Generator } from "./generate.ts";
import type { HookedSession } from "./hooked_session.ts";
import { cutToTail, LENS_INPUT } from "./lens.ts";
import type { ModelFile } from "./model_file.ts";
import { float32, residual, topK } from "./outputs.ts";
import { keepOnDevice, runSession } from "./runtime.ts";
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
} from "./types.ts";

/** Logits that the lens holds at a time, 64 MiB of them. */
const LENS_LOGITS = 2 ** 24;

/** What a model is made of; {@link "./load.ts"} puts it together. */
export interface Parts {
  readonly id: string;
  readonly dim: number;
  readonly vocab: number;
  readonly dtype: Dtype;
  readonly file: ModelFile;
  readonly session: HookedSession;
  readonly ort: OrtRuntime;
  readonly tokenizer: Tokenizer;
  readonly generator: Generator;
  /** Number that position ids start at. */
  readonly firstPosition: number;
}

/** The one implementation of {@link LanguageModel}. */
export class HookedLanguageModel implements LanguageModel {
  readonly id: string;
  readonly layers: number;
  readonly hook: HookSite = "resid_post";
  readonly dim: number;
  readonly vocab: number;
  readonly device: BackendName;
  readonly dtype: Dtype;
  readonly bos: BosRule;
  readonly notes: readonly string[] = [];
  readonly #parts: Parts;
  /** Cut sessions by what they were cut to. */
  readonly #sessions = new Map<string, Promise<InferenceSession>>();
  /** The last use of the whole graph: one set of edits at a time. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(parts: Parts) {
    this.#parts = parts;
    this.id = parts.id;
    this.layers = parts.file.graph.streams.length;
    this.dim = parts.dim;
    this.vocab = parts.vocab;
    this.device = parts.file.device;
    this.dtype = parts.dtype;
    this.bos = parts.tokenizer.bos;
  }

  get streamDim(): number {
    return this.dim;
  }

  withHook(at: HookSite): LanguageModel {
    if (at === this.hook) return this;
    throw new ModelError(`Expected the hook "resid_post" but got "${at}": other places cannot be read yet`);
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

  async capture(prompts: readonly Int32Array[], layers: readonly number[]): Promise<Capture> {
    const { file, generator } = this.#parts;
    assertLayers(layers, this.layers);
    if (layers.length === 0) throw new RangeError("Expected at least one layer to capture but got none");
    const wanted = [...new Set(layers)].sort((a, b) => a - b);
    const tokens = pad(prompts, "right", generator.padding);
    const names = wanted.map(captureName);
    const cut = (graph: GraphProto) => cutToCapture(graph, file.graph.streams, wanted);
    const open = () => file.open(cut, keepOnDevice(this.device, names));
    const session = await this.#session(`capture ${wanted}`, open);
    const inputs = file.graph.inputs.filter((input) => session.inputNames.includes(input.name));
    const outputs = await runSession(this.device, session, this.#feeds(inputs, tokens));
    const residuals = new Map(wanted.map((layer, i) => [layer, residual(outputs[names[i]], this.dim)]));
    return { batch: tokens.batch, width: tokens.width, residuals };
  }

  async logits(prompts: readonly Int32Array[], interventions: readonly Intervention[] = []): Promise<Logits> {
    const { session, generator, file } = this.#parts;
    const tokens = pad(prompts, "right", generator.padding);
    const feeds = this.#feeds(file.graph.inputs, tokens);
    const { logits } = await this.#withEdits(interventions, () => session.run(feeds, ["logits"]));
    const [batch, width, vocab] = logits.dims;
    if (width !== tokens.width) {
      throw new Error(
        `Expected logits at all ${tokens.width} positions but the graph gives them at ${width}: ` +
          "use an export that does not keep the last position only",
      );
    }
    return { batch, width, vocab, data: float32(logits) };
  }

  async generate(prompts: readonly Int32Array[], options: GenerateOptions = {}): Promise<string[]> {
    const { interventions = [], onProgress, maxNewTokens = 60, batchSize = 32 } = options;
    assertCount("maxNewTokens", maxNewTokens);
    assertCount("batchSize", batchSize);
    const texts = new Array<string>(prompts.length);
    let count = 0;
    await this.#withEdits(
      interventions,
      () =>
        generateTokens(this.#parts.generator, prompts, { maxNewTokens, batchSize }, (rows, tokens) => {
          rows.forEach((row, i) => texts[row] = this.decode(tokens[i], { skipSpecial: true }));
          count += rows.length;
          onProgress?.(count);
        }),
    );
    return texts;
  }

  async lens(directions: Float32Array<ArrayBuffer>, rows: number, k = 5): Promise<LensToken[][]> {
    const { file, ort } = this.#parts;
    const { dim } = this;
    assertCount("k", k);
    if (directions.length !== rows * dim) {
      throw new RangeError(
        `Expected ${rows} directions of ${dim} numbers, the width of the stream, but got ${directions.length} numbers`,
      );
    }
    const final = file.graph.streams[this.layers - 1];
    const session = await this.#session("tail", () => file.open((graph) => cutToTail(graph, final, dim)));
    const inputs = file.graph.inputs.filter((input) => session.inputNames.includes(input.name));
    const found: LensToken[][] = [];
    const step = Math.max(1, Math.floor(LENS_LOGITS / this.vocab));
    for (let from = 0; from < rows; from += step) {
      const count = Math.min(step, rows - from);
      const chunk = directions.slice(from * dim, (from + count) * dim);
      // One position a row: graphs that keep only the last position's logits keep them all.
      const stream = new ort.Tensor("float32", chunk, [count, 1, dim]);
      const tokens = pad(Array.from({ length: count }, () => new Int32Array(1)), "right", 0);
      const feeds = { ...this.#feeds(inputs, tokens), [LENS_INPUT]: stream };
      const logits = (await runSession(this.device, session, feeds))[session.outputNames[0]];
      const values = float32(logits);
      for (let row = 0; row < count; row++) {
        const top = topK(values, row * this.vocab, this.vocab, k);
        found.push(top.map(({ id, logit }) => ({ token: this.decode([id]), id, logit })));
      }
    }
    return found;
  }

  async dispose(): Promise<void> {
    await this.#turn;
    const sessions = [...this.#sessions.values()];
    this.#sessions.clear();
    await this.#parts.session.release();
    for (const session of sessions) await (await session).release();
  }

  #feeds(inputs: ModelFile["graph"]["inputs"], tokens: TokenBatch) {
    return promptFeeds(this.#parts.ort, inputs, tokens, this.#parts.firstPosition);
  }

  /** Runs `action` while the whole graph's hooks do what `interventions` ask, after whatever runs now. */
  #withEdits<T>(interventions: readonly Intervention[], action: () => Promise<T>): Promise<T> {
    const { session } = this.#parts;
    const edits = composeEdits(interventions, this.layers, this.dim);
    const result = this.#turn.then(async () => {
      session.edits = edits;
      try {
        return await action();
      } finally {
        session.edits = new Map();
      }
    });
    this.#turn = result.catch(() => {});
    return result;
  }

  #session(key: string, open: () => Promise<InferenceSession>): Promise<InferenceSession> {
    let session = this.#sessions.get(key);
    if (!session) {
      session = open();
      session.catch(() => this.#sessions.delete(key));
      this.#sessions.set(key, session);
    }
    return session;
  }
}
