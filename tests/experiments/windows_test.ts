import { assertEquals } from "@std/assert";
import { calibrated, grow, openModel, readingFlags, runExperiment, windowFlags, windowsBy } from "../../src/run/mod.ts";
import { inFolder } from "../lib/folder.ts";

const DOCUMENTS = ["The king said to the queen that it was late. ".repeat(20), "A dog.", "The cat sat. ".repeat(30)];

/** Grows on three documents, two of them long, and gives what came of it. */
async function grown(folder: string, ...args: string[]) {
  const errors: string[] = [];
  let [activations, lengths, counts]: [number, number[], unknown[]] = [0, [], []];
  const flags = { ...readingFlags({ calibration: 30, context: 16, batch: 4 }), ...windowFlags() };
  const code = await runExperiment({ name: "long", question: "", description: "", flags }, async (run) => {
    await using opened = await openModel(run);
    lengths = DOCUMENTS.map((text) => opened.model.encode(text).length - 1);
    const reading = { context: opened.context, batchPrompts: run.flags.batch, ...windowsBy(run.flags) };
    const plan = { ...opened, texts: DOCUMENTS, corpus: "documents", files: [], seed: 0, reading };
    const calibrations = await calibrated(run, plan, run.flags);
    using discovery = await grow(run, { ...plan, calibrations, growing: { saturationWindow: Infinity } });
    activations = discovery.activations;
    counts = [discovery.texts, discovery.unfinished];
  }, {
    args: ["--layers", "1", "--percentiles", "10", "--device", "cpu", "--out", folder, ...args],
    print: () => {},
    printError: (text) => errors.push(text),
  });
  return { code, activations, lengths, counts, errors };
}

Deno.test("a run reads long texts to their ends, with or without a stride", () =>
  inFolder(async (folder) => {
    for (const args of [[], ["--stride", "5"]]) {
      const { code, activations, lengths, counts, errors } = await grown(folder, ...args);
      assertEquals([code, activations, errors], [0, lengths.reduce((a, b) => a + b), []]);
      assertEquals(counts, [3, 0]);
    }
    // Where the budget ends, both long ones are under way.
    const { counts } = await grown(folder, "--max-tokens", "80");
    assertEquals(counts, [3, 2]);
    const { streams } = JSON.parse(await Deno.readTextFile(`${folder}/run.json`));
    assertEquals([streams[0].texts, streams[0].unfinished, streams[0].ended], [3, 2, "budget"]);
  }));

Deno.test("a run that reads the first windows only says how many texts are cut", () =>
  inFolder(async (folder) => {
    const { code, activations, lengths, errors } = await grown(folder, "--windows", "first");
    assertEquals([code, activations], [0, 15 + lengths[1] + 15]);
    const note = "2 of 3 texts of documents are longer than 16 tokens: the first 16 of each are read.";
    assertEquals(errors, [`long: ${note}`]);
    assertEquals(JSON.parse(await Deno.readTextFile(`${folder}/run.json`)).notes, [note]);
  }));

Deno.test("a stride that is none is refused before anything is loaded", () =>
  inFolder(async (folder) => {
    const nowhere = ["--model", `${folder}/no-model`];
    const refused = async (...args: string[]) => {
      const { code, errors } = await grown(folder, ...nowhere, ...args);
      return [code, ...errors];
    };
    assertEquals(await refused("--stride", "16"), [
      2,
      "long: Expected --stride of at most 15, the tokens of a window of --context 16 but its first, but got 16: take a " +
      "shorter one, or a longer context.",
    ]);
    assertEquals(await refused("--stride", "3", "--windows", "first"), [
      2,
      "long: Expected no --stride beside --windows first, which has no next: leave one of them out.",
    ]);
    assertEquals((await refused("--stride", "0"))[0], 2);
  }));
