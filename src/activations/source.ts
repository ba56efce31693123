import { assertOptions, type OptionNames } from "../compute/known_options.ts";
import type { BosRule, ControlTokenRule, HookPoint, HookSite, LanguageModel } from "../model/types.ts";
import { SELECT_OPTIONS, type Selection, selectionOf, selectionText, type SelectOptions } from "./selection.ts";
import type { Extractor } from "./extractor.ts";
import { strideOf, WINDOW_OPTIONS, type WindowOptions, windowsText } from "./windows.ts";

/** How a stream of activations was read, whatever the layer. */
export type Reading = Selection & {
  /** Folder or hub id of the model. */
  readonly model: string;
  /** Branch, tag or commit of the hub that was asked for; absent for a folder. */
  readonly revision?: string;
  /** The commit of the hub that the model's files are of; absent for a folder. */
  readonly commit?: string;
  /** Tokens of a prompt at most, `<bos>` included. */
  readonly context: number;
  /** Tokens that the windows of a longer text advance by; absent where its first only is read. */
  readonly stride?: number;
  /** Prompts of a published batch. */
  readonly batchPrompts: number;
  /** Whether texts are read as a user's turn of a chat. */
  readonly chat: boolean;
  /** Name of the corpus, such as its path. */
  readonly corpus: string;
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
export function defaultContext({ maxContext = Infinity }: Partial<Pick<LanguageModel, "maxContext">>): number {
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

/** What {@link describeStream} needs; all but the layer, the model and the corpus have the defaults of `extract`. */
export interface DescribeOptions extends SelectOptions, WindowOptions {
  /** The model, or its folder or hub id. */
  model:
    | string
    | Pick<LanguageModel, "id" | "hook" | "bos" | "revision" | "commit">
      & Partial<
        Pick<LanguageModel, "maxContext" | "encodeChat" | "specialTokens" | "vocab" | "controlTokens" | "templateDate">
      >;
  /** Layer that is read. */
  layer: number;
  /** Where in the layer; default the model's own hook, `"resid_post"` where it is given by its name. */
  at?: HookSite;
  /** Name of the corpus, such as its path. */
  corpus: string;
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
type OfTheModel = Partial<Pick<StreamSource, "hook" | "revision" | "commit" | "controlTokens" | "templateDate">>;

const DESCRIBE_OPTIONS: OptionNames<DescribeOptions & OfTheModel> = {
  ...SELECT_OPTIONS,
  ...WINDOW_OPTIONS,
  hook: true,
  revision: true,
  commit: true,
  controlTokens: true,
  templateDate: true,
  model: true,
  layer: true,
  at: true,
  corpus: true,
  extractor: true,
  context: true,
  batchPrompts: true,
  chat: true,
  maxNorm: true,
  bos: true,
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
  const given: Exclude<DescribeOptions["model"], string> = typeof model === "string"
    ? { id: model, hook: "resid_post", bos: "always" }
    : model;
  const { id, hook, bos, controlTokens, templateDate, revision, commit, maxContext } = given;
  const { context = defaultContext({ maxContext }) } = options;
  const stride = strideOf({ ...options, context, extractor, chat });
  return {
    model: id,
    ...(commit === undefined ? {} : { revision, commit }),
    hook: { layer, at: options.at ?? hook },
    ...selectionOf({ ...options, extractor, chat }, given),
    context,
    ...(stride !== undefined && { stride }),
    batchPrompts,
    chat,
    corpus,
    ...(options.maxNorm !== undefined && { maxNorm: options.maxNorm }),
    bos: options.bos ?? bos,
    ...(controlTokens !== undefined && { controlTokens }),
    ...(chat && templateDate !== undefined && { templateDate }),
  };
}

/** Whether `<bos>` stood before the texts of a stream. */
export function bosOf({ bos = "always" }: Reading): BosRule {
  return bos;
}

/**
 * Throws unless two streams are read alike: a threshold made for one hook, extractor, context or rule for `<bos>`, for
 * texts or for chats, says nothing about another. Model and corpus may differ, as when an instruct model is read with its base model's
 * calibration.
 *
 * @param calibration What the calibration was made from.
 * @param stream What it is to be used on.
 * @throws {Error} that names the first difference.
 */
export function assertSameReading(calibration: StreamSource, stream: StreamSource): void {
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
    // What an older record does not tell is not different.
    if (expected === found || expected === undefined || found === undefined) continue;
    throw new Error(
      `Expected a stream of the calibration's ${name}, ${expected}, but found ${found}: calibrate on this stream, ` +
        `or extract it as the calibration did`,
    );
  }
}
