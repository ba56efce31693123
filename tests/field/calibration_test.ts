/** What calibration sees of streams in the wild: repetitions, long rows, small batches, and what it says of them. */
import { assert, assertAlmostEquals, assertEquals, assertLess, assertRejects } from "@std/assert";
import {
  type ActivationBatch,
  atLayer,
  Batch,
  batchAt,
  calibrate,
  describeStream,
  Dictionary,
  discover,
  extract,
  type ExtractOptions,
  loadModel,
  readCorpus,
} from "../../mod.ts";
import type { Backend } from "../../src/compute/mod.ts";
import { Random } from "../../src/compute/mod.ts";
import { backendTest } from "../lib/backends.ts";
import { inFolder } from "../lib/folder.ts";
import { FIXTURES, sentences } from "./models.ts";
import { runExperiment } from "../../src/run/mod.ts";
import { distinctRows, thresholdOf, thresholdsOf } from "./oracles.ts";

const model = (name = "gemma-2-toy") => loadModel(`${FIXTURES}${name}`, { device: "cpu" });

/** Rows around eight directions, away from the origin, as the stream's are. */
function clustered(rows: number, dim: number): ActivationBatch {
  const random = new Random(31);
  const centers = Float32Array.from({ length: 8 * dim }, () => random.normal());
  const data = Float32Array.from({ length: rows * dim }, (_, i) => {
    const [row, d] = [Math.floor(i / dim), i % dim];
    return 0.5 * random.normal() + 1.5 * centers[(row % 8) * dim + d] + (d === 0 ? 2 : 0);
  });
  return { data, rows, dim };
}

const thetaOf = async (backend: Backend, batches: readonly ActivationBatch[], percentile: number, maxNorm?: number) =>
  (await calibrate(batches, { percentiles: [percentile], backend, maxNorm })).thresholds[0];

const SHORT_CHATS_AT = [1, 2];

/** Short chats with every repeated position and without, and θ of what is distinct: the same for every backend. */
const shortChats = lazily(async () => {
  await using chat = await model("gemma-2-toy-it");
  const texts: string[] = [];
  for await (const { text } of readCorpus(`${FIXTURES}corpora/harmless.jsonl`)) {
    if (text.length < 80 && texts.push(text) === 100) break;
  }
  const read = async (options: Partial<ExtractOptions>) => {
    const [batch] = await Array.fromAsync(extract(chat, texts, { layers: [4], chat: true, ...options }));
    return batchAt(batch, 4);
  };
  const each = await read({ repeats: "each" });
  const distinct = distinctRows(each);
  assertLess(distinct.rows, 0.85 * each.rows);
  return { each, once: await read({}), right: thresholdsOf(distinct, SHORT_CHATS_AT) };
});

function lazily<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => made ??= make();
}

backendTest("chat-prefix: θ of short chats is that of their distinct rows, at p 1 and 2", async (backend) => {
  const { each, once, right } = await shortChats();
  for (const [i, percentile] of SHORT_CHATS_AT.entries()) {
    const theta = await thetaOf(backend, [once], percentile);
    assertLess(Math.abs(theta - right[i]), 0.25 * right[i], `p ${percentile}: ${theta}, right is ${right[i]}`);
  }
  // What repeats is told of a stream that gives it each time.
  const { sample } = await calibrate([each], { backend });
  assert(sample!.identicalPairs! > 0.005, `${sample!.identicalPairs}`);
  assertEquals((await calibrate([once], { backend })).sample!.identicalPairs, 0);
});

backendTest("definition, far-from-origin: θ is the percentile of the distances of all pairs", async (backend) => {
  const random = new Random(5);
  const batch = { rows: 400, dim: 24, data: Float32Array.from({ length: 400 * 24 }, () => random.normal()) };
  assertAlmostEquals(await thetaOf(backend, [batch], 10), thresholdOf(batch, 10), 1e-4);
  // Far from the origin, and near to each other.
  const far = batch.data.map((value, i) => 0.05 * value + (i % 24 === 2 ? 3000 : 0));
  const right = thresholdOf({ ...batch, data: far }, 10);
  assertLess(Math.abs(await thetaOf(backend, [{ ...batch, data: far }], 10) - right), 0.05 * right);
});

