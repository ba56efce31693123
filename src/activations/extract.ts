import type { Backend } from "../compute/backend.ts";
import { assertKind } from "../compute/kinds.ts";
import { assertOptions, assertWhole, type OptionKinds } from "../compute/known_options.ts";
import { otherTurns } from "../compute/other_turns.ts";
import { tokensAtOnce } from "../model/pieces.ts";
import type { LanguageModel } from "../model/types.ts";
import type { CorpusEntry } from "./corpus.ts";
import { CorpusError } from "./errors.ts";
import { assertExtractor, type Extractor } from "./extractor.ts";
import { type Gather, gatherer, type GatherFactory } from "./gather.ts";
import { layOut, type Pass } from "./layout.ts";
import type { Prompt } from "./prompt.ts";
import { readPrompt, tokenPrompt, windowPrompts } from "./read_prompts.ts";
import { SELECT_OPTIONS, type Selection, selectionOf, type SelectOptions, Selector } from "./selection.ts";
import { assertContext, defaultContext, describedBy, describeStream, type StreamSource } from "./source.ts";
import { type StreamBatch, streamBatch } from "./stream.ts";
import { strideOf, WINDOW_OPTIONS, type WindowOptions } from "./windows.ts";

/** A text to extract from; without an `id` its number in the stream is taken. */
export type Text = string | Pick<CorpusEntry, "text"> & Partial<Pick<CorpusEntry, "id">>;

/** A prompt that is no text, such as random ids: decoding and encoding again would give others. */
export interface TokenIds {
  /** Default: its number in the stream. */
  readonly id?: string;
  /**
   * Read as they are, `<bos>` first where the model wants it, those beyond the context in windows as of a text; no chat
   * template is put around them.
   */
  readonly tokens: ArrayLike<number>;
}

/** How to extract. */
export interface ExtractOptions extends SelectOptions, WindowOptions {
  /** Layers to read, each at the model's hook; one forward pass gives all of them. */
  layers: readonly number[];
  /** Positions that become activations; default `"per-position"`. */
  extractor?: Extractor;
  /**
   * Tokens of a prompt at most, `<bos>` included; default 128, or what the model can read, if that is less. A longer text
   * is read in {@linkcode WindowOptions.windows}, a prompt each.
   */
  context?: number;
  /** Prompts of a published batch; default 128. θ is a mean over such batches, so it depends on this number. */
  batchPrompts?: number;
  /** Prompts of a forward pass at most; default 32. */
  forwardPrompts?: number;
  /**
   * Tokens of a forward pass at most, padding included, but no less than one prompt. How the batches are cut into passes
   * changes last digits only. Default as many as a model of this size reads in about a second.
   */
  forwardTokens?: number;
  /** Where the activations go; by default they stay on the host only. */
  backend?: Backend;
  /** Reads each text as a user's turn in the model's chat template; default false. */
  chat?: boolean;
  /**
   * Prompts, windows of long texts among them, at the start of the stream to pass over without running them, for a run
   * that goes on; default 0. With whole batches (a multiple of `batchPrompts`) the rest of the stream is the same to the
   * byte as if nothing was skipped.
   */
  skipPrompts?: number;
  /** Where the stream ends, in prompts from its start, skipped ones included; default: with the corpus. */
  maxPrompts?: number;
  /** Ends the stream with the prompt that reaches so many tokens, `<bos>` and skipped prompts included; default none. */
  maxTokens?: number;
  /** Ends the stream at so many activations, skipped ones included, if need be within a prompt; default none. */
  maxActivations?: number;
  /** Called after every forward pass and every batch. */
  onProgress?: (state: ExtractProgress) => void;
}

/** What was read of a stream so far, skipped prompts included; of a batch that is not whole yet, what has been run. */
export interface ExtractProgress {
  /** Texts that were read to their end, or to where they were cut. */
  readonly texts: number;
  /** Those of them that were cut, and whose rest is in no prompt. */
  readonly truncated: number;
  /** What was read, in texts, for how far a stream is: a window counts as the share of its text that it is. */
  readonly inTexts: number;
  /** Prompts: texts, or windows of long ones. */
  readonly prompts: number;
  /** Their tokens, `<bos>` included. */
  readonly tokens: number;
  /** Their activations. */
  readonly activations: number;
}

