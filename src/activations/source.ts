import { assertKind } from "../compute/kinds.ts";
import { assertOneOf, assertOptions, assertWhole, type OptionKinds } from "../compute/known_options.ts";
import { bareName } from "../model/exports.ts";
import type { BosRule, ControlTokenRule, Dtype, HookPoint, HookSite, LanguageModel } from "../model/types.ts";
import { SELECT_OPTIONS, type Selection, selectionOf, selectionText, type SelectOptions } from "./selection.ts";
import { assertExtractor, type Extractor } from "./extractor.ts";
import { strideOf, WINDOW_OPTIONS, type WindowOptions, windowsText } from "./windows.ts";

/** How a stream of activations was read, whatever the layer. */
export type Reading = Selection & {
  /** Folder or hub id of the model. */
  readonly model: string;
  /** Branch, tag or commit of the hub that was asked for; absent for a folder. */
  readonly revision?: string;
  /** The commit of the hub that the model's files are of; absent for a folder. */
  readonly commit?: string;
  /** Checksum of the model's files, see `LanguageModel.checksum`; absent in older records, and where it is not known. */
  readonly modelChecksum?: string;
  /** Storage type that the model's weights were run in; absent in older records. */
  readonly dtype?: Dtype;
  /** Whether its graph was an ONNX export, or built over its checkpoint; absent in older records. */
  readonly weights?: "onnx" | "safetensors";
  /** Tokens of a prompt at most, `<bos>` included. */
  readonly context: number;
  /** Tokens that the windows of a longer text advance by; absent where its first only is read. */
  readonly stride?: number;
  /** Prompts of a published batch. */
  readonly batchPrompts: number;
  /** Whether texts are read as a user's turn of a chat. */
  readonly chat: boolean;
  /** Name of the corpus, such as its path; absent where nobody told it. */
  readonly corpus?: string;
  /** Times the median norm beyond which activations were left out; absent if none was. */
  readonly maxNorm?: number;
  /** Whether `<bos>` stands before texts; absent in records from before there was a choice, when it always did. */
  readonly bos?: BosRule;
  /** What control tokens in texts were read as; absent in records from before there was a choice. */
  readonly controlTokens?: ControlTokenRule;
  /** The day that the chat template wrote; absent where it wrote none. */
  readonly templateDate?: string;
};

/**
 * Where the activations of one layer come from, as calibrations and dictionaries record it. Plain data: JSON keeps it.
 */
export type StreamSource = Reading & {
  /** Where in the model it is read. */
  readonly hook: HookPoint;
};

/** Tokens of a prompt at most unless something else is asked for. */
export function defaultContext(
  { maxContext = Infinity }: Partial<Pick<LanguageModel, "maxContext">>,
): number {
  return Math.min(128, maxContext);
}

/**
 * Throws unless a model has as many positions as a context: one prompt of a whole corpus may be the only long one.
 *
 * @throws {RangeError} A sentence that says how many it has.
 */
export function assertContext(
  { id, maxContext }: Pick<LanguageModel, "id" | "maxContext">,
  context: number,
): void {
  if (context <= maxContext) return;
  throw new RangeError(
    `Expected a context of at most ${maxContext} tokens, all the positions that ${id} has, but found ` +
      `${context}: take ${maxContext} (--context ${maxContext}) or fewer`,
  );
}

/** What {@link describeStream} needs; all but the layer and the model have the defaults of `extract`. */
export interface DescribeOptions extends SelectOptions, WindowOptions {
  /** The model, or its folder or hub id. */
  model:
    | string
    | Pick<LanguageModel, "id" | "hook" | "bos" | "revision" | "commit">
      & Partial<
        Pick<
          LanguageModel,
          | "checksum"
          | "dtype"
          | "weights"
          | "maxContext"
          | "encodeChat"
          | "specialTokens"
          | "vocab"
          | "controlTokens"
          | "templateDate"
        >
      >;
  /** Layer that is read. */
  layer: number;
  /** Where in the layer; default the model's own hook, `"resid_post"` where it is given by its name. */
  at?: HookSite;
  /** Name of the corpus, such as its path; default none is recorded. */
  corpus?: string;
  /** Default `"per-position"`. */
  extractor?: Extractor;
  /** Default 128, or what the model can read, if that is less. */
  context?: number;
  /** Default 128. */
  batchPrompts?: number;
  /** Default false. */
  chat?: boolean;
  /** Times the median norm of a calibration beyond which activations are left out, see `calibrate`; default none is. */
  maxNorm?: number;
  /** Default the model's own, `"always"` where it is given by its name. */
  bos?: BosRule;
}

/** What a source says beyond the options, which may be spread into them: the model and the layer tell it. */
type OfTheModel = Partial<Omit<StreamSource, keyof DescribeOptions>>;

const DESCRIBE_OPTIONS: OptionKinds<DescribeOptions & OfTheModel> = {
  ...SELECT_OPTIONS,
  ...WINDOW_OPTIONS,
  hook: "object",
  revision: "string",
  commit: "string",
  modelChecksum: "string",
  dtype: "string",
  weights: "string",
  controlTokens: "string",
  templateDate: "string",
  model: ["string", "object"],
  layer: "number",
  at: "string",
  corpus: "string",
  extractor: "string",
  context: "number",
  batchPrompts: "number",
  chat: "boolean",
  maxNorm: "number",
  bos: "string",
};

