/** Where `<bos>` stands, for tokenizers that put it and that do not. */
import { assertEquals, assertThrows } from "@std/assert";
import { BOS_RULES, loadModel } from "../../src/model/mod.ts";
import { loadTransformers, type PreTrainedTokenizer } from "../../src/model/runtime.ts";
import { Tokenizer } from "../../src/model/tokenizer.ts";
import { ORT_TEST, TOY } from "./toy.ts";

const [BOS, TURN] = [2, 4];
const HI = [110, 111];
const USER = [{ role: "user" as const, content: "hi" }];

/** The toy's tokenizer, with some of its files' fields changed. */
async function toy(json: object, config: object): Promise<PreTrainedTokenizer> {
  const { PreTrainedTokenizer } = await loadTransformers();
  const read = async (file: string) => JSON.parse(await Deno.readTextFile(`${TOY}/${file}`));
  return new PreTrainedTokenizer(
    { ...await read("tokenizer.json"), ...json },
    { ...await read("tokenizer_config.json"), ...config },
  );
}

/** What each rule makes of a text. */
function eachRule(inner: PreTrainedTokenizer, text: string): number[][] {
  return BOS_RULES.map((bos) => [...new Tokenizer(inner, { bos }).encode(text)]);
}

Deno.test("a tokenizer that puts <bos> by itself: once, or never", async () => {
  const gemma = await toy({}, {});
  assertEquals(eachRule(gemma, "hi"), [[BOS, ...HI], [BOS, ...HI], HI]);
  assertEquals(eachRule(gemma, ""), [[BOS], [BOS], []]);
  // A text that writes it itself.
  assertEquals(eachRule(gemma, "<bos>hi"), [[BOS, ...HI], [BOS, ...HI], [BOS, ...HI]]);
});

Deno.test("a tokenizer that has <bos> and does not put it, such as GPT-2's: always by default", async () => {
  const gpt2 = await toy({ post_processor: null }, {});
  assertEquals(eachRule(gpt2, "hi"), [[BOS, ...HI], HI, HI]);
  assertEquals(eachRule(gpt2, ""), [[BOS], [], []]);
  assertEquals(eachRule(gpt2, "<bos>hi"), [[BOS, ...HI], [BOS, ...HI], [BOS, ...HI]]);
  assertEquals([...new Tokenizer(gpt2).encode("hi", 2)], [BOS, HI[0]]);
});

Deno.test("a tokenizer without <bos>, such as Qwen's, has none by any rule", async () => {
  const qwen = await toy({ post_processor: null }, { bos_token: null });
  assertEquals(eachRule(qwen, "hi"), [HI, HI, HI]);
});

Deno.test("a chat is what its template writes; never takes the template's <bos> away", async () => {
  const chats = (inner: PreTrainedTokenizer) =>
    BOS_RULES.map((bos) => [...new Tokenizer(inner, { bos }).encodeChat(USER)].slice(0, 2));
  const turn = "<start_of_turn>{{ messages[0]['content'] }}";
  assertEquals(chats(await toy({}, { chat_template: `{{ bos_token }}${turn}` })), [[BOS, TURN], [BOS, TURN], [
    TURN,
    110,
  ]]);
  assertEquals(chats(await toy({}, { chat_template: turn })), [[TURN, 110], [TURN, 110], [TURN, 110]]);
  const twice = `{{ bos_token }}{{ bos_token }}${turn}`;
  assertEquals(chats(await toy({}, { chat_template: twice })), [[BOS, TURN], [BOS, TURN], [TURN, 110]]);
  // SmolLM2's <bos> opens every turn.
  const smol = await toy({ post_processor: null }, { bos_token: "<start_of_turn>", chat_template: turn });
  assertEquals(chats(smol), [[TURN, 110], [TURN, 110], [TURN, 110]]);
  assertEquals([...new Tokenizer(smol).encode("hi")], [TURN, ...HI]);
});

Deno.test({
  name: "a model is loaded with a rule for <bos>, and says which",
  ...ORT_TEST,
  async fn() {
    const model = await loadModel(TOY, { device: "cpu", bos: "never" });
    assertEquals([model.bos, ...model.encode("hi")], ["never", ...HI]);
    await model.dispose();
    const inner = await toy({}, {});
    assertThrows(
      () => new Tokenizer(inner, { bos: "no" as "never" }),
      RangeError,
      'always, tokenizer, never but got "no"',
    );
  },
});
