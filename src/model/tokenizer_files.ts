/**
 * A tokenizer from its files. transformers.js reads some of what they say otherwise than Python's libraries, without a word:
 * that is said here in a way that it reads right.
 */
import { join } from "node:path";
import { exists } from "../files/exists.ts";
import { readText } from "../files/open.ts";
import type { Config } from "./config.ts";
import type { PreTrainedTokenizer, TransformersModule } from "./runtime.ts";
import { normalizerAsWritten, preTokenizerAsWritten } from "./tokenizer_steps.ts";

/** The tokens that have a name. */
const NAMED = ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];
/** What these classes of Python take for `<bos>` where the files name none. */
const DEFAULT_BOS: Readonly<Record<string, string>> = {
  GPT2Tokenizer: "<|endoftext|>",
  CodeGenTokenizer: "<|endoftext|>",
};
/** Classes of models whose files name none, by `model_type`. */
const CLASSES: Readonly<Record<string, string>> = {
  gpt2: "GPT2Tokenizer",
  gptj: "GPT2Tokenizer",
  gpt_neo: "GPT2Tokenizer",
  codegen: "CodeGenTokenizer",
};

/**
 * Reads the tokenizer of a model folder.
 *
 * @param model The model's config.json.
 * @throws {Error} if a file is missing or makes no sense.
 */
export async function readTokenizerFiles(
  transformers: TransformersModule,
  folder: string,
  model: Config,
): Promise<PreTrainedTokenizer> {
  const [file, told, map] = await Promise.all([
    readJson(join(folder, "tokenizer.json")),
    readJson(join(folder, "tokenizer_config.json")),
    readIfThere(join(folder, "special_tokens_map.json")),
  ]);
  const className = (told.tokenizer_class as string | undefined)?.replace(/Fast$/, "") ??
    CLASSES[String(model.model_type)] ?? "PreTrainedTokenizer";
  const config = { ...told, ...namedTokens(told, map, file, className) };
  const named = (transformers as unknown as Record<string, unknown>)[className];
  const { PreTrainedTokenizer: Base } = transformers;
  const Class = typeof named === "function" && named.prototype instanceof Base ? named as typeof Base : Base;
  const tokenizer = new Class({
    ...file,
    added_tokens: addedTokens(file, told),
    normalizer: normalizerAsWritten(file.normalizer),
    pre_tokenizer: preTokenizerAsWritten(file.pre_tokenizer),
  }, config);
  const inner = tokenizer._tokenizer as unknown as Inner;
  keepWholeWords(inner);
  fallBackToBytes(inner);
  return tokenizer;
}

async function readJson(path: string): Promise<Config> {
  return JSON.parse(await readText(path));
}

async function readIfThere(path: string): Promise<Config> {
  return await exists(path) ? await readJson(path) : {};
}

/** What is told of an added token. */
interface AddedToken {
  readonly id: number;
  readonly content: string;
}

/** The added tokens: those of tokenizer.json, and what tokenizer_config.json has beyond these, with the ids that it says. */
function addedTokens({ added_tokens, model }: Config, { added_tokens_decoder }: Config): readonly AddedToken[] {
  const own = (added_tokens ?? []) as readonly AddedToken[];
  const known = new Set(own.map(({ content }) => content));
  const others = Object.entries((added_tokens_decoder ?? {}) as Record<string, Omit<AddedToken, "id">>)
    .filter(([, { content }]) => !known.has(content));
  if (others.length === 0) return own;
  const { vocab = {} } = (model ?? {}) as Config;
  const ids = new Map<string, number>(
    Array.isArray(vocab) ? vocab.map(([token], id) => [token, id]) : Object.entries(vocab as object),
  );
  const taken = new Set([...ids.values(), ...own.map(({ id }) => id)]);
  return [
    ...own,
    ...others.flatMap(([key, token]) => {
      const id = ids.get(token.content) ?? Number(key);
      // Another token has this id already: which of them is meant, the files do not tell.
      return taken.has(id) && !ids.has(token.content) ? [] : [{ ...token, id }];
    }),
  ];
}

