/** The flags that every experiment has. */
import type { BackendChoice } from "../../compute/backend.ts";
import { MAX_UNPACKED } from "../../files/unpacking.ts";
import { suffixes } from "../../model/dtypes.ts";
import { dayOf, TEMPLATE_DATE } from "../../model/template_date.ts";
import { BOS_RULES, CONTROL_TOKEN_RULES } from "../../model/tokenizer.ts";
import type { BosRule, ControlTokenRule, Dtype, HookSite } from "../../model/types.ts";
import { flagName, type Flags, type Layers, UsageError } from "./flags.ts";
import { HOOK_HELP } from "./hook_text.ts";

/** Their values. */
export interface CommonFlags {
  /** Folder or hub id of the model. */
  readonly model: string;
  /** Layers of the hook points; see {@link Run.layers}. */
  readonly layers: Layers;
  /** Percentiles p of the dictionaries. */
  readonly percentiles: readonly number[];
  /** File of the corpus, folder of its shards, or pattern. */
  readonly corpus: string;
  /** Field of its rows that holds the text. */
  readonly field?: string;
  /** Budget of tokens. */
  readonly maxTokens: number;
  /** Seed of every random draw. */
  readonly seed: number;
  /** Where to compute. */
  readonly device: BackendChoice;
  /** Storage type of the model's weights. */
  readonly dtype: Dtype;
  /** Where in each layer activations are read and changed. */
  readonly hook: HookSite;
  /** Whether `<bos>` stands before texts. */
  readonly bos: BosRule;
  /** What control tokens in texts are read as. */
  readonly controlTokens: ControlTokenRule;
  /** The day that a chat template is told it is. */
  readonly templateDate: string;
  /** Whether an ONNX graph is run or one built over the checkpoint. */
  readonly weights?: "onnx" | "safetensors";
  /** Branch, tag or commit of a model of the hub. */
  readonly revision?: string;
  /** Folder of the graph in the model's. */
  readonly subfolder?: string;
  /** Name of the graph's file. */
  readonly modelFile?: string;
  /** Folder of what is downloaded. */
  readonly cache?: string;
  /** Hosts of mirrors that get the token, with commas. */
  readonly tokenFor?: string;
  /** Whether the hub is not to be asked. */
  readonly offline: boolean;
  /** Whether it is asked for newer commits than those that are cached. */
  readonly refresh: boolean;
  /** Bytes that a compressed file may unpack to. */
  readonly maxUnpacked: number;
  /** Folder of the results. */
  readonly out: string;
  /** Whether result tables are written as Parquet, too. */
  readonly parquet: boolean;
  /** Whether to go on from the last checkpoint. */
  readonly resume: boolean;
  /** Whether progress is not shown. */
  readonly quiet: boolean;
}

/**
 * From where to where percentiles of flags go. Of the smallest distance of all, percentile 0, no dictionary can be made: it
 * is that of the two activations that are nearest to equal.
 *
 * @example
 * ```ts
 * import { PERCENTILE_LIMITS, readFlags } from "../mod.ts";
 *
 * const flags = { at: { type: "numbers", ...PERCENTILE_LIMITS, help: "percentiles" } } as const;
 * if (readFlags(["--at", "0.3,8"], flags).at?.length !== 2) throw new Error("Expected two percentiles");
 * ```
 */
export const PERCENTILE_LIMITS = { min: 0.001, max: 100 } as const;

/** Common flags that an experiment may lack, each with a sentence of what it has instead, without its end. */
export type LackedFlags = Readonly<Partial<Record<"percentiles" | "corpus" | "maxTokens" | "templateDate", string>>>;

/** What an experiment lacks that reads texts as they are. */
export const WITHOUT_TEMPLATE = { templateDate: "it reads texts as they are, without a chat template" } as const;

/** What an experiment says of its flags. */
export interface FlagDeclarations {
  /** Its name. */
  readonly name: string;
  /** Values of common flags where they differ from the house's. */
  readonly defaults?: Partial<CommonFlags>;
  /** Flags of its own. */
  readonly flags?: Flags;
  /** Common flags that it has not. */
  readonly without?: LackedFlags;
  /** Whether it reads one layer only. */
  readonly oneLayer?: boolean;
}

/** All flags of an experiment: those that every one has but for those it lacks, with its own defaults, and its own. */
export function allFlags(declarations: FlagDeclarations): Flags {
  const lacked = Object.keys(declarations.without ?? {});
  return Object.fromEntries(Object.entries(everyFlag(declarations)).filter(([key]) => !lacked.includes(key)));
}

/**
 * Throws if a flag is given that an experiment lacks though others have it.
 *
 * @throws {UsageError} A sentence that says what there is instead.
 */
export function assertHas({ name, without = {} }: FlagDeclarations, isGiven: (flag: string) => boolean): void {
  for (const [key, instead] of Object.entries(without)) {
    if (isGiven(key)) throw new UsageError(`There is no flag ${flagName(key)} in ${name}: ${instead}. See --help.`);
  }
}

