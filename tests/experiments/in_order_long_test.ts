/** A corpus that is sorted by kind and longer than the buffer that mixes it, read in its own order, to the end or stopped. */
import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import { batchAt, extract, readCorpus } from "../../src/activations/mod.ts";
import { loadModel } from "../../src/model/mod.ts";
import { Dictionary } from "../../src/partition/mod.ts";
import { inFolder } from "../lib/folder.ts";
import { ORT_TEST } from "../model/toy.ts";
import { resultsOf, runScript } from "./in_process.ts";
import { writeTinyModel } from "./tiny_model.ts";

const CORPORA = new URL("../../fixtures/corpora/", import.meta.url).pathname;
const KINDS = ["math", "code", "chat", "pile"];
/** Texts of each kind: together more than the buffer of 4,096 holds, so that most of the last kind come late. */
const TEXTS = 1152;
/** Letters of a text. */
const LETTERS = 6;
const DICTIONARY = "dictionaries/L0-p8.arrow";

/** Pieces of texts, by kind. */
async function piecesOf(kind: string): Promise<string[]> {
  const pieces: string[] = [];
  for await (const { text } of readCorpus(`${CORPORA}${kind}.jsonl`)) {
    for (let start = 0; start + LETTERS <= text.length; start += LETTERS) {
      if (pieces.push(text.slice(start, start + LETTERS)) === TEXTS) return pieces;
    }
  }
  throw new Error(`Expected ${TEXTS} pieces of ${kind} but found ${pieces.length}`);
}

const names = (folder: string) => Array.from(Deno.readDirSync(folder), ({ name }) => name).sort();

Deno.test({
  name: "a long sorted corpus that is read in its own order gives what the shuffled one does, also when it was stopped",
  ...ORT_TEST,
  fn: () =>
    inFolder(async (folder) => {
      await writeTinyModel(`${folder}/model`);
      const texts = new Map(await Promise.all(KINDS.map(async (kind) => [kind, await piecesOf(kind)] as const)));
      const rows = texts.entries().flatMap(([kind, own]) => own.map((text, i) => ({ id: `${kind}-${i}`, text })));
      const lines = rows.map((row) => `${JSON.stringify(row)}\n`).toArray();
      await Deno.writeTextFile(`${folder}/sorted.jsonl`, lines.join(""));
      const build = (out: string, ...more: string[]) => {
        const flags = `--model ${folder}/model --layers 0 --percentiles 8 --corpus ${folder}/sorted.jsonl ` +
          `--calibration 3000 --context 8 --checkpoint-every 8 --device cpu --quiet --offline --out ${folder}/${out}`;
        return runScript("build", [...flags.split(" "), ...more]);
      };
      for (const ended of [await build("shuffled", "--window", "1000"), await build("ordered", "--in-order")]) {
        assertEquals(ended.code, 0, ended.err);
      }

      const [shuffled, ordered] = await Promise.all(["shuffled", "ordered"].map(async (out) => {
        const { calibrations, streams: [{ texts, ended }] } = JSON.parse(
          await Deno.readTextFile(`${folder}/${out}/run.json`),
        );
        assertEquals([texts, ended], [KINDS.length * TEXTS, "stream"], out);
        return calibrations[0].levels[0].threshold;
      }));
      assertLess(Math.abs(ordered - shuffled), 0.05 * shuffled);

      await using model = await loadModel(`${folder}/model`, { device: "cpu" });
      const sharesWithin = async (out: string) => {
        using dictionary = await Dictionary.load(`${folder}/${out}/${DICTIONARY}`, { backend: "cpu" });
        return await Promise.all(KINDS.map(async (kind) => {
          let [within, all] = [0, 0];
          for await (using batch of extract(model, texts.get(kind)!.slice(0, 200), { layers: [0], context: 8 })) {
            const { distances } = await dictionary.assign(batchAt(batch, 0));
            all += distances.length;
            within += distances.filter((distance) => distance <= dictionary.threshold).length;
          }
          return within / all;
        }));
      };
      const [ofShuffled, ofOrdered] = [await sharesWithin("shuffled"), await sharesWithin("ordered")];
      KINDS.forEach((kind, i) => {
        assertGreater(ofShuffled[i], 0.9, kind);
        assertLess(Math.abs(ofOrdered[i] - ofShuffled[i]), 0.03, `${kind}: ${ofOrdered} instead of ${ofShuffled}`);
      });

      // The disk is full when the second checkpoint is written, after 2,048 texts; the first one is kept.
      const { rename } = Deno;
      Deno.rename = (from, to) =>
        `${to}`.endsWith("/00000016") ? Promise.reject(new Error("the disk is full")) : rename(from, to);
      const stopped = await build("stopped", "--in-order").finally(() => Deno.rename = rename);
      assertEquals(stopped.code, 1);
      assert(stopped.err.includes("the disk is full"), stopped.err);
      const checkpoints = `${folder}/stopped/checkpoints`;
      const [growth] = names(checkpoints).filter((name) => name !== "settings.json");
      assertEquals(names(`${checkpoints}/${growth}`), [".00000016.tmp", "00000008"]);

      const ended = await build("stopped", "--in-order", "--resume");
      assertEquals(ended.code, 0, ended.err);
      assertEquals(await resultsOf(`${folder}/stopped`), await resultsOf(`${folder}/ordered`));
      const files = ["stopped", "ordered"].map((out) => Deno.readFile(`${folder}/${out}/${DICTIONARY}`));
      const [found, expected] = await Promise.all(files);
      assertEquals(found, expected);
    }),
});
