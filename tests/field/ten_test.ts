/**
 * Kinds of ten more public reports, each as a small input. What is right was computed with the packages that wrote such
 * files: tokens with tokenizers 0.23, files with pyarrow 26.
 */
import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { readCorpus } from "../../mod.ts";
import { CorpusError } from "../../src/activations/mod.ts";
import type { LoadOptions } from "../../src/model/mod.ts";
import { assertLoopsWriteLast } from "../../src/model/chat_templates.ts";
import { inFolder } from "../lib/folder.ts";
import { type Patch, withPatched } from "./models.ts";

const INPUTS = new URL("inputs/ten/", import.meta.url).pathname;
const SPECIAL = ["<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>", "<end_of_turn>"];

/** What a text's tokens are with the embedded model's tokenizer, changed. */
function assertTokens(
  text: string,
  patch: Patch,
  expected: readonly number[],
  options: LoadOptions = {},
): Promise<void> {
  return withPatched(patch, (model) => Promise.resolve(assertEquals([...model.encode(text)], expected)), options);
}

/** The embedded tokenizer with this before its bytes. */
function splitting(step: Record<string, unknown>): Patch {
  return {
    tokenizer: (json) => {
      json.pre_tokenizer = { type: "Sequence", pretokenizers: [step, { ...json.pre_tokenizer, use_regex: false }] };
    },
  };
}

Deno.test("Unigram: letters that the vocabulary lacks are bytes", () => {
  const bytes = Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`);
  const vocab = [
    ...SPECIAL.map((token) => [token, 0]),
    ...[["▁the", -2], ["▁king", -3], ["▁", -2.5]],
    ...bytes.map((byte) => [byte, -9]),
  ];
  const spaces = { type: "Metaspace", replacement: "▁", prepend_scheme: "always", split: true };
  return assertTokens("the king é\n", {
    tokenizer: (json) => {
      json.pre_tokenizer = json.decoder = spaces;
      json.model = { type: "Unigram", unk_id: 3, vocab, byte_fallback: true };
    },
  }, [2, 6, 7, 8, 204, 178, 19]);
});

Deno.test("an added token that is a word of its own is none within other words", () => {
  const token = { content: "king", single_word: true, lstrip: false, rstrip: false, normalized: false, special: false };
  const patch: Patch = { tokenizer: (json) => json.added_tokens.push({ id: 4096, ...token }) };
  return assertTokens("the king, kings, making", patch, [2, 2187, 38, 4096, 50, 543, 680, 50, 1785]);
});

// In words: the|Ġ|k|ing|Ġ|Ġ|of|Ġ|the, and so on.
const SPLITS: Readonly<Record<string, readonly number[]>> = {
  Removed: [2, 2187, 113, 290, 2349, 2187],
  Isolated: [2, 2187, 38, 113, 290, 38, 38, 2349, 38, 2187],
  MergedWithPrevious: [2, 2187, 38, 113, 290, 38, 38, 2349, 38, 2187],
  MergedWithNext: [2, 2187, 2049, 38, 287, 272],
  Contiguous: [2, 2187, 38, 113, 290, 262, 2349, 38, 2187],
};
for (const [behavior, expected] of Object.entries(SPLITS)) {
  Deno.test(`a split at spaces, ${behavior}`, async () => {
    for (const pattern of [{ String: " " }, { Regex: "\\s" }]) {
      await assertTokens(
        "the king  of the",
        splitting({ type: "Split", pattern, behavior, invert: false }),
        expected,
      );
    }
  });
}

Deno.test("inverted splits merge what lies between their matches", async () => {
  const step = { type: "Split", pattern: { Regex: "[ -]" }, invert: true };
  await assertTokens(
    "the king--of the",
    splitting({ ...step, behavior: "MergedWithPrevious" }),
    [2, 2187, 2049, 51, 51, 2349, 272],
  );
  await assertTokens("the king--of the", splitting({ ...step, behavior: "Removed" }), [2, 38, 51, 51, 38]);
});

Deno.test("words are of letters of all scripts", () => {
  const words = [...SPECIAL, "the", "naïve", "königin", "२०२४"];
  return assertTokens("the naïve königin २०२४", {
    tokenizer: (json) => {
      json.pre_tokenizer = { type: "Whitespace" };
      json.decoder = null;
      json.model = {
        type: "WordLevel",
        vocab: Object.fromEntries(words.map((word, id) => [word, id])),
        unk_token: "<unk>",
      };
    },
  }, [2, 6, 7, 8, 9]);
});

Deno.test("a capital sigma is the same small letter everywhere", () =>
  assertTokens(
    "ΟΔΟΣ ΣΑΣ",
    { tokenizer: (json) => json.normalizer = { type: "Lowercase" } },
    // As of οδοσ σασ, which nobody writes.
    [2, 212, 197, 212, 186, 212, 197, 213, 137, 38, 213, 137, 212, 183, 213, 137],
  ));

Deno.test("what is stripped is white space to Unicode, which a mark of byte order is not", () => {
  const strip = { type: "Strip", strip_left: true, strip_right: true };
  const patch: Patch = { tokenizer: (json) => json.normalizer = strip };
  return assertTokens("\ufeff \u0085The king \u0085", patch, [2, 245, 193, 197, 38, 200, 139, 437, 2049]);
});

Deno.test("added tokens that tokenizer_config.json alone has are whole, and special", async () => {
  const patch: Patch = {
    tokenizer: (json) => json.added_tokens = json.added_tokens.slice(0, 4),
    tokenizer_config: (json) => json.added_tokens_decoder["4096"] = { content: "<call>", special: true },
  };
  await assertTokens("<start_of_turn>The king<call>", patch, [2, 4, 437, 2049, 4096], { controlTokens: "tokens" });
  await withPatched(
    patch,
    ({ specialTokens }) => Promise.resolve(assertEquals(specialTokens, [0, 1, 2, 3, 4, 5, 4096])),
  );
});

/** Where `<bos>` is told, and by whom it is put before texts. */
const BEGINNINGS: Readonly<Record<string, Patch>> = {
  "special_tokens_map.json alone": {
    tokenizer: (json) => json.post_processor = null,
    tokenizer_config: (json) => {
      delete json.bos_token;
      delete json.added_tokens_decoder;
    },
    special_tokens_map: (json) => json.bos_token = { content: "<bos>", lstrip: false, rstrip: false },
  },
  "an object in tokenizer_config.json": {
    tokenizer_config: (json) => json.bos_token = { content: "<bos>", lstrip: false, rstrip: false },
  },
  "the template of texts alone": {
    tokenizer_config: (json) => delete json.bos_token,
    special_tokens_map: (json) => delete json.bos_token,
  },
  "the class alone": {
    tokenizer: (json) => {
      json.post_processor = null;
      for (const token of json.added_tokens) if (token.content === "<bos>") token.content = "<|endoftext|>";
      json.model.vocab["<|endoftext|>"] = json.model.vocab["<bos>"];
      delete json.model.vocab["<bos>"];
    },
    tokenizer_config: (json) => {
      for (const name of Object.keys(json)) delete json[name];
      json.tokenizer_class = "GPT2Tokenizer";
    },
    special_tokens_map: (json) => delete json.bos_token,
  },
};
for (const [place, patch] of Object.entries(BEGINNINGS)) {
  Deno.test(`<bos> that is told by ${place} is put before texts, and left out where there should be none`, async () => {
    await assertTokens("The king", patch, [2, 437, 2049]);
    await withPatched(patch, (model) => Promise.resolve(assertEquals([...model.encode("The king")], [437, 2049])), {
      bos: "never",
    });
  });
}

Deno.test("a <bos> that the files rule out is none, whatever else they say", () =>
  assertTokens("The king", {
    tokenizer: (json) => json.post_processor = null,
    tokenizer_config: (json) => json.bos_token = null,
  }, [437, 2049]));

Deno.test("columns of one name are refused, as a row could hold one of them only", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/two.csv`, "id,text,text\n1,one,uno\n");
    await Deno.writeTextFile(`${folder}/unnamed.csv`, 'id,text,,\n1,"a ""b""\nc",d,e\n');
    for (const path of [`${folder}/two.csv`, `${INPUTS}two.arrow`, `${INPUTS}two.parquet`]) {
      const { message } = await assertRejects(() => Array.fromAsync(readCorpus(path)), CorpusError);
      assertMatch(message, /several named "?text/);
    }
    const [{ text }] = await Array.fromAsync(readCorpus(`${folder}/unnamed.csv`));
    assertEquals(text, 'a "b"\nc');
  }));

