/** The embedded model with other files beside its graph, and texts that are made by rule. */
import { join } from "node:path";
import { loadModel } from "../../mod.ts";
import type { LanguageModel, LoadOptions } from "../../src/model/mod.ts";
import { inFolder } from "../lib/folder.ts";

export const FIXTURES = new URL("../../fixtures/", import.meta.url).pathname;

// deno-lint-ignore no-explicit-any -- JSON that is about to be changed
type Json = any;
const FILES = ["config", "tokenizer", "tokenizer_config", "generation_config", "special_tokens_map"] as const;

/** What is changed in a model's files. */
export type Patch = Partial<Record<typeof FILES[number], (json: Json) => void>>;

/** Runs a test with the embedded model, its files changed. */
export async function withPatched(
  patch: Patch,
  test: (model: LanguageModel) => Promise<void>,
  options: LoadOptions = {},
): Promise<void> {
  await inFolder(async (folder) => {
    await Deno.mkdir(join(folder, "onnx"));
    await Deno.symlink(join(FIXTURES, "gemma-2-toy/onnx/model.onnx"), join(folder, "onnx/model.onnx"));
    for (const file of FILES) {
      const json = JSON.parse(await Deno.readTextFile(join(FIXTURES, "gemma-2-toy", `${file}.json`)));
      patch[file]?.(json);
      await Deno.writeTextFile(join(folder, `${file}.json`), JSON.stringify(json));
    }
    await using model = await loadModel(folder, { device: "cpu", ...options });
    await test(model);
  });
}

/** No `<bos>` anywhere. */
export const NO_BOS: Patch = {
  tokenizer: (json) => json.post_processor = null,
  tokenizer_config: (json) => {
    delete json.bos_token;
    json.add_bos_token = false;
  },
  special_tokens_map: (json) => delete json.bos_token,
  config: (json) => delete json.bos_token_id,
};

/** Digits in threes from the right: where a number ends decides how it begins. */
export const GROUPED_DIGITS: Patch = {
  tokenizer: (json) => {
    const threes = { Regex: "\\d{1,3}(?=(?:\\d{3})*(?:\\D|$))" };
    const split = { type: "Split", pattern: threes, behavior: "Isolated", invert: false };
    json.pre_tokenizer = { type: "Sequence", pretokenizers: [split, json.pre_tokenizer] };
  },
};

/** Pieces of words with their space before them, decoded as Llama's are: the first space of a text goes. */
export const SENTENCE_PIECES: Patch = {
  tokenizer: (json) => {
    const letters = [...new Set("▁thekingra")];
    const merges = ["▁ t", "h e", "▁t he", "▁ k", "i n", "in g", "▁k ing", "▁ r", "a n", "▁r an"];
    const special = ["<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>", "<end_of_turn>"];
    const vocab = [...special, ...letters, ...merges.map((merge) => merge.replace(" ", ""))];
    const underscore = { String: "▁" };
    json.normalizer = {
      type: "Sequence",
      normalizers: [
        { type: "Prepend", prepend: "▁" },
        { type: "Replace", pattern: { String: " " }, content: "▁" },
      ],
    };
    json.pre_tokenizer = null;
    json.decoder = {
      type: "Sequence",
      decoders: [
        { type: "Replace", pattern: underscore, content: " " },
        { type: "ByteFallback" },
        { type: "Fuse" },
        { type: "Strip", content: " ", start: 1, stop: 0 },
      ],
    };
    json.model = {
      ...{ type: "BPE", dropout: null, unk_token: "<unk>", fuse_unk: true, byte_fallback: true },
      ...{ continuing_subword_prefix: null, end_of_word_suffix: null },
      vocab: Object.fromEntries(vocab.map((token, id) => [token, id])),
      merges,
    };
  },
};

const WORDS =
  ("river stone glass market winter copper letter garden engine shadow bridge silver doctor window summer forest " +
    "paper thunder button cotton").split(" ");

/** Texts that differ by `seed`. */
export function sentences(count: number, seed: number): string[] {
  const word = (i: number) => WORDS[(i * 7 + seed * 3 + (i * i + seed) % 11) % WORDS.length];
  return Array.from({ length: count }, (_, i) => {
    const [first, second, third, fourth, fifth] = [i, i + 5, i + 2, 3 * i + 1, i + 9].map(word);
    return `The ${first} near the ${second} was ${third}, and every ${fourth} in the ${fifth} knew it well.`;
  });
}