Deno.test("last-batch: what is left at a stream's end weighs nothing beside whole batches", async () => {
  await using toy = await model();
  const texts: string[] = [];
  for await (const { text } of readCorpus(`${FIXTURES}corpora/pile.jsonl`)) if (texts.push(text) === 129) break;
  const theta = async (count: number) => {
    const stream = extract(toy, texts.slice(0, count), { layers: [4], context: 64, windows: "first" });
    return (await calibrate(atLayer(stream, 4), { percentiles: [1], backend: "cpu" })).thresholds[0];
  };
  const whole = await theta(128);
  assertLess(Math.abs(await theta(129) - whole), 0.03 * whole);
});

backendTest(
  "sink-rows: rows of massive norm are refused where they make θ, told where not, left out if asked",
  async (backend) => {
    const plain = clustered(512, 32);
    const withSinks = (times: number) => {
      const data = plain.data.slice();
      for (let r = 0; r < 4; r++) for (let d = 0; d < 32; d++) data[r * 128 * 32 + d] = times * (d === 3 ? 12 : 0.2);
      return { ...plain, data };
    };
    const right = thresholdOf(plain, 10);
    await assertRejects(
      () => thetaOf(backend, [withSinks(1000)], 10),
      Error,
      "4 of 512 have more than 100 times the median",
    );
    const masked = await calibrate([withSinks(1000)], { percentiles: [10], backend, maxNorm: 10 });
    assertLess(Math.abs(masked.thresholds[0] - right), 0.1 * right);
    assertEquals([masked.activations, masked.sample!.masked, masked.sample!.massive], [508, 4, 0]);
    const { sample } = await calibrate([withSinks(15)], { percentiles: [10], backend });
    assertEquals([sample!.masked, sample!.massive], [0, 4]);
    assertAlmostEquals(sample!.largestNorm, 15 * Math.hypot(12, ...Array(31).fill(0.2)), 1e-2);
    // What is left out of the calibration is left out of the dictionaries under it.
    const grown = await discover([withSinks(1000)], masked, { backend, saturationWindow: Infinity });
    assertEquals(grown.growths[0].dictionary.activations, 508);
    grown.dispose();
    // One absurd value, as float16 overflows.
    const absurd = plain.data.slice();
    absurd[7 * 32 + 5] = 65504;
    await assertRejects(() => thetaOf(backend, [{ ...plain, data: absurd }], 10), Error, "is of row 7");
    // Many that are long enough together, though none is absurd.
    const many = plain.data.slice();
    for (let r = 0; r < 26; r++) for (let d = 0; d < 32; d++) many[r * 19 * 32 + d] *= 50;
    await assertRejects(() => thetaOf(backend, [{ ...plain, data: many }], 10), Error, "more than 10 times the median");
    // The last batch alone may be a rest: batches of one's own are uneven.
    const uneven = [400, 50, 62].map((rows, i) => {
      const from = [0, 400, 450][i];
      return { rows, dim: 32, data: plain.data.slice(from * 32, (from + rows) * 32) };
    });
    const within = async (batches: ActivationBatch[]) =>
      (await calibrate(batches, { percentiles: [10], pairs: "batch", backend })).thresholds[0];
    const [all, first] = [await within(uneven), await within([uneven[0], uneven[2]])];
    assert(all !== first, "the batch in the middle counts");
  },
);

backendTest("not-finite, zero-row: a row that is not finite, or lies on the center, is named", async (backend) => {
  const bad = clustered(64, 8);
  bad.data[7 * 8 + 2] = NaN;
  await assertRejects(() => thetaOf(backend, [bad], 10), Error, "row 7");
  using dictionary = await Dictionary.create({ center: Float32Array.of(1, 0, 0, 0), threshold: 0.2 }, { backend });
  const rows = { rows: 3, dim: 4, data: Float32Array.of(0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0) };
  await assertRejects(() => dictionary.add(rows), Error, "row 1 of a batch");
  assertEquals(dictionary.size, 0, "it stays as it was");
  await assertRejects(
    () =>
      discover([rows], { center: dictionary.center, levels: [{ percentile: 1, threshold: 0.2 }], activations: 3 }, {
        backend,
      }),
    Error,
    "row 1 of a batch",
  );
});

