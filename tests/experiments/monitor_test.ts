import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { inBatches, type Line, linesOf } from "../../src/activations/mod.ts";
import type { Verdict } from "../../src/analysis/mod.ts";
import { watch } from "../../src/analysis/mod.ts";
import { inFolder } from "../lib/folder.ts";
import { numbersOf, withExperiment } from "./child.ts";

const MEASURED = "--prompts 24 --seeds 3 --answer 4 --false-alarms 0.1";
const SMALL = `--layers 4,5 --percentiles 4,10 --max-tokens 4000 --calibration 2000 --context 40 ${MEASURED}`;
const VERDICT = ["line", "tokens", "truncated", "distance", "beyond", "region", "farthest", "alarms"];

/** Writes the first rows of each split of the instructions to a folder, and gives the flags that name the files. */
async function fewInstructions(folder: string): Promise<string[]> {
  const flags: string[] = [];
  for (const name of ["harmful", "harmless"]) {
    const text = await Deno.readTextFile(new URL(`../../fixtures/corpora/${name}.jsonl`, import.meta.url));
    const rows = Map.groupBy(text.trimEnd().split("\n"), (line) => JSON.parse(line).split);
    const few = ["train", "heldout"].flatMap((split) => rows.get(split)!.slice(0, 12));
    await Deno.writeTextFile(`${folder}/${name}.jsonl`, few.join("\n"));
    flags.push(`--${name}`, `${folder}/${name}.jsonl`);
  }
  return flags;
}

Deno.test("monitor answers every line of standard input with one of JSON, and can load its dictionary again", () =>
  inFolder(async (folder) => {
    const few = await fewInstructions(folder);
    const stdin = "The king is dead.\n\nПривет\nno line end";
    const kept = `${folder}/dictionary.arrow`;
    await withExperiment("monitor", [...SMALL.split(" "), ...few], async ({ code, stdout, stderr, out, record }) => {
      assertEquals([code, stderr], [0, ""]);
      const verdicts = stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
      assertEquals(verdicts.map(({ line }) => line), [1, 2, 3, 4]);
      assertEquals(Object.keys(verdicts[0]), VERDICT);
      assertEquals(verdicts.map(({ distance }) => distance === null), [false, true, false, false]);
      for (const file of record.outputs) assert((await Deno.stat(`${out}/${file}`)).size > 0, file);
      const { findings } = record;
      assertEquals([findings.prompts, findings.unreadable, findings.false_alarm_rate_wanted], [4, 0, 0.1]);
      const rates = ["false_alarm_rate", "alarm_rate_bulgarian", "alarm_rate_harmless"].flatMap((k) =>
        numbersOf(findings[k])
      );
      assert(rates.length === 3 && rates.every((rate) => rate >= 0 && rate <= 1), `${rates}`);
      assertStringIncludes(await Deno.readTextFile(`${out}/report.html`), "of held-out prompts raise it");
      await Deno.copyFile(`${out}/dictionary.arrow`, kept);
    }, { stdin });

    const again = [...MEASURED.split(" "), ...few, "--dictionary", kept, "--json"];
    await withExperiment("monitor", again, ({ code, stdout, record }) => {
      assertEquals(code, 0);
      const [first, second] = stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
      assertEquals([first.id, first.line], ["7", 1]);
      assertStringIncludes(second.error, "Expected JSON");
      assertEquals(record.findings.unreadable, 1);
      assert(!record.outputs.includes("dictionary.arrow"));
      for (const flag of ["layers", "percentiles", "maxTokens", "context"]) assert(!(flag in record.flags), flag);
    }, { stdin: '{"id": 7, "text": "The king"}\nnot JSON\n' });
  }));

const verdict: Verdict = {
  tokens: 2,
  truncated: false,
  distance: 0.123456,
  beyond: 0,
  region: 3,
  farthest: null,
  alarms: ["ood"],
};

async function* numbered(texts: Iterable<string>): AsyncGenerator<Line> {
  let number = 0;
  for (const text of texts) yield { number: ++number, text };
}

