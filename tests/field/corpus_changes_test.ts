/** A corpus that changes between runs, and one whose texts are in a field of another name. */
import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { Dictionary } from "../../mod.ts";
import { experimentCommand } from "../experiments/child.ts";
import { inFolder } from "../lib/folder.ts";
import { textOf } from "../lib/deno.ts";

const BUILD = [
  ...["--layers", "3", "--percentiles", "10", "--context", "16", "--batch", "16", "--calibration", "400"],
  ...["--max-tokens", "400", "--quiet", "--device", "cpu"],
];
const WORDS = "river stone glass market winter copper letter garden engine shadow bridge silver doctor".split(" ");

/** Lines that differ by the seed and have the same length. */
function lines(count: number, seed: number): string {
  const word = (i: number) => WORDS[(i * 7 + seed * 3 + (i * i + seed) % 11) % WORDS.length];
  return Array.from({ length: count }, (_, i) => {
    const text = `${i}. The ${word(i)} near the ${word(i + 5)} was ${word(i + 2)}.`.padEnd(60);
    return `${JSON.stringify({ text })}\n`;
  }).join("");
}

async function build(args: readonly string[]) {
  return textOf(await experimentCommand("build", [...BUILD, ...args], { stdout: "piped", stderr: "piped" }).output());
}

async function thresholdOf(out: string): Promise<number> {
  using dictionary = await Dictionary.load(`${out}/dictionaries/L3-p10.arrow`);
  return dictionary.threshold;
}

Deno.test("corpus-touched: a corpus of the same name, size and time is calibrated on anew", () =>
  inFolder(async (folder) => {
    const thresholds: number[] = [];
    const time = new Date("2026-01-02");
    for (const seed of [6, 7]) {
      await Deno.writeTextFile(`${folder}/texts.jsonl`, lines(60, seed));
      await Deno.utime(`${folder}/texts.jsonl`, time, time);
      const { code, stderr } = await build(["--corpus", `${folder}/texts.jsonl`, "--out", `${folder}/${seed}`]);
      assertEquals(code, 0, stderr);
      thresholds.push(await thresholdOf(`${folder}/${seed}`));
    }
    assertEquals(lines(60, 6).length, lines(60, 7).length);
    assertNotEquals(thresholds[0], thresholds[1]);
  }));

Deno.test("resume-changed: a run does not go on with another corpus of the same name, and says that it is the corpus", () =>
  inFolder(async (folder) => {
    // A comma is no end of it.
    const corpus = `${folder}/texts,old.jsonl`;
    await Deno.writeTextFile(corpus, lines(1500, 8));
    const flags = ["--corpus", corpus, "--out", `${folder}/out`, "--max-tokens", "2M", "--window", "999"];
    const args = [...flags, "--checkpoint-every", "1"];
    const child = experimentCommand("build", [...BUILD, ...args], { stdout: "null", stderr: "null" }).spawn();
    for (let i = 0; i < 1200; i++) {
      const isBegun = await Deno.stat(`${folder}/out/checkpoints`).then(() => true, () => false);
      if (isBegun) break;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    child.kill("SIGINT");
    assertEquals((await child.status).code, 130);
    await Deno.writeTextFile(corpus, lines(1500, 9));
    const { code, stderr } = await build([...args, "--resume"]);
    assertEquals(code, 2, stderr);
    assertMatch(stderr, /Expected the corpus of --corpus to be what it was .* but it has changed since/);
  }));

Deno.test("field-flag: build.ts reads the field that --field names, and tells rows without a text", () =>
  inFolder(async (folder) => {
    const corpus = `${folder}/texts.jsonl`;
    const rows = lines(40, 3).replaceAll('"text"', '"body"');
    await Deno.writeTextFile(corpus, `${rows}{"body": null}\n{"title": "none"}\n`);
    const args = ["--corpus", corpus, "--out", `${folder}/out`];
    const without = await build(args);
    assertEquals(without.code, 1);
    assertMatch(without.stderr, /has the fields body; name the field that holds the text, with --field/);
    const { code, stderr } = await build([...args, "--field", "body"]);
    assertEquals(code, 0, stderr);
    const told = `Of "${corpus}" 2 of 42 rows have no text and are skipped; the first is line 41 of "${corpus}".`;
    const { notes } = JSON.parse(await Deno.readTextFile(`${folder}/out/run.json`));
    assert(notes.includes(told), `${notes}`);
  }));
