import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { AxBenchReader } from "../../src/activations/mod.ts";
import { type ChatMessage, type LanguageModel, loadModel } from "../../src/model/mod.ts";
import { ORT_TEST, TOY_IT } from "../model/toy.ts";

Deno.test({
  name: "a row becomes a chat without what all chats share, or one text",
  ...ORT_TEST,
  async fn() {
    const model = await loadModel(TOY_IT, { device: "cpu" });
    const row = { input: "Which king?", output: "The old one.", genre: "text" };
    const chat = new AxBenchReader(model, "chat", 64);
    assertEquals(model.decode(chat.tokens(row).subarray(0, chat.prefix)), "<bos><start_of_turn>user\n");
    assertEquals(
      model.decode(chat.tokens(row).subarray(chat.prefix)),
      "Which king?<end_of_turn>\n<start_of_turn>model\nThe old one.",
    );
    const plain = new AxBenchReader(model, "plain", 64);
    assertEquals([plain.prefix, model.decode(plain.tokens(row))], [1, "<bos>Which king?The old one."]);

    // Rows of different lengths, one of them cut: each activation is the model's own at that layer and position.
    const short = new AxBenchReader(model, "chat", 17);
    const rows = [row, { ...row, input: "Who?", output: "I." }];
    const { data, dim, offsets } = (await short.read(rows, [2, 6])).get(6)!;
    const lengths = rows.map((one) => short.tokens(one).length - short.prefix);
    assert(lengths[0] === 17 - short.prefix && lengths[1] < lengths[0], `one is cut: ${lengths}`);
    assertEquals([...offsets], [0, lengths[0], lengths[0] + lengths[1]]);
    assertEquals(short.counts, { rows: 2, truncated: 1 });
    for (const [i, one] of rows.entries()) {
      const { residuals } = await model.capture([short.tokens(one)], [6]);
      const alone = residuals.get(6)!.data!.subarray(short.prefix * dim);
      const read = data.subarray(offsets[i] * dim, offsets[i + 1] * dim);
      read.forEach((value, j) => assertAlmostEquals(value, alone[j], 1e-3));
    }
    await model.dispose();
  },
});

Deno.test("where chats begin with nothing in common, such as <bos>, the first token of each is dropped", () => {
  const encodeChat = (messages: readonly ChatMessage[]) => Int32Array.from(messages, ({ content }) => Number(content));
  assertEquals(new AxBenchReader({ encodeChat } as unknown as LanguageModel, "chat", 2).prefix, 1);
});