const OPTIONS: OptionKinds<ExtractOptions> = {
  ...SELECT_OPTIONS,
  ...WINDOW_OPTIONS,
  layers: "numbers",
  extractor: "string",
  context: "number",
  batchPrompts: "number",
  forwardPrompts: "number",
  forwardTokens: "number",
  backend: "backend",
  chat: "boolean",
  skipPrompts: "number",
  maxPrompts: "number",
  maxTokens: "number",
  maxActivations: "number",
  onProgress: "function",
};

type Settings =
  & Required<Omit<ExtractOptions, "backend" | "extractor" | keyof SelectOptions | keyof WindowOptions>>
  & { readonly selection: Selection; readonly stride?: number };

const NOTHING: ExtractProgress = { texts: 0, inTexts: 0, truncated: 0, prompts: 0, tokens: 0, activations: 0 };

/** A prompt, and its positions that become activations. */
interface Selected {
  readonly prompt: Prompt;
  readonly positions: Int32Array<ArrayBuffer>;
}

/**
 * The activations of a model on a corpus, batch by batch: tokenized with `<bos>` first, run right-padded in passes of
 * similar lengths, and put back in stream order (prompt, then position).
 *
 * A text longer than the context is read in windows, each a prompt that begins with `<bos>` too. Positions are positions in
 * the window; {@linkcode Prompt.text} and {@linkcode Prompt.start} say where that is. Every token after the first of a text
 * gives one activation. Long texts take turns: their windows come in rounds of `batchPrompts`, one of each text, so that
 * a batch is of as many texts as it can be. Where no text is long, prompts come in the order of the texts.
 *
 * A batch is run in passes of about a second each; a model that was given a signal ({@link LanguageModel.withSignal})
 * ends the stream between two of them.
 *
 * Batches of the same options have the same bytes. On a WebGPU model with the WebGPU backend the activations never
 * leave the GPU. Whoever takes a batch disposes it.
 *
 * @param model Whose activations are read, at its hook.
 * @param corpus Texts, entries of {@link "./corpus.ts".readCorpus}, or token ids.
 * @param options Layers, and how texts are read and batched.
 * @returns Batches of `rows x dim` a layer, all layers with the same rows.
 * @throws {RangeError} at the first step if an option makes no sense or the model has no such layer; at token ids that
 * the model does not have.
 * @throws {CorpusError} if the corpus is empty.
 *
 * @example Two layers at every position of two sentences
 * ```ts
 * import { loadModel } from "../model/mod.ts";
 * import { batchAt } from "./stream.ts";
 *
 * await using model = await loadModel("fixtures/gemma-2-toy", { device: "cpu" });
 * const texts = ["The cat sat on the mat.", "The dog."];
 * for await (using batch of extract(model, texts, { layers: [2, 3], context: 4, windows: "first" })) {
 *   const { rows, dim } = batchAt(batch, 3);
 *   if (rows !== 6 || dim !== model.dim) throw new Error(`Expected three tokens of each but found ${rows}`);
 * }
 * ```
 */
export async function* extract(
  model: LanguageModel,
  corpus: Iterable<Text | TokenIds> | AsyncIterable<Text | TokenIds>,
  options: ExtractOptions,
): AsyncGenerator<StreamBatch> {
  assertKind("the model of extract", model, "model");
  assertOptions("extract", options, OPTIONS);
  assertTexts(corpus);
  const settings = settle(model, options);
  const newGather = await gatherer(model, options.backend);
  const described = describedBy(options);
  const sources = new Map(settings.layers.map((layer) => [layer, describeStream({ ...described, model, layer })]));
  // What the next batch follows on.
  let before: ExtractProgress = NOTHING;
  const selector = new Selector(settings.selection);
  let selected: Selected[] = [];

  const emit = async (isPart = false): Promise<StreamBatch> => {
    const batch = await runBatch(model, selected, settings, sources, newGather, before, isPart);
    before = sumOf(before, selected);
    settings.onProgress(before);
    selected = [];
    return batch;
  };

  let seen: ExtractProgress = NOTHING;
  let isSpent = false;
  for await (const prompt of promptsOf(model, corpus, settings)) {
    await otherTurns(model.signal);
    // Skipped prompts are tokenized too: the stream index of what follows counts the activations that they would have
    // given, and what they hold is a repetition further on.
    const all = selector.take(prompt);
    const positions = all.subarray(0, settings.maxActivations - seen.activations);
    const isSkipped = seen.prompts < settings.skipPrompts;
    seen = sumOf(seen, [{ prompt, positions }]);
    if (isSkipped) {
      before = seen;
      if (seen.prompts === settings.skipPrompts) settings.onProgress(before);
    } else {
      selected.push({ prompt, positions });
      if (selected.length === settings.batchPrompts) yield await emit(positions.length < all.length);
    }
    const { prompts, tokens, activations } = seen;
    // Before the batch is run: the model reads nothing beyond the budget.
    isSpent = prompts >= settings.maxPrompts || tokens >= settings.maxTokens ||
      activations >= settings.maxActivations;
    if (isSpent) break;
  }
  if (selected.length > 0) yield await emit(isSpent);
  if (seen.prompts === 0) throw new CorpusError("Expected at least one prompt but the corpus is empty: name another");
}