Deno.test("types of Arrow that are not read are named; the file is not called damaged", async () => {
  for (const [file, type] of [["runs.arrow", "RunEndEncoded"], ["views.arrow", "ListView"]]) {
    const { message } = await assertRejects(() => Array.fromAsync(readCorpus(`${INPUTS}${file}`)), CorpusError);
    assertMatch(message, new RegExp(`a column of the type ${type}, which is not read here`));
    assert(!message.includes("damaged"));
  }
});

Deno.test("a line that is a long text about NaN is read whole", () =>
  inFolder(async (folder) => {
    // Beyond 8 million letters V8's backtracking is out of room.
    const text = `NaN: "not\\a number", ${"as you like it ".repeat(800_000)}`;
    const lines = [JSON.stringify({ id: "long", text, score: 0 }).replace(/0\}$/, "NaN}"), '{"text": "short"}'];
    await Deno.writeTextFile(`${folder}/long.jsonl`, lines.join("\n"));
    const [long, short] = await Array.fromAsync(readCorpus(`${folder}/long.jsonl`));
    assert(long.text === text, `${long.text.length} of ${text.length} letters`);
    assertEquals([long.fields?.score, short.text], [NaN, "short"]);
  }));

/** What a loop has written in a turn that it leaves; jinja2 keeps it, transformers.js does not. */
const LOOPS: Readonly<Record<string, boolean>> = {
  "{% for m in messages %}{{ m.content }}{% break %}{% endfor %}": false,
  "{% for m in messages %}a{% if m.role == 'user' %}{%- continue -%}{% endif %}b{% endfor %}": false,
  "{% for m in messages %}{% if loop.first %}a{% endif %}{% break %}{% endfor %}": false,
  "before{% for m in messages %}{% if m.role == 'system' %}{% continue %}{% endif %}{{ m.content }}{% endfor %}": true,
  "{% for m in messages %}{% if loop.first %}a{% elif loop.last %}{% break %}{% endif %}{% endfor %}": true,
  "{% for m in messages %}{# why #}{% set x = 1 %}{% set y %}kept{% endset %}\n{% break %}{% endfor %}": true,
};
for (const [template, isRight] of Object.entries(LOOPS)) {
  Deno.test(`a chat template ${isRight ? "may leave" : "is refused that has written before it leaves"} a loop: ${template}`, () => {
    if (isRight) assertLoopsWriteLast(template);
    else assertThrows(() => assertLoopsWriteLast(template), Error, "that text would be lost");
  });
}

Deno.test("a chat whose template would lose text is refused", () =>
  withPatched({
    tokenizer_config: (json) => json.chat_template = "{% for m in messages %}{{ m.content }}{% break %}{% endfor %}",
  }, (model) => {
    assertThrows(() => model.encodeChat([{ role: "user", content: "Hello" }]), Error, "{% break %}");
    return Promise.resolve();
  }));
