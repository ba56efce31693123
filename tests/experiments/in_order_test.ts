/** A corpus that is sorted by kind and read in its own order gives what it gives in any other. */
import { assert, assertEquals, assertLess } from "@std/assert";
import { batchAt, extract, readCorpus } from "../../src/activations/mod.ts";
import { loadModel } from "../../src/model/mod.ts";
import { Dictionary } from "../../src/partition/mod.ts";
import { textOf } from "../lib/deno.ts";
import { inFolder } from "../lib/folder.ts";
import { experimentCommand } from "./child.ts";

const FIXTURES = new URL("../../fixtures/", import.meta.url).pathname;
const MODEL = `${FIXTURES}gemma-2-toy-it`;
const LAYER = 5;
/** Most different from the rest first: what comes first must not decide. */
const KINDS = ["math", "code", "chat", "pile"];
const TEXTS = 40;
const READING = { context: 32, batchPrompts: 16 };

async function sortedTexts(): Promise<Map<string, string[]>> {
  const texts = new Map<string, string[]>();
  for (const kind of KINDS) {
    const own: string[] = [];
    for await (const { text } of readCorpus(`${FIXTURES}corpora/${kind}.jsonl`)) {
      if (own.push(text.slice(0, 110)) === TEXTS) break;
    }
    texts.set(kind, own);
  }
  return texts;
}

Deno.test("θ and what lies within it are those of the shuffled corpus", () =>
  inFolder(async (folder) => {
    const texts = await sortedTexts();
    const corpus = `${folder}/sorted.jsonl`;
    const rows = KINDS.flatMap((kind) => texts.get(kind)!.map((text, i) => ({ id: `${kind}-${i}`, text })));
    await Deno.writeTextFile(corpus, rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
    const build = async (out: string, ...flags: string[]) => {
      const all =
        `--model ${MODEL} --layers ${LAYER} --percentiles 2 --corpus ${corpus} --calibration 2500 --context 32 ` +
        `--batch 16 --checkpoint-every 2 --device cpu --quiet --out ${folder}/${out}`;
      const command = experimentCommand("build", [...all.split(" "), ...flags], { stdout: "piped", stderr: "piped" });
      return textOf(await command.output());
    };
    const thetaOf = async (out: string) => {
      const { calibrations: [{ levels: [{ threshold }], pairs }], notes } = JSON.parse(
        await Deno.readTextFile(`${folder}/${out}/run.json`),
      );
      return { threshold, pairs, notes };
    };
    const ended = [await build("shuffled", "--window", "1000"), await build("ordered", "--in-order")];
    assertEquals(ended.map(({ code }) => code), [0, 0], ended.map(({ stderr }) => stderr).join());
    const [shuffled, ordered] = [await thetaOf("shuffled"), await thetaOf("ordered")];
    assertLess(Math.abs(ordered.threshold - shuffled.threshold), 0.05 * shuffled.threshold);
    assertEquals(ordered.pairs.within, "sample");
    assert(
      ordered.notes.some((note: string) => note.includes("no dictionary counts as saturated")),
      `${ordered.notes}`,
    );

    await using model = await loadModel(MODEL, { device: "cpu" });
    const sharesBeyond = async (out: string) => {
      using dictionary = await Dictionary.load(`${folder}/${out}/dictionaries/L${LAYER}-p2.arrow`, { backend: "cpu" });
      return await Promise.all(KINDS.map(async (kind) => {
        let [beyond, all] = [0, 0];
        for await (using batch of extract(model, texts.get(kind)!, { ...READING, layers: [LAYER] })) {
          const { distances } = await dictionary.assign(batchAt(batch, LAYER));
          all += distances.length;
          beyond += distances.filter((distance) => distance > dictionary.threshold).length;
        }
        return beyond / all;
      }));
    };
    const [ofShuffled, ofOrdered] = [await sharesBeyond("shuffled"), await sharesBeyond("ordered")];
    KINDS.forEach((kind, i) =>
      assertLess(Math.abs(ofOrdered[i] - ofShuffled[i]), 0.03, `${kind}: ${ofOrdered} instead of ${ofShuffled}`)
    );

    const refused = await build("refused", "--in-order", "--window", "3");
    assertEquals(refused.code, 2);
    assert(refused.stderr.includes("Expected no --window beside --in-order"), refused.stderr);
  }));