/** Throws at one text where several are meant: its characters would be read as prompts. */
export function assertTexts(corpus: unknown): void {
  const isList = typeof corpus === "object" && corpus !== null &&
    (Symbol.iterator in corpus || Symbol.asyncIterator in corpus);
  if (isList) return;
  const found = typeof corpus === "string" ? "one text" : JSON.stringify(corpus) ?? typeof corpus;
  throw new TypeError(`Expected a list of texts, [text], to extract from but found ${found}`);
}

/** Throws unless this is a text of a stream, or token ids. */
export function assertEntry(entry: unknown, number: number): void {
  const fields = typeof entry === "string" ? { text: entry } : Object(entry);
  if (fields.id !== undefined) assertKind(`the id of prompt ${number} of the stream`, fields.id, "string");
  if (fields.tokens !== undefined) assertKind(`the tokens of prompt ${number} of the stream`, fields.tokens, "array");
  if (typeof fields.text === "string" || fields.tokens !== undefined) return;
  throw new TypeError(
    `Expected a text, { text } or { tokens } but prompt ${number} of the stream is ${
      JSON.stringify(entry) ?? typeof entry
    }`,
  );
}

function sumOf(
  { texts, inTexts, truncated, prompts, tokens, activations }: ExtractProgress,
  more: readonly Selected[],
): ExtractProgress {
  return {
    texts: more.reduce((sum, { prompt }) => sum + (prompt.continues ? 0 : 1), texts),
    inTexts: more.reduce((sum, { prompt }) => sum + (prompt.share ?? 1), inTexts),
    truncated: more.reduce((sum, { prompt }) => sum + (prompt.truncated ? 1 : 0), truncated),
    prompts: prompts + more.length,
    tokens: more.reduce((sum, { prompt }) => sum + prompt.tokens.length, tokens),
    activations: more.reduce((sum, { positions }) => sum + positions.length, activations),
  };
}

/**
 * The prompts of a corpus: in rounds of as many as a batch has, first the next window of each text that was begun, then
 * new texts. So a batch is of as many texts as can be, as where all are short: θ is measured within batches.
 */
async function* promptsOf(
  model: LanguageModel,
  corpus: Iterable<Text | TokenIds> | AsyncIterable<Text | TokenIds>,
  settings: Settings,
): AsyncGenerator<Prompt> {
  await using texts = textsOf(model, corpus, settings);
  let begun: Iterator<Prompt>[] = [];
  const read = (windows: Iterator<Prompt>): Prompt => {
    const prompt = windows.next().value;
    if (prompt.continues) begun.push(windows);
    return prompt;
  };
  for (let isEnd = false; !isEnd || begun.length > 0;) {
    const open = begun;
    begun = [];
    for (const windows of open) yield read(windows);
    for (let place = open.length; place < settings.batchPrompts && !isEnd; place++) {
      const next = await texts.next();
      if (next.done) isEnd = true;
      else yield read(next.value);
    }
  }
}

/** The prompts of each text. */
async function* textsOf(
  model: LanguageModel,
  corpus: Iterable<Text | TokenIds> | AsyncIterable<Text | TokenIds>,
  { context, chat, stride }: Settings,
): AsyncGenerator<Iterator<Prompt>> {
  let text = 0;
  for await (const entry of corpus) {
    assertEntry(entry, text);
    const given = typeof entry === "string" ? { text: entry } : entry;
    const place = { id: given.id ?? String(text), text: text++ };
    const content = "tokens" in given ? given.tokens : given.text;
    if (stride !== undefined) yield windowPrompts(model, place, content, context, stride);
    else if (typeof content !== "string") yield [tokenPrompt(model, place, content, context)].values();
    else yield [readPrompt(model, place, content, context, chat)].values();
  }
}

