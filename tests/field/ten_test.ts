/**
 * Kinds of ten more public reports, each as a small input. What is right was computed with the packages that wrote such
 * files: tokens with tokenizers 0.23, files with pyarrow 26.
 */
import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { readCorpus } from "../../mod.ts";
import { CorpusError } from "../../src/activations/mod.ts";
import { assertLoopsWriteLast } from "../../src/model/chat_templates.ts";
import { inFolder } from "../lib/folder.ts";

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
      assertMatch(message, /several that are called "text"/);
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