Deno.test("fewer-than-asked: a run says when calibration saw fewer activations than asked for", () =>
  inFolder(async (folder) => {
    const corpus = `${folder}/few.jsonl`;
    await Deno.writeTextFile(corpus, sentences(20, 3).map((text) => `${JSON.stringify({ text })}\n`).join(""));
    const { openModel, calibrated, readingFlags } = await import("../../src/run/mod.ts");
    let seen = 0;
    const flags = readingFlags({ calibration: 100_000, context: 16, batch: 128 });
    const code = await runExperiment({ name: "few", question: "", description: "", flags }, async (run) => {
      await using opened = await openModel(run);
      const texts = await Array.fromAsync(readCorpus(corpus));
      const plan = { ...opened, texts, corpus, files: [corpus], seed: 0, reading: { context: 16 } };
      const calibrations = await calibrated(run, plan, { ...run.flags, percentiles: [10] });
      seen = calibrations.get(3)!.activations;
    }, {
      args: ["--layers", "3", "--device", "cpu", "--out", `${folder}/out`, "--quiet"],
      print: () => {},
      printError: () => {},
    });
    assertEquals(code, 0);
    const { calibrations: [record], notes } = JSON.parse(await Deno.readTextFile(`${folder}/out/run.json`));
    const said = (note: string) => note.includes(`calibration saw ${seen} activations`) && note.includes("100000");
    assert(notes.some(said), `${notes}`);
    assertEquals([record.layer, record.asked, record.activations, record.massive], [3, 100_000, seen, 0]);
    assert(record.medianNorm > 0 && record.largestNorm >= record.medianNorm);
  }));

Deno.test("chat-mismatch: chats are not grown at the θ of plain texts", async () => {
  await using chat = await model("gemma-2-toy-it");
  const texts = sentences(40, 11);
  const source = (isChat: boolean) => describeStream({ model: chat, layer: 3, corpus: "texts", chat: isChat });
  const stream = (isChat: boolean) => extract(chat, texts, { layers: [3], chat: isChat });
  const plain = await calibrate(atLayer(stream(false), 3), { backend: "cpu", source: source(false) });
  const sources = new Map([[3, source(true)]]);
  await assertRejects(
    () => discover(stream(true), new Map([[3, plain]]), { sources, backend: "cpu" }),
    Error,
    "plain text (no chat), but found chats",
  );
});

backendTest(
  "token-budget: a budget of tokens is kept within a prompt, and a larger one goes on where it ended",
  async (backend) => {
    await using toy = await model();
    const stream = (skipPrompts = 0) =>
      extract(toy, sentences(300, 4), { layers: [3], context: 64, backend, skipPrompts });
    const source = describeStream({ model: toy, layer: 3, corpus: "sentences", context: 64 });
    const calibration = await calibrate(atLayer(stream(), 3), { activations: 1000, backend, source });
    const calibrations = new Map([[3, calibration]]);
    await inFolder(async (folder) => {
      const grow = (maxTokens: number, resume: boolean, of: string) =>
        discover(stream, calibrations, {
          ...{ maxTokens, saturationWindow: Infinity, backend },
          checkpoint: { folder: `${folder}/${of}`, every: 1, seconds: 0, resume },
        });
      using first = await grow(1000, false, "a");
      const longest = toy.encode(sentences(1, 4)[0]).length + 8;
      assert(first.tokens >= 1000 && first.tokens < 1000 + longest, `${first.tokens}`);
      using later = await grow(6000, true, "a");
      using whole = await grow(6000, false, "b");
      assertEquals([later.tokens, later.prompts, later.activations], [whole.tokens, whole.prompts, whole.activations]);
      const [a, b] = [later, whole].map(({ growths: [{ dictionary }] }) => dictionary);
      assertEquals([a.size, a.activations], [b.size, b.activations]);
      assertEquals([...a.founders], [...b.founders]);
    });
  },
);

Deno.test("repeated-texts: a text that comes again takes one place among a region's contexts", async () => {
  await using toy = await model();
  const texts = [...Array(20).fill("The old king of the river was dead."), ...sentences(40, 5)];
  const stream = () => extract(toy, texts, { layers: [4], context: 24 });
  const calibration = await calibrate(atLayer(stream(), 4), { percentiles: [4], backend: "cpu" });
  using grown = await discover(stream(), new Map([[4, calibration]]), { backend: "cpu" });
  const [{ dictionary }] = grown.growths;
  for (let region = 0; region < dictionary.size; region++) {
    for (const contexts of [dictionary.nearestContexts(region), dictionary.farthestContexts(region)]) {
      const texts = contexts.map(({ excerpt, position }) => JSON.stringify([position, excerpt]));
      assertEquals(new Set(texts).size, texts.length, `region ${region}`);
    }
  }
});

