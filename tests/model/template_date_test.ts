/** The date that chat templates write: the one that is asked for, on every day. */
import { assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { describeStream } from "../../src/activations/mod.ts";
import { loadModel } from "../../src/model/mod.ts";
import { dayOf, strftime, withoutClock } from "../../src/model/template_date.ts";
import { inFolder } from "../lib/folder.ts";
import { assertSentence } from "../lib/sentence.ts";
import { ORT_TEST, TOY_IT } from "./toy.ts";

const USER = [{ role: "user" as const, content: "hi" }];
const LLAMA = "{{ bos_token }}{%- if not date_string is defined %}{%- if strftime_now is defined %}" +
  "{%- set date_string = strftime_now('%d %b %Y') %}{%- else %}{%- set date_string = '26 Jul 2024' %}{%- endif %}{%- endif %}" +
  "Today Date: {{ date_string }}\n{{ messages[0]['content'] }}";

/** The tuned toy with another template. */
async function withTemplate(folder: string, template: string): Promise<string> {
  for await (const { name } of Deno.readDir(TOY_IT)) await Deno.symlink(`${TOY_IT}/${name}`, `${folder}/${name}`);
  await Deno.writeTextFile(`${folder}/chat_template.jinja`, template);
  return folder;
}

Deno.test({
  name: "a template writes the same date on every day, says so once, and streams tell it",
  ...ORT_TEST,
  fn: () =>
    inFolder(async (folder) => {
      const id = await withTemplate(folder, LLAMA);
      await using model = await loadModel(id, { device: "cpu" });
      assertEquals(model.notes.filter((note) => note.includes("date")), []);
      assertEquals(model.decode(model.encodeChat(USER)), "<bos>Today Date: 26 Jul 2024\nhi");
      model.encodeChat(USER);
      const [note, ...more] = model.notes.filter((note) => note.includes("date"));
      assertEquals([note.includes("2024-07-26"), note.includes("--template-date"), more], [true, true, []]);
      await using later = await loadModel(id, { device: "cpu", templateDate: "2026-03-04" });
      assertEquals(later.decode(later.encodeChat(USER)), "<bos>Today Date: 04 Mar 2026\nhi");
      const described = (chat: boolean) => describeStream({ model: later, layer: 3, corpus: "c", chat }).templateDate;
      assertEquals([described(true), described(false)], ["2026-03-04", undefined]);
    }),
});

Deno.test({
  name: "a template without a date tells none, and one that asks for what there is not is refused",
  ...ORT_TEST,
  fn: () =>
    inFolder(async (folder) => {
      await using model = await loadModel(TOY_IT, { device: "cpu" });
      assertEquals([model.templateDate, model.notes], [undefined, []]);
      for (
        const template of [
          "{{ now() }}",
          "{{ datetime.now() }}",
          "{{ strftime_now('%Q') }}",
          "{{ raise_exception('no') }}",
        ]
      ) {
        await Deno.mkdir(`${folder}/${template.length}`);
        const id = await withTemplate(`${folder}/${template.length}`, template);
        await using asking = await loadModel(id, { device: "cpu" });
        const error = assertThrows(() => asking.encodeChat(USER), Error);
        assertSentence(error, "chat template", "refuses them");
      }
    }),
});

Deno.test("dates are written as Python writes them, in English and without a time zone", () => {
  const day = dayOf("2024-02-05");
  // What Python's datetime(2024, 2, 5).strftime gives.
  const written = {
    "%d %b %Y": "05 Feb 2024",
    "%B %d, %Y": "February 05, 2024",
    "%A, %-d %B %Y": "Monday, 5 February 2024",
    "%a %e %y %j": "Mon  5 24 036",
    "%Y-%m-%d %H:%M:%S": "2024-02-05 00:00:00",
    "%I:%M %p 100%%": "12:00 AM 100%",
    "%F %T %D": "2024-02-05 00:00:00 02/05/24",
    "%U %W %u %w": "05 06 1 1",
    "%c": "Mon Feb  5 00:00:00 2024",
  };
  for (const [format, text] of Object.entries(written)) assertEquals(strftime(day, format), text, format);
  assertThrows(() => strftime(day, "%Q"), RangeError, "%Q");
  assertThrows(() => strftime(day, "100 %"), RangeError, "none");
});

Deno.test("days that there are not are refused, and before a model is loaded", async () => {
  for (const day of ["2024-02-30", "26 Jul 2024", "", "2024-7-26", "today", "2024-07-26T10:00"]) {
    assertThrows(() => dayOf(day), RangeError, "templateDate");
  }
  const error = await loadModel("no model", { templateDate: "tomorrow" }).then(() => undefined, (error) => error);
  assertSentence(error, "templateDate", '"tomorrow"');
});

Deno.test("only tags ask for the date", () => {
  assertEquals(withoutClock("strftime_now {{ strftime_now('%Y') }}"), "strftime_now {{ exemplar_strftime('%Y') }}");
  assertNotEquals(withoutClock("{% set a = strftime_now('%Y') %}"), "{% set a = strftime_now('%Y') %}");
});