function settle(model: LanguageModel, options: ExtractOptions): Settings {
  const { extractor = "per-position", context = defaultContext(model), batchPrompts = 128, forwardPrompts = 32 } =
    options;
  const { chat = false, skipPrompts = 0, onProgress = () => {} } = options;
  const { maxPrompts = Infinity, maxTokens = Infinity, maxActivations = Infinity } = options;
  assertKind("layers of extract", options.layers, "numbers");
  const layers = [...new Set(options.layers)];
  assertExtractor(extractor);
  const selected = selectionOf({ ...options, extractor, chat }, model);
  if (layers.length === 0) throw new RangeError("Expected at least one layer to extract but found none");
  for (const layer of layers) assertWhole("a layer", layer, 0, model.layers - 1);
  // The first position is context only: one token more makes the first activation.
  assertWhole("a context", context, extractor === "per-position" ? 2 : 1);
  assertContext(model, context);
  const stride = strideOf({ ...options, context, extractor, chat });
  const selection = { ...selected, context, stride };
  assertWhole("the prompts of a batch", batchPrompts, 1);
  assertWhole("the prompts of a forward pass", forwardPrompts, 1);
  const { forwardTokens = tokensAtOnce(model, layers) } = options;
  assertWhole("the tokens of a forward pass", forwardTokens, 1);
  assertWhole("the prompts to skip", skipPrompts, 0);
  if (maxPrompts !== Infinity) assertWhole("the prompts at most", maxPrompts, 1);
  if (maxTokens !== Infinity) assertWhole("the tokens at most", maxTokens, 1);
  if (maxActivations !== Infinity) assertWhole("the activations at most", maxActivations, 1);
  const passes = { forwardPrompts, forwardTokens };
  const budget = { skipPrompts, maxPrompts, maxTokens, maxActivations };
  return { layers, selection, context, stride, batchPrompts, chat, ...passes, ...budget, onProgress };
}

async function runBatch(
  model: LanguageModel,
  selected: readonly Selected[],
  { layers, forwardPrompts, forwardTokens, onProgress }: Settings,
  sources: ReadonlyMap<number, StreamSource>,
  newGather: GatherFactory,
  before: ExtractProgress,
  isPart: boolean,
): Promise<StreamBatch> {
  const prompts = selected.map(({ prompt }) => prompt);
  const most = { prompts: forwardPrompts, tokens: forwardTokens };
  const { rows, provenance, passes } = layOut(prompts, selected.map(({ positions }) => positions), most);
  using gather = newGather(sources, rows);
  const run = { ...before };
  let forwardSeconds = 0;
  for (const pass of passes) {
    await otherTurns(model.signal);
    forwardSeconds += await runPass(model, pass, layers, gather);
    for (const { tokens, continues, share = 1, truncated } of pass.prompts) {
      run.inTexts += share;
      if (!continues) run.texts++;
      if (truncated) run.truncated++;
      run.tokens += tokens.length;
    }
    run.prompts += pass.prompts.length;
    run.activations += pass.targetRows.length;
    onProgress({ ...run });
  }
  const batches = gather.finish(provenance);
  const tokens = prompts.reduce((sum, { tokens }) => sum + tokens.length, 0);
  const { prompts: promptsBefore, activations: start } = before;
  const part = isPart && { isPart };
  return streamBatch({ prompts, tokens, promptsBefore, start, batches, forwardSeconds, ...part });
}

/** Runs one forward pass, hands its rows over, and says how many seconds the model took. */
async function runPass(model: LanguageModel, pass: Pass, layers: readonly number[], gather: Gather): Promise<number> {
  const before = performance.now();
  const capture = await model.capture(pass.prompts.map(({ tokens }) => tokens), layers);
  const seconds = (performance.now() - before) / 1000;
  using captured = new DisposableStack();
  for (const residual of capture.residuals.values()) captured.use(residual);
  await gather.take(capture, pass);
  return seconds;
}