backendTest("some rows of a batch are a batch of copies, where it is", async (backend) => {
  const excerpt = () => ({ before: "", token: "", after: "" });
  const prompts = [{ id: "p", text: 0, tokens: Int32Array.of(1, 2, 3), excerpt }];
  const [prompt, position, token] = [Int32Array.of(0, 0, 0), Int32Array.of(0, 1, 2), Int32Array.of(1, 2, 3)];
  const data = Float32Array.of(1, 1, 2, 2, 3, 3);
  const whole = { data, rows: 3, dim: 2, provenance: { prompts, prompt, position, token } };
  using onBackend = Batch.onBackend(backend.upload(data.slice(), 3, 2), whole.provenance);
  for (const batch of [Batch.of(whole), onBackend]) {
    using some = await batch.select(Int32Array.of(2, 0));
    assertEquals([some.isOnHost, some.rows, await some.values()], [batch.isOnHost, 2, Float32Array.of(3, 3, 1, 1)]);
    assertEquals([...some.provenance!.position, ...some.provenance!.token], [2, 0, 3, 1]);
    assertEquals((await batch.select(new Int32Array())).rows, 0);
  }
});

Deno.test("dtype-stale: a calibration is of the graph that is run, whichever of a folder's it is", () =>
  inFolder(async (folder) => {
    // Two graphs in one folder, as hub models have them; the one called q4 is another model, so that its θ tells.
    const own = `${folder}/model`;
    await Deno.mkdir(`${own}/onnx`, { recursive: true });
    for (const file of ["config", "tokenizer", "tokenizer_config", "generation_config", "special_tokens_map"]) {
      await Deno.copyFile(`${FIXTURES}gemma-2-toy/${file}.json`, `${own}/${file}.json`);
    }
    await Deno.symlink(`${FIXTURES}gemma-2-toy/onnx/model.onnx`, `${own}/onnx/model.onnx`);
    await Deno.symlink(`${FIXTURES}gemma-2-toy-it/onnx/model.onnx`, `${own}/onnx/model_q4.onnx`);
    const { openModel, calibrated } = await import("../../src/run/mod.ts");
    const theta = async (dtype: string) => {
      let threshold = NaN;
      const code = await runExperiment({ name: `graph-${dtype}`, question: "", description: "" }, async (run) => {
        await using opened = await openModel(run);
        const plan = { ...opened, texts: sentences(60, 5), corpus: folder, files: [], seed: 0 };
        const calibrations = await calibrated(run, plan, { percentiles: [10], calibration: 500 });
        threshold = calibrations.get(3)!.thresholds[0];
      }, {
        args: [
          "--model",
          own,
          "--dtype",
          dtype,
          "--layers",
          "3",
          "--device",
          "cpu",
          "--out",
          `${folder}/${dtype}`,
          "--quiet",
        ],
        print: () => {},
        printError: () => {},
      });
      assertEquals(code, 0);
      return threshold;
    };
    const [full, other, again] = [await theta("fp32"), await theta("q4"), await theta("fp32")];
    assert(full !== other && full === again, `${full} ${other} ${again}`);
  }));

Deno.test("texts that give no activation are counted", async () => {
  await using toy = await model();
  const texts = ["", "The king", "", ...sentences(5, 1)];
  const stream = () => extract(toy, texts, { layers: [3], batchPrompts: 4 });
  const calibration = await calibrate(atLayer(stream(), 3), { backend: "cpu" });
  using grown = await discover(stream(), new Map([[3, calibration]]), { backend: "cpu", saturationWindow: Infinity });
  assertEquals([grown.prompts, grown.silent], [8, 2]);
});

Deno.test("a batch that does not tell whose its rows are is taken whole, whatever the budget", async () => {
  const prompts = ["a", "b"].map((id, text) => {
    return { id, text, tokens: Int32Array.of(2, 3, 4), excerpt: () => ({ before: "", token: "", after: "" }) };
  });
  const rows = Batch.of({ data: Float32Array.of(1, 0, 0, 1, 1, 1, -1, 2), rows: 4, dim: 2 });
  const facts = { prompts, tokens: 6, promptsBefore: 0, start: 0, forwardSeconds: 0 };
  const stream = [{ ...facts, batches: new Map([[0, rows]]), dispose() {}, [Symbol.dispose]() {} }];
  const calibration = await calibrate([rows], { percentiles: [10], backend: "cpu" });
  using grown = await discover(stream, calibration, { maxTokens: 2, backend: "cpu" });
  assertEquals([grown.prompts, grown.activations, grown.cut], [2, 4, undefined]);
});