Deno.test("watching keeps counts, not prompts: memory samples grow with the logarithm of the stream", async () => {
  const sizes: number[] = [];
  const read = (prompts: readonly unknown[]) => {
    sizes.push(prompts.length);
    return Promise.resolve(prompts.map(() => verdict));
  };
  let written = 0;
  const lines = numbered(Array.from({ length: 5000 }, () => "x"));
  const watched = await watch({ read }, lines, {
    json: false,
    batch: 32,
    write: (text) => Promise.resolve(void (written += text.trimEnd().split("\n").length)),
  });
  assertEquals([watched.prompts, written, watched.alarms.get("ood")], [5000, 5000, 5000]);
  assertEquals(Math.max(...sizes), 32);
  assertEquals(sizes.reduce((a, b) => a + b), 5000);
  assertEquals(watched.memory.map(({ prompts }) => prompts), [32, 64, 128, 256, 512, 1024, 2048, 4096, 5000]);
});

Deno.test("lines that are no prompts are told in their place, and the others are read", async () => {
  let output = "";
  const lines = numbered(['{"instruction": "a", "id": "x"}', '{"text": 3}', "nonsense", "4", '{"text": "b"}']);
  const { unreadable } = await watch({ read: (prompts) => Promise.resolve(prompts.map(() => verdict)) }, lines, {
    json: true,
    batch: 8,
    write: (text) => Promise.resolve(void (output += text)),
  });
  const records = output.trimEnd().split("\n").map((line) => JSON.parse(line));
  assertEquals(unreadable, 3);
  assertEquals(records.map((record) => [record.line, "error" in record]), [
    [1, false],
    [2, true],
    [3, true],
    [4, true],
    [5, false],
  ]);
  assertEquals([records[0].id, records[0].distance, "id" in records[4]], ["x", 0.1235, false]);
});

Deno.test("batches fill while items are there, and do not wait long for more", async () => {
  async function* slow() {
    yield* [1, 2, 3, 4, 5];
    await new Promise((resolve) => setTimeout(resolve, 200));
    yield 6;
  }
  assertEquals(await Array.fromAsync(inBatches(slow(), 3, 20)), [[1, 2, 3], [4, 5], [6]]);
  assertEquals(await Array.fromAsync(inBatches(slow(), 1, 20)), [[1], [2], [3], [4], [5], [6]]);
  assertEquals(await Array.fromAsync(inBatches((async function* () {})(), 3, 20)), []);
});

Deno.test("what is read in batches is closed when its reader leaves", async () => {
  const closed = Promise.withResolvers<string>();
  async function* endless() {
    try {
      for (let i = 0;; i++) yield i;
    } finally {
      closed.resolve("closed");
    }
  }
  for await (const batch of inBatches(endless(), 2, 20)) {
    assertEquals(batch, [0, 1]);
    break;
  }
  assertEquals(await closed.promise, "closed");
});

Deno.test("lines are cut to the longest that is kept, and other bytes than UTF-8 are replaced", async () => {
  const bytes = (text: string) => new TextEncoder().encode(text);
  const chunks = [bytes("abcdef"), bytes("ghi\nxy\n"), Uint8Array.of(0xff, 0x0a), bytes("last one")];
  const stream = ReadableStream.from(chunks) as ReadableStream<Uint8Array>;
  const lines = await Array.fromAsync(linesOf(stream, "test", { replace: true, longest: 4 }));
  assertEquals(lines.map(({ text }) => text), ["abcd", "xy", "\ufffd", "last"]);
});

Deno.test("a stream of prompts ends where nobody reads its verdicts, though more may come", async () => {
  const lines = async function* () {
    for (let number = 1; number <= 4; number++) yield { number, text: `${number}` };
    await new Promise(() => {});
  };
  const written: string[] = [];
  const write = (line: string) => Promise.resolve(written.push(line) < 3);
  const read = (prompts: readonly string[]) => Promise.resolve(prompts.map(() => verdict));
  const { prompts, memory } = await watch({ read }, lines(), { json: false, batch: 1, write });
  assertEquals([prompts, written.length, memory.at(-1)?.prompts], [3, 3, 3]);
});
