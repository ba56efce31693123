/** A tokenizer of as many tokens as the made graphs know: special ones and the letters a to z, one token each. */
const SPECIAL = ["<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>", "<end_of_turn>"];
const BOS = 2;
const [START, END] = [4, 5];

/** First id that is not special. */
export const FIRST_LETTER = SPECIAL.length;

/** Ids of a text of letters, without `<bos>`. */
function letters(text: string): number[] {
  return Array.from(text, (letter) => FIRST_LETTER + letter.charCodeAt(0) - 97);
}

/** Right ids of a text and of a chat. */
export function tokenized() {
  const [text, asked] = ["theking", "whoareyou"];
  return {
    text: { text, ids: [BOS, ...letters(text)] },
    chat: {
      messages: [{ role: "user", content: asked }],
      ids: [BOS, START, ...letters("user"), ...letters(asked), END, START, ...letters("model")],
    },
  };
}

/** tokenizer.json and tokenizer_config.json. */
export function tokenizerFiles(): Record<string, unknown> {
  const tokens = [...SPECIAL, ..."abcdefghijklmnopqrstuvwxyz"];
  const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
  const level = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true };
  const template = "{{ bos_token }}{% for message in messages %}<start_of_turn>{{ message['role'] }}" +
    "{{ message['content'] }}<end_of_turn>{% endfor %}{% if add_generation_prompt %}<start_of_turn>model{% endif %}";
  return {
    "tokenizer.json": {
      version: "1.0",
      truncation: null,
      padding: null,
      added_tokens: SPECIAL.map((content, id) => ({ id, content, ...flags })),
      normalizer: null,
      pre_tokenizer: level,
      post_processor: withBos(),
      decoder: level,
      model: {
        type: "BPE",
        dropout: null,
        unk_token: null,
        continuing_subword_prefix: null,
        end_of_word_suffix: null,
        fuse_unk: false,
        byte_fallback: false,
        vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
        merges: [],
      },
    },
    "tokenizer_config.json": {
      tokenizer_class: "PreTrainedTokenizerFast",
      bos_token: "<bos>",
      eos_token: "<eos>",
      pad_token: "<pad>",
      unk_token: "<unk>",
      add_bos_token: true,
      clean_up_tokenization_spaces: false,
      model_max_length: 64,
      chat_template: template,
      added_tokens_decoder: Object.fromEntries(SPECIAL.map((content, id) => [id, { content, ...flags }])),
    },
  };
}

/** The step that puts `<bos>` before a text. */
function withBos() {
  const part = (type_id: number, id: string) => [
    { SpecialToken: { id: "<bos>", type_id } },
    { Sequence: { id, type_id } },
  ];
  return {
    type: "TemplateProcessing",
    single: part(0, "A"),
    pair: [...part(0, "A"), ...part(1, "B")],
    special_tokens: { "<bos>": { id: "<bos>", ids: [BOS], tokens: ["<bos>"] } },
  };
}
