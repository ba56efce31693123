/** Chats that are cut to a context. */
import { assertEquals } from "@std/assert";
import { batchAt, extract } from "../../src/activations/mod.ts";
import type { ChatMessage } from "../../src/model/mod.ts";
import { FakeModel } from "./fake_model.ts";

/** Remembers the chats that it was asked to tokenize. */
class Asked extends FakeModel {
  readonly chats: string[] = [];

  override encodeChat(messages: readonly ChatMessage[], context?: number): Int32Array<ArrayBuffer> {
    this.chats.push(...messages.map(({ content }) => content));
    return super.encodeChat(messages, context);
  }
}

Deno.test("the template of chats that are cut is read once a model", async () => {
  const texts = ["a long text", "another one", "short"];
  for (const model of [new Asked(), new Asked()]) {
    const [batch] = await Array.fromAsync(extract(model, texts, { layers: [0], chat: true, context: 20 }));
    const { prompts } = batchAt(batch, 0).provenance!;
    assertEquals(prompts.map(({ tokens }) => model.decode(tokens)), [
      "<bos><user>a long<model>",
      "<bos><user>anothe<model>",
      "<bos><user>short<model>",
    ]);
    const own = model.chats.filter((content) => texts.includes(content));
    assertEquals([own, model.chats.length], [texts, texts.length + 3]);
  }
});