/**
 * The tokens that have a name, as texts: of tokenizer_config.json, where they may be objects; of special_tokens_map.json,
 * where only that had them once; and for `<bos>` the one that texts begin with by the template of tokenizer.json, or the
 * class's own.
 */
function namedTokens(config: Config, map: Config, file: Config, className: string): Record<string, string> {
  // Whoever writes the tokens' settings there writes their names, too: a name that is missing is of no token.
  const others = "added_tokens_decoder" in config ? {} : map;
  const named = new Map<string, string>();
  for (const name of NAMED) {
    const text = textOf(name in config ? config[name] : others[name]);
    if (text !== undefined) named.set(name, text);
  }
  if (!("bos_token" in config) && !named.has("bos_token")) {
    const first = leadingToken(file.post_processor) ?? DEFAULT_BOS[className];
    if (first !== undefined) named.set("bos_token", first);
  }
  return Object.fromEntries(named);
}

/** The text of a token that is told as a text or as an object. */
export function textOf(token: unknown): string | undefined {
  const text = typeof token === "object" && token !== null ? (token as Config).content : token;
  return typeof text === "string" ? text : undefined;
}

/** The token that a text begins with. */
function leadingToken(processor: unknown): string | undefined {
  const { type, processors, single } = (processor ?? {}) as Config;
  if (type === "Sequence") return (processors as unknown[]).map(leadingToken).find((token) => token !== undefined);
  if (type !== "TemplateProcessing") return undefined;
  const [first] = single as { SpecialToken?: { id: string } }[];
  return first?.SpecialToken?.id;
}

/** What of the tokenizer inside is changed. */
interface Inner {
  readonly model: {
    readonly config: { readonly type?: string; readonly byte_fallback?: boolean };
    readonly tokens_to_ids: ReadonlyMap<string, number>;
    encode(pieces: string[]): string[];
  };
  readonly added_tokens: readonly { readonly single_word: boolean }[];
  readonly added_tokens_map: ReadonlyMap<string, { readonly single_word: boolean }>;
  readonly splitter_unnormalized: Splitter;
  readonly splitter_normalized: Splitter;
}

interface Splitter {
  /** Divides a text at the added tokens. */
  split(text: string): string[];
}

const WORD = String.raw`[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]`;
const ENDS_IN_WORD = new RegExp(`${WORD}$`, "u");
const BEGINS_WITH_WORD = new RegExp(`^${WORD}`, "u");
/** UTF-16 units of a letter. */
const LETTER = 2;

/** Makes added tokens that are words of their own (`single_word`) none within other words. */
function keepWholeWords({ added_tokens, added_tokens_map, ...splitters }: Inner): void {
  if (!added_tokens.some(({ single_word }) => single_word)) return;
  for (const splitter of [splitters.splitter_unnormalized, splitters.splitter_normalized]) {
    const split = splitter.split.bind(splitter);
    splitter.split = (text) => {
      const sections: string[] = [];
      let [end, wasText] = [0, false];
      for (const section of split(text)) {
        const start = end;
        end += section.length;
        const token = added_tokens_map.get(section);
        const isWithin = ENDS_IN_WORD.test(text.slice(Math.max(0, start - LETTER), start)) ||
          BEGINS_WITH_WORD.test(text.slice(end, end + LETTER));
        const isText = !token || (token.single_word && isWithin);
        if (isText && wasText) sections[sections.length - 1] += section;
        else sections.push(section);
        wasText = isText;
      }
      return sections;
    };
  }
}

/** Writes what a Unigram vocabulary lacks as bytes, where it has those (`byte_fallback`). */
function fallBackToBytes({ model }: Inner): void {
  const { config, tokens_to_ids } = model;
  if (config.type !== "Unigram" || config.byte_fallback !== true) return;
  const encode = model.encode.bind(model);
  model.encode = (pieces) =>
    encode(pieces).flatMap((piece) => {
      if (tokens_to_ids.has(piece)) return piece;
      const bytes = Array.from(new TextEncoder().encode(piece), (byte) => `<0x${hexadecimal(byte)}>`);
      return bytes.every((token) => tokens_to_ids.has(token)) ? bytes : piece;
    });
}

function hexadecimal(byte: number): string {
  return byte.toString(16).toUpperCase().padStart(2, "0");
}