/** Of options of an extraction those that {@linkcode describeStream} takes: how much is read at once changes no activation. */
export function describedBy<T extends object>(options: T): Pick<T, keyof T & keyof DescribeOptions> {
  const entries = Object.entries(options).filter(([name]) => Object.hasOwn(DESCRIBE_OPTIONS, name));
  return Object.fromEntries(entries) as Pick<T, keyof T & keyof DescribeOptions>;
}

/**
 * Describes one layer of a stream.
 *
 * @param options Model, layer and corpus; how texts are read is as `extract` does it by default.
 * @returns Plain data, for calibrations, dictionaries and caches to record and compare.
 *
 * @example
 * ```ts
 * const source = describeStream({ model: "fixtures/gemma-2-toy", layer: 3, corpus: "pile.jsonl" });
 * if (source.hook.layer !== 3 || source.context !== 128) throw new Error(JSON.stringify(source));
 * ```
 */
export function describeStream(options: DescribeOptions): StreamSource {
  assertOptions("describeStream", options, DESCRIBE_OPTIONS);
  const { model, layer, corpus, extractor = "per-position", batchPrompts = 128, chat = false } = options;
  assertKind("model of describeStream", model, ["string", "object"]);
  assertWhole("layer of describeStream", layer, 0);
  assertWhole("batchPrompts", batchPrompts, 1);
  assertExtractor(extractor);
  if (options.maxNorm !== undefined && !(options.maxNorm > 1)) {
    throw new RangeError(`Expected maxNorm of describeStream to be more than 1 but found ${options.maxNorm}`);
  }
  const given: Exclude<DescribeOptions["model"], string> = typeof model === "string"
    ? { id: model, hook: "resid_post", bos: "always" }
    : model;
  const { id, checksum, dtype, weights, hook, bos, controlTokens, templateDate, revision, commit, maxContext } = given;
  assertKind("the model's id", id, "string");
  if (options.bos !== undefined) assertOneOf<BosRule>("bos", options.bos, ["always", "tokenizer", "never"]);
  const { context = defaultContext({ maxContext }) } = options;
  assertWhole("a context", context, 1);
  const stride = strideOf({ ...options, context, extractor, chat });
  return {
    model: id,
    ...(checksum !== undefined && { modelChecksum: checksum }),
    ...(dtype !== undefined && { dtype }),
    ...(weights !== undefined && { weights }),
    ...(commit === undefined ? {} : { revision, commit }),
    hook: { layer, at: options.at ?? hook },
    ...selectionOf({ ...options, extractor, chat }, given),
    context,
    ...(stride !== undefined && { stride }),
    batchPrompts,
    chat,
    ...(corpus !== undefined && { corpus }),
    ...(options.maxNorm !== undefined && { maxNorm: options.maxNorm }),
    bos: options.bos ?? bos,
    ...(controlTokens !== undefined && { controlTokens }),
    ...(chat && templateDate !== undefined && { templateDate }),
  };
}

/** What of a record says which model was run. */
export type ModelRecord = Pick<StreamSource, "model" | "modelChecksum" | "dtype" | "weights">;

/** Whether two records say different things; what an older one does not tell is not different. */
function differ<T>(one: T | undefined, other: T | undefined): boolean {
  return one !== undefined && other !== undefined && one !== other;
}

/**
 * What a stream's model has that another's has not, in words: other files, or the same in another storage type. Models
 * whose files are not known are told by their names, whoever owns or converted them.
 *
 * @returns Nothing if they are one model.
 */
export function modelDifference(one: ModelRecord, other: ModelRecord): string | undefined {
  if (differ(one.dtype, other.dtype)) return `weights in ${other.dtype} instead of ${one.dtype}`;
  if (differ(one.weights, other.weights)) return `weights of ${other.weights} instead of ${one.weights}`;
  if (differ(one.modelChecksum, other.modelChecksum)) return "other files (graph, weights or tokenizer)";
  const areKnown = one.modelChecksum !== undefined && other.modelChecksum !== undefined;
  // Who makes a model of their own need not name it.
  if (areKnown || !one.model || !other.model || bareName(one.model) === bareName(other.model)) return undefined;
  return `another name, ${other.model}`;
}

/**
 * Throws unless a model is the one that a record tells of.
 *
 * @param source The record, of a dictionary or a calibration.
 * @param model What it is to be used with.
 * @param remedy What to do, for the message.
 */
export function assertSameModel(
  source: ModelRecord,
  { id, checksum, dtype, weights }:
    & Pick<LanguageModel, "id">
    & Partial<Pick<LanguageModel, "checksum" | "dtype" | "weights">>,
  remedy: string,
): void {
  const difference = modelDifference(source, { model: id, modelChecksum: checksum, dtype, weights });
  if (!difference) return;
  throw new Error(`Expected the model ${source.model}, which was read, but found ${id} with ${difference}: ${remedy}`);
}

