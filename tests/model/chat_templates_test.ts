/** Chat templates from files and from tokenizer_config.json: which one is taken, and what is said of none. */
import { assertEquals, assertThrows } from "@std/assert";
import { loadModel } from "../../src/model/mod.ts";
import { chatTemplate, readChatTemplates } from "../../src/model/chat_templates.ts";
import { inFolder } from "../lib/folder.ts";
import { assertSentence } from "../lib/sentence.ts";
import { CONFIG, smallModel } from "./small_models.ts";
import { ORT_TEST, writeModelFolder } from "./toy.ts";

/** A template that begins with its name. */
const named = (name: string) => `${name}: {{ messages[0]['content'] }}`;

/** What a model makes of a chat, when its tokenizer's configuration has `configured` and its folder has `files`. */
async function chatOf(configured: unknown, files: Readonly<Record<string, string>> = {}): Promise<string> {
  const folder = await writeModelFolder(smallModel("gpt2").bytes, CONFIG);
  try {
    const path = `${folder}/tokenizer_config.json`;
    const config = { ...JSON.parse(await Deno.readTextFile(path)), chat_template: configured };
    await Deno.writeTextFile(path, JSON.stringify(config));
    for (const [name, text] of Object.entries(files)) await Deno.writeTextFile(`${folder}/${name}`, text);
    await using model = await loadModel(folder, { device: "cpu" });
    return model.decode(model.encodeChat([{ role: "user", content: "hi" }]));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test({
  name: "a chat is put in the template of chat_template.jinja, and without one in the configuration's",
  ...ORT_TEST,
  async fn() {
    assertEquals(await chatOf(undefined, { "chat_template.jinja": named("file") + "\n" }), "file: hi");
    assertEquals(await chatOf(named("config"), { "chat_template.jinja": named("file") }), "file: hi");
    assertEquals(await chatOf(named("config")), "config: hi");
    const several = [{ name: "tool_use", template: named("tools") }, { name: "default", template: named("default") }];
    assertEquals(await chatOf(several), "default: hi");
  },
});

Deno.test("files of further templates are read by their names", () =>
  inFolder(async (folder) => {
    assertEquals(await readChatTemplates(folder), {});
    await Deno.writeTextFile(`${folder}/chat_template.jinja`, "a");
    await Deno.mkdir(`${folder}/additional_chat_templates`);
    await Deno.writeTextFile(`${folder}/additional_chat_templates/tool_use.jinja`, "b");
    await Deno.writeTextFile(`${folder}/additional_chat_templates/README.md`, "c");
    assertEquals(await readChatTemplates(folder), { default: "a", tool_use: "b" });
  }));

Deno.test("where there are files, the configuration's templates do not count", () => {
  assertEquals(chatTemplate({ default: "file", rag: "other" }, { default: "config", rag: "config" }), "file");
  const error = assertThrows(() => chatTemplate({ tool_use: "b", rag: "c" }, "config"), Error);
  assertSentence(error, "template named default", "rag, tool_use", "copy the one to use to chat_template.jinja");
});

Deno.test("a model without any template is told to have none, whatever the messages", () => {
  for (const none of [null, "", {}]) {
    const error = assertThrows(() => chatTemplate({}, none), Error);
    assertSentence(
      error,
      "but it has none",
      "chat_template in tokenizer_config.json",
      "load its instruction-tuned version",
    );
  }
});