/** The flags' values, which say so where one is read that the experiment lacks. */
export function withoutLacked<T extends object>(values: T, { name, without = {} }: FlagDeclarations): T {
  return new Proxy(values, {
    get(target, key, receiver) {
      if (typeof key === "string" && key in without) throw new Error(`Expected a flag of ${name} but ${key} is none.`);
      return Reflect.get(target, key, receiver);
    },
  });
}

function everyFlag({ name, defaults = {}, flags, oneLayer = false }: FlagDeclarations): Flags {
  const value = <K extends keyof CommonFlags>(key: K, house: CommonFlags[K]) =>
    (key in defaults ? defaults[key as keyof typeof defaults] : house) as CommonFlags[K];
  return {
    model: {
      type: "string",
      default: value("model", "fixtures/gemma-2-toy"),
      names: "model",
      help: "folder of the model, or owner/name on the hub",
    },
    layers: {
      type: "layers",
      default: value("layers", "all"),
      min: 0,
      sorted: true,
      ...(oneLayer
        ? { maxLength: 1, minLength: 1, help: "layer to read" }
        : { help: "layers to read: 3,5 or 0-7 or all" }),
    },
    percentiles: {
      type: "numbers",
      default: value("percentiles", [1, 2, 4, 8, 10]),
      ...PERCENTILE_LIMITS,
      sorted: true,
      help: "percentiles p of pairwise distance, one dictionary each",
    },
    corpus: {
      type: "string",
      default: value("corpus", "fixtures/corpora/pile.jsonl"),
      names: "corpus",
      help: "corpus: a file, a folder of shards or a pattern, here or hf://datasets/owner/name/file",
    },
    field: {
      type: "string",
      help:
        "field of the corpus that holds the text, such as document.text, if it is not text, content, prompt, messages",
    },
    maxTokens: { type: "integer", default: value("maxTokens", 2e6), min: 1, help: "budget of tokens: 2e6, 500k, 2M" },
    seed: { type: "integer", default: value("seed", 0), min: 0, help: "seed of every random draw" },
    device: {
      type: "string",
      default: value("device", "auto"),
      choices: ["auto", "cpu", "webgpu"],
      help: "where to compute; auto takes a real GPU if there is one",
    },
    dtype: {
      type: "string",
      default: value("dtype", "fp32"),
      choices: Object.keys(suffixes),
      help: "storage type of the model's weights",
    },
    hook: { type: "string", default: value("hook", "resid_post"), help: HOOK_HELP },
    bos: {
      type: "string",
      default: value("bos", "always"),
      choices: BOS_RULES,
      help: "whether <bos> stands before texts: wherever there is one, as the tokenizer has it, or not at all",
    },
    controlTokens: {
      type: "string",
      default: value("controlTokens", "text"),
      choices: CONTROL_TOKEN_RULES,
      help: "what control tokens in texts, such as <end_of_turn>, are read as: text like any other, or the tokens",
    },
    templateDate: {
      type: "string",
      default: value("templateDate", TEMPLATE_DATE),
      check: dayOf,
      help: "the day that a chat template is told it is, if it writes one",
    },
    ...flags,
    weights: {
      type: "string",
      choices: ["onnx", "safetensors"],
      help: "run the ONNX graph, or one built over the checkpoint; the latter for fp32, if its family is known",
    },
    revision: { type: "string", help: "branch, tag or commit of --model on the hub; owner/name@revision says it too" },
    subfolder: { type: "string", help: "folder of the model's graph, if it is not onnx" },
    modelFile: { type: "string", help: "name of the model's graph, if it is not model: model_q4.onnx, decoder_model" },
    cache: { type: "string", help: "folder of downloads, if not EXEMPLAR_CACHE or that of the user's caches" },
    tokenFor: { type: "string", help: "hosts of mirrors that may have HF_TOKEN, with commas; the hub gets it anyway" },
    offline: { type: "boolean", help: "take what is cached, ask nobody" },
    refresh: { type: "boolean", help: "ask the hub whether a branch has a newer commit than the cached one" },
    maxUnpacked: {
      type: "number",
      default: value("maxUnpacked", MAX_UNPACKED),
      min: 1,
      help: "bytes that a compressed .npz file, or a row group of Parquet or Arrow, may unpack to: 500M, 8G",
    },
    out: { type: "string", default: value("out", `results/${name}`), help: "folder of the results" },
    parquet: { type: "boolean", help: "write every table of results as .parquet, too, beside its .arrow" },
    resume: { type: "boolean", help: "go on from what a stopped run finished in --out" },
    quiet: {
      type: "boolean",
      help: "say nothing on stderr but why a run failed; notes stand in run.json and in the report",
    },
    help: { type: "boolean", help: "show this" },
  };
}