/** Whether `<bos>` stood before the texts of a stream. */
export function bosOf({ bos = "always" }: Reading): BosRule {
  return bos;
}

/** What decides which tokens a model reads of a text. */
type Tokenizing = Pick<LanguageModel, "bos"> & Partial<Pick<LanguageModel, "controlTokens" | "templateDate">>;

/**
 * What makes a model read other tokens of a text than a record's stream, by the name of its option in `loadModel`.
 *
 * @returns The option, its value in the record and that of the model; nothing if they read alike.
 */
export function tokensDifference(
  source: Reading,
  model: Tokenizing,
): { readonly option: keyof Tokenizing; readonly own: string; readonly its: string } | undefined {
  const values = [
    ["bos", bosOf(source), model.bos],
    ["controlTokens", source.controlTokens, model.controlTokens],
    // Texts have no template.
    ["templateDate", source.chat ? source.templateDate : undefined, model.templateDate],
  ] as const;
  for (const [option, own, its] of values) {
    if (own !== undefined && its !== undefined && own !== its) return { option, own, its };
  }
}

/** What takes batches, and what to do with those of another model, hook or layer. */
const REMEDIES = {
  dictionary: "add it to a dictionary of that, or assign it",
  calibration: "calibrate on it apart",
  cache: "describe the stream as it was extracted",
} as const;

type Recording = keyof typeof REMEDIES;

/** What to do with those that were read in another way. */
const READ_AS: Readonly<Record<Recording, string>> = {
  dictionary: "extract it as the dictionary's was, or build one on this stream",
  calibration: "calibrate on this stream, or extract it as the calibration did",
  cache: "describe the stream as it was extracted",
};

/**
 * Throws unless two streams are read alike: a threshold made for one hook, extractor, context or rule for `<bos>`, for
 * texts or for chats, says nothing about another. Model and corpus may differ, as when an instruct model is read with its
 * base model's calibration.
 *
 * @param calibration What the calibration was made from.
 * @param stream What it is to be used on.
 * @param whose What else than a calibration the first is of, for the message.
 * @throws {Error} that names the first difference.
 */
export function assertSameReading(
  calibration: StreamSource,
  stream: StreamSource,
  whose: Recording = "calibration",
): void {
  const other = bareName(calibration.model) === bareName(stream.model)
    ? modelDifference(calibration, stream)
    : undefined;
  if (other) {
    throw new Error(
      `Expected a stream of the ${whose}'s model, ${calibration.model}, but found it with ${other}: ${READ_AS[whose]}`,
    );
  }
  const readings: [string, (source: StreamSource) => string | number | undefined][] = [
    ["hook", ({ hook }) => `${hook.at} of layer ${hook.layer}`],
    ["kind of text", ({ chat }) => chat ? "chats in the model's template (chat)" : "plain text (no chat)"],
    ["extractor", selectionText],
    ["largest norm", ({ maxNorm }) => maxNorm === undefined ? "any" : `${maxNorm} times the median`],
    ["context length", ({ context }) => context],
    ["way to read long texts", windowsText],
    ["rule for <bos>", bosOf],
    ["reading of control tokens", ({ controlTokens }) => controlTokens],
    ["date in the chat template", ({ templateDate }) => templateDate],
  ];
  for (const [name, read] of readings) {
    const [expected, found] = [read(calibration), read(stream)];
    if (!differ(expected, found)) continue;
    throw new Error(`Expected a stream of the ${whose}'s ${name}, ${expected}, but found ${found}: ${READ_AS[whose]}`);
  }
}

/**
 * Throws if a batch tells that it is of another model, hook or layer than what takes it, or was read in another way. What
 * one of them does not tell is not different.
 *
 * @param whose What takes it, for the message.
 * @param own Its record.
 * @param source The batch's.
 * @throws {Error} that names the first difference.
 */
export function assertReadAs(
  whose: Recording,
  own: StreamSource | undefined,
  source: StreamSource | undefined,
): void {
  // All batches of a stream have one.
  if (!own || !source || own === source) return;
  assertSameOrigin(whose, own, source);
  // Which norms are left out is not the stream's to tell.
  assertSameReading(own, { ...source, maxNorm: own.maxNorm }, whose);
}

/** Throws if a batch tells that it is of another model, hook or layer; see {@linkcode assertReadAs}. */
export function assertSameOrigin(
  whose: Recording,
  own: StreamSource | undefined,
  source: StreamSource | undefined,
): void {
  if (!own || !source) return;
  const facts: [string, (source: StreamSource) => string | number | undefined][] = [
    ["layer", ({ hook }) => hook.layer],
    ["hook", ({ hook }) => hook.at],
    ["model, by its checksum", ({ modelChecksum }) => modelChecksum],
    ["storage type of weights", ({ dtype }) => dtype],
    ["kind of weights", ({ weights }) => weights],
  ];
  const other = facts.find(([, read]) => differ(read(own), read(source)));
  if (!other) return;
  const [name, read] = other;
  throw new Error(
    `Expected activations of the ${whose}'s own ${name}, ${read(own)}, but found a batch of ${read(source)}: ` +
      REMEDIES[whose],
  );
}
