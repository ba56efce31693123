/** Long work of experiments shows how far it is, ends at its budget and stops when it is asked to. */
import { assert, assertEquals, assertLess, assertMatch, assertStringIncludes } from "@std/assert";
import type { StreamBatch } from "../../src/activations/mod.ts";
import type { LanguageModel } from "../../src/model/mod.ts";
import { calibrated, grow, openModel, runExperiment } from "../../src/run/mod.ts";
import { processorSecondsToEnd } from "../lib/processor_time.ts";
import { experimentCommand } from "./child.ts";

const TEXTS = Array.from(
  { length: 60 },
  (_, i) => `Text number ${i} speaks of ${"many words and ".repeat(1 + i % 5)}.`,
);

/** A model that counts the tokens that it reads. */
function counting(model: LanguageModel, read: { tokens: number }): LanguageModel {
  return new Proxy(model, {
    get(target, key) {
      const value = Reflect.get(target, key);
      if (key === "capture") {
        return (prompts: Int32Array[], layers: number[]) => {
          read.tokens += prompts.reduce((sum, { length }) => sum + length, 0);
          return target.capture(prompts, layers);
        };
      }
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

Deno.test("budgets end within a batch: the model reads nothing beyond the prompt in which they do", async () => {
  const out = await Deno.makeTempDir();
  const failures: string[] = [];
  const seen: Record<string, number> = {};
  try {
    const code = await runExperiment({ name: "budgets", question: "", description: "" }, async (run) => {
      await using opened = await openModel(run);
      const longest = Math.max(...TEXTS.map((text) => opened.model.encode(text).length));
      const read = { tokens: 0 };
      const model = counting(opened.model, read);
      // Named anew, so that no calibration of another run is used.
      const plan = { ...opened, model, texts: TEXTS, corpus: crypto.randomUUID(), files: [], seed: 0 };
      const calibrations = await calibrated(run, plan, { percentiles: [20], calibration: 200 });
      seen.calibrated = run.manifest.calibrations[0].activations;
      seen.readToCalibrate = read.tokens;
      assertLess(read.tokens, 200 + 60 + longest);
      read.tokens = 0;
      using discovery = await grow(run, { ...plan, calibrations });
      seen.grown = discovery.tokens;
      seen.read = read.tokens;
      seen.longest = longest;
    }, {
      args: ["--layers", "3", "--max-tokens", "300", "--device", "cpu", "--out", out, "--quiet"],
      print: () => {},
      printError: (text) => failures.push(text),
    });
    assertEquals(code, 0, failures.join());
    assertEquals(seen.calibrated, 200);
    assert(seen.grown >= 300 && seen.grown < 300 + seen.longest, `${seen.grown} tokens`);
    assertEquals(seen.read, seen.grown);
  } finally {
    await Deno.remove(out, { recursive: true });
  }
});

Deno.test("a budget that is raised goes on within the batch in which the smaller one ended", async () => {
  const out = await Deno.makeTempDir();
  const failures: string[] = [];
  try {
    const code = await runExperiment({ name: "raised", question: "", description: "" }, async (run) => {
      await using opened = await openModel(run);
      const plan = { ...opened, texts: TEXTS, corpus: crypto.randomUUID(), files: [], seed: 0 };
      const reading = { batchPrompts: 32 };
      const calibrations = await calibrated(run, { ...plan, reading }, { percentiles: [20], calibration: 200 });
      const growTo = async (maxTokens: number, folder: string, watched?: number[]) => {
        const growing = {
          maxTokens,
          saturationWindow: Infinity,
          checkpoint: { folder: `${out}/${folder}`, resume: true },
        };
        const watch = watched && ((batch: StreamBatch) => void watched.push(batch.promptsBefore));
        using discovery = await grow(run, { ...plan, reading, calibrations, growing, watch });
        const { batches, prompts, tokens, activations } = discovery;
        return { batches, prompts, tokens, activations };
      };
      const once = await growTo(900, "once");
      for (const watched of [undefined, []]) {
        const folder = watched ? "watched" : "alone";
        const small = await growTo(100, folder, watched);
        assert(small.tokens >= 100 && small.tokens < 150, `${small.tokens} tokens`);
        // The rest of the first batch is a batch of its own.
        assertEquals(await growTo(900, folder, watched), { ...once, batches: once.batches + 1 });
        if (watched) assertEquals(watched, [0, 0, 32]);
      }
    }, {
      args: ["--layers", "3", "--device", "cpu", "--out", out, "--quiet"],
      print: () => {},
      printError: (text) => failures.push(text),
    });
    assertEquals(code, 0, failures.join());
  } finally {
    await Deno.remove(out, { recursive: true });
  }
});

/** Flags of a build whose one batch is all of the corpus, a long forward pass as a whole. */
const LONG = ["--layers", "3", "--percentiles", "10", "--batch", "100000", "--device", "cpu"];

/** The clock says how much work a process does only where nothing else runs. */
const isLinux = Deno.build.os === "linux";

async function secondsToEnd({ status }: Deno.ChildProcess): Promise<number> {
  const start = performance.now();
  await status;
  return (performance.now() - start) / 1000;
}

/** Runs a build, sends SIGINT once its stderr holds a word, and tells what became of it, and the work it did after that. */
async function interruptAt(word: string, flags: string[]): Promise<{ code: number; text: string; seconds: number }> {
  const out = await Deno.makeTempDir();
  const args = [...LONG, ...flags, "--out", out];
  const child = experimentCommand("build", args, { stdout: "null", stderr: "piped" }).spawn();
  let text = "";
  let seconds: Promise<number> | undefined;
  for await (const part of child.stderr.pipeThrough(new TextDecoderStream())) {
    text += part;
    if (seconds || !text.includes(word)) continue;
    seconds = isLinux ? processorSecondsToEnd(child.pid) : secondsToEnd(child);
    child.kill("SIGINT");
  }
  const { code } = await child.status;
  await Deno.remove(out, { recursive: true });
  return { code, text, seconds: await seconds ?? NaN };
}

Deno.test("a batch that takes long is told by the piece, and a signal ends it within two seconds of work", async () => {
  // Anywhere but on a terminal the first line comes after two seconds: not before the first piece, and within the batch.
  const calibrating = await interruptAt("calibrate  ", ["--calibration", "150000"]);
  assertMatch(calibrating.text, /calibrate {6,}\d+ % {2}[\d,]+\/150,000 activations.* left\n/);
  assertEquals(calibrating.code, 130, calibrating.text);
  assertLess(calibrating.seconds, 2, calibrating.text);

  const growing = await interruptAt("discover  ", ["--calibration", "1000"]);
  assertMatch(growing.text, /discover {7,}\d+ % {2}[\d,]+\/1,626 texts.* left\n/);
  assertStringIncludes(growing.text, "interrupted; stopping after the current step");
  assertEquals(growing.code, 130, growing.text);
  assertLess(growing.seconds, 2, growing.text);
});
