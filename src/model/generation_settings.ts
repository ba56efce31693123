/**
 * What of a model's generation settings counts. Generation here is greedy: the most likely token, always. So of
 * generation_config.json (and of config.json, which held the same once) the ids that end a text count and nothing else:
 * what weighs, forces, forbids or samples tokens, or sets lengths, is not applied, and that is told.
 */
import { type Config, flattened } from "./config.ts";
import { ModelError } from "./error.ts";

/**
 * Token ids that end a text: those of generation_config.json first, as transformers has it, for chat models end turns
 * with tokens that config.json lacks.
 *
 * @throws {ModelError} if what is told are no token ids.
 */
export function stopTokens(config: Config, generationConfig: Config = {}): number[] {
  const told = generationConfig.eos_token_id ?? config.eos_token_id ?? flattened(config).eos_token_id ?? [];
  const ids = [told].flat();
  if (ids.every((id) => Number.isInteger(id))) return ids as number[];
  throw new ModelError(
    `Expected eos_token_id, in generation_config.json or config.json, to be token ids but it is ${
      JSON.stringify(told)
    }: ` +
      "mend the file",
  );
}

/** Settings that change which tokens a text has, with the values that leave it alone. */
const CHANGING: Readonly<Record<string, readonly unknown[]>> = {
  repetition_penalty: [1],
  encoder_repetition_penalty: [1],
  no_repeat_ngram_size: [0],
  encoder_no_repeat_ngram_size: [0],
  bad_words_ids: [],
  sequence_bias: [],
  suppress_tokens: [],
  begin_suppress_tokens: [],
  forced_bos_token_id: [],
  forced_eos_token_id: [],
  forced_decoder_ids: [],
  min_length: [0],
  min_new_tokens: [0],
  exponential_decay_length_penalty: [],
  guidance_scale: [1],
  penalty_alpha: [0],
  dola_layers: [],
  watermarking_config: [],
  stop_strings: [],
  num_beams: [1],
  num_return_sequences: [1],
  do_sample: [false],
};

/** Those that count where tokens are drawn. */
const SAMPLING = ["temperature", "top_k", "top_p", "min_p", "typical_p", "epsilon_cutoff", "eta_cutoff"];

/** What a user of generated texts should know of settings that are not applied; undefined if there are none. */
export function ignoredNote(config: Config, generationConfig: Config = {}): string | undefined {
  const told: Config = { ...flattened(config), ...generationConfig };
  const isSet = (name: string, neutral: readonly unknown[] = []) => {
    const value = told[name] ?? null;
    return value !== null && !neutral.includes(value) && !(Array.isArray(value) && value.length === 0);
  };
  const changing = Object.keys(CHANGING).filter((name) => isSet(name, CHANGING[name]));
  const sampling = changing.includes("do_sample") ? SAMPLING.filter((name) => isSet(name)) : [];
  const names = [...changing, ...sampling].map((name) => `${name} ${JSON.stringify(told[name])}`);
  if (names.length === 0) return undefined;
  return `Texts are generated greedily, the most likely token each time: what the model's settings say beyond the ends of ` +
    `texts is not applied (${names.join(", ").slice(0, LONGEST)})`;
}

/** Characters of a list of settings, at most: models suppress thousands of tokens. */
const LONGEST = 300;
