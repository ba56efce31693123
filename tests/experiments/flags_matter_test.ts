/**
 * Every flag of every experiment does something: each is changed once, and a table, a dictionary or a finding must change,
 * or the flag must be refused. Flags that all experiments have are changed in one of them, and refused where one lacks
 * them; those of speed and place are listed with the reason. The run that is compared with is of one layer, one percentile
 * and, where that can be, one order: what it prints speaks of one.
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { Random } from "../../src/compute/mod.ts";
import { float32Tensor, writeSafetensors } from "../../src/files/mod.ts";
import { ORT_TEST } from "../model/toy.ts";
import { resultsOf, runScript } from "./in_process.ts";
import { writeTinyModel } from "./tiny_model.ts";

const CORPORA = new URL("../../fixtures/corpora/", import.meta.url).pathname;

/** Flags that change no result, and why. */
const FREE: Readonly<Record<string, string>> = {
  device: "where it is computed",
  cache: "where downloads lie",
  tokenFor: "who gets the token",
  offline: "whether the hub is asked",
  refresh: "whether the hub is asked again",
  maxUnpacked: "how much memory a file may take",
  out: "where results lie",
  parquet: "which other files hold the tables",
  resume: "whether a stopped run goes on",
  quiet: "whether progress is shown",
  help: "no run at all",
};

/** What one flag is changed to: a value, nothing for a switch; or all arguments of the run with it, and of that without. */
type Change = string | null | { readonly from?: string; readonly to: string };

type Changes = Readonly<Record<string, Change>>;

interface Case {
  /** Arguments of a run of a second. */
  readonly base: string;
  /** One change for each of its own flags. */
  readonly own: Changes;
  /** Own flags that change no result, and why. */
  readonly free?: Readonly<Record<string, string>>;
}

const OTHER_DATE = "2023-01-02";

/** What flags that all experiments have are changed to, in the first of them. */
const COMMON: Readonly<Record<string, string>> = {
  model: "other-model",
  layers: "0",
  percentiles: "30",
  corpus: "other-pile.jsonl",
  field: "second",
  maxTokens: "200",
  seed: "1",
  dtype: "q8",
  hook: "mlp_out",
  bos: "never",
  controlTokens: "tokens",
  templateDate: OTHER_DATE,
  weights: "onnx",
  revision: "main",
  subfolder: "none",
  modelFile: "none",
};

const READING: Changes = {
  calibration: "60",
  context: "10",
  batch: "3",
  windows: "first",
  stride: "7",
  // The default of batches as small as these is "sample".
  thresholdPairs: "batch",
};
/** Those of what may be saturated, too. */
const READING_ON: Changes = { ...READING, readAll: null };
/** Those of what is cut into windows anyway. */
const { windows: _, stride: __, ...READING_WINDOWS } = READING;
const SELECTION: Changes = { excludeTokens: "16", excludePositions: "4" };
const SPLITS: Changes = { split: "heldout", heldout: "train" };

const MODEL = "--model model --layers 1";
const GROWN = `${MODEL} --percentiles 10`;
// At so large a percentile a dictionary is saturated before the budget is spent.
const READ = `${MODEL} --percentiles 50 --corpus pile.jsonl --max-tokens 700 --calibration 200 --context 16 --batch 6`;
const DOMAINS = "--math math.jsonl --code code.jsonl --chat chat.jsonl";
const OTHER_DOMAINS: Changes = { math: "other-math.jsonl", code: "other-code.jsonl", chat: "other-chat.jsonl" };
const INSTRUCTIONS = "--harmful harmful.jsonl --harmless harmless.jsonl";
const OTHER_INSTRUCTIONS: Changes = { harmful: "other-harmful.jsonl", harmless: "other-harmless.jsonl" };

const MEASURED = `--bulgarian bulgarian.jsonl ${INSTRUCTIONS} --false-alarms 0.2 --seeds 2 --prompts 20`;
const WATCHED = `${GROWN} --corpus pile.jsonl --max-tokens 1500 --calibration 300`;
const SATURATED = `${WATCHED} --plain --context 4 --percentiles 90 --max-tokens 6000 ${MEASURED}`;
const DETECTED = "--concepts 0,1 --sets 1 --text-context 24 --l2 0.01 --resamples 100";
const DETECTING = `${READ} --data axbench --budgets 400 --seeds 1 ${DETECTED}`;

const CASES: Readonly<Record<string, Case>> = {
  build: {
    base: READ,
    own: {
      ...COMMON,
      ...READING_ON,
      ...SELECTION,
      maxNorm: "1.1x",
      split: "heldout",
      chat: null,
      inOrder: null,
      window: "0",
      members: "2",
      dashboard: null,
    },
    free: { checkpointEvery: "how often state is kept" },
  },
  ood: {
    base: `${READ} --seeds 1 --prompts 8 --bulgarian bulgarian.jsonl`,
    own: { ...READING_ON, ...SELECTION, ...SPLITS, seeds: "2", bulgarian: "other-bulgarian.jsonl", prompts: "4" },
  },
  neighbourhood: {
    base: `${READ} --percentiles 40,60 --seeds 1 --pairs 4 --controls 3`,
    own: { ...READING_ON, ...SELECTION, split: "heldout", seeds: "2", pairs: "3", controls: "2" },
  },
  paths: {
    base: `${READ} --percentiles 40 --seeds 1 --shown 12 --prompts 6`,
    own: { ...READING_ON, ...SPLITS, seeds: "2", prompt: "king", shown: "8", prompts: "3" },
  },
  steer: {
    base: `${READ} --seeds 1 --probe 6 --regions 2 --members 2 --alphas 1`,
    own: { ...READING_ON, ...SPLITS, seeds: "2", probe: "4", regions: "3", members: "20", alphas: "2" },
  },
  stability: {
    base: `${GROWN} --corpus pile.jsonl --calibration 300 --context 16 --batch 6 --seeds 2 --texts 12`,
    own: { ...READING, ...SELECTION, seeds: "3", texts: "9" },
  },
  saturation: {
    base: `${GROWN} ${DOMAINS} --max-tokens 128 --calibration 200 --context 16 --batch 4 --seeds 1`,
    own: { ...READING_WINDOWS, ...SELECTION, ...OTHER_DOMAINS, maxNorm: "1.1x", seeds: "2" },
  },
  metric: {
    base: `${MODEL} ${DOMAINS} --regions 4 --windows 3 --heldout 3 --context 16 --seeds 2`,
    own: { ...OTHER_DOMAINS, regions: "6", windows: "2", heldout: "2", context: "12", ridge: "0.5", seeds: "3" },
  },
  overlap: {
    base: `${READ} --sae sae --seeds 1 --tokens 120 --minimum 2 --strongest 8 --draws 2`,
    own: {
      ...READING,
      ...SPLITS,
      sae: "other-sae",
      tokens: "60",
      minimum: "4",
      strongest: "4",
      seeds: "2",
      draws: "3",
    },
  },
  probe: {
    base:
      `${READ} --sae sae --sae-layer 1 ${INSTRUCTIONS} --documents 6 --instructions 8 --train 120 --test 80 --k 1,2 ` +
      "--strengths 0.01,0.1 --iterations 4 --seeds 1 --shuffles 1",
    own: {
      ...READING_ON,
      ...OTHER_INSTRUCTIONS,
      split: "heldout",
      probed: "train",
      domain: "split",
      sae: "none",
      saeLayer: "0",
      saeHook: "mlp_out",
      documents: "5",
      instructions: "5",
      train: "60",
      test: "40",
      share: "0.5",
      k: "1,3",
      kPercentiles: "20",
      strengths: "1",
      iterations: "2",
      seeds: "2",
      shuffles: "2",
    },
  },
  audit: {
    base: `${GROWN} --after after-model --chat-corpora harmful.jsonl,harmless.jsonl --corpus pile.jsonl ` +
      "--calibration 300 --context 16 --batch 6 --texts 6 --prompts 8 --seeds 4 --min-members 1 --alpha 0.2",
    own: {
      after: "other-model",
      chatCorpora: "other-harmful.jsonl,harmless.jsonl",
      ...READING,
      texts: "5",
      prompts: "5",
      seeds: "5",
      alpha: "0.4",
      minMembers: "3",
    },
  },
  drift: {
    base: `${GROWN} --instruct after-model ${INSTRUCTIONS} --corpus pile.jsonl --calibration 300 --texts 6 --seeds 2 ` +
      "--context 16 --batch 6 --chat-percentiles 2 --prompts 10 --new-tokens 3 --min-members 2 --min-rate 0.3",
    own: {
      ...OTHER_INSTRUCTIONS,
      instruct: "other-model",
      ...READING,
      texts: "5",
      cut: "0.95",
      seeds: "3",
      chatPercentiles: "15",
      prompts: "6",
      newTokens: "1",
      minMembers: "15",
      minRate: "1",
      // The model writes the day before a chat.
      templateDate: OTHER_DATE,
    },
  },
  refusal: {
    base:
      `${GROWN} --percentiles 1 --corpus harmful.jsonl --harmless harmless.jsonl --other harmful_other.jsonl --seeds 1 ` +
      "--prompts 12 --heldout 12 --tokens 3 --top-k 1 --alphas 0.5 --batch 4",
    own: {
      harmless: "other-harmless.jsonl",
      other: "other-harmful_other.jsonl",
      seeds: "2",
      prompts: "8",
      heldout: "8",
      tokens: "1",
      topK: "2",
      alphas: "4",
      batch: "8",
      nullTolerance: "0.01",
      matchDistance: "0.1",
    },
  },
  monitor: {
    base: `${WATCHED} --context 24 --answer 3 ${MEASURED}`,
    own: {
      ...OTHER_INSTRUCTIONS,
      ...SPLITS,
      dictionary: { to: `--model model --dictionary given.arrow --corpus pile.jsonl ${MEASURED}` },
      falseAlarms: "0.4",
      plain: null,
      seeds: "3",
      bulgarian: "other-bulgarian.jsonl",
      prompts: "12",
      answer: "1",
      calibration: "60",
      context: "12",
      // Batches are of 128 prompts, and a dictionary of few regions is saturated after two.
      readAll: { from: SATURATED, to: `${SATURATED} --read-all` },
    },
    free: { json: "how lines of standard input are read", batch: "how many lines are read together" },
  },
  axbench: {
    base: DETECTING,
    own: {
      ...READING_ON,
      data: "other-axbench",
      concepts: "1",
      dictionaries: {
        to: `--model model --dictionaries given.arrow --corpus pile.jsonl --data axbench ${DETECTED}`,
      },
      reading: "plain",
      textContext: "16",
      split: "heldout",
      budgets: "700",
      seeds: "2",
      sets: "2",
      l2: "1",
      // Of two concepts there are too few resamples that differ.
      resamples: { from: `${DETECTING} --concepts 0-4`, to: `${DETECTING} --concepts 0-4 --resamples 137` },
    },
  },
};

const isSame = (a: object, b: object) => JSON.stringify(a) === JSON.stringify(b);

/** A flag and what it is changed to, as they are typed. */
const changed = (flag: string, change: string | null) => change === null ? dashed(flag) : `${dashed(flag)} ${change}`;

const dashed = (flag: string) => `--${flag.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

/** Of a text: more than a window, and soon read. */
const LETTERS = 160;

/** Beginnings of first rows of the embedded corpora in files of their own, each with another text beside its own, and of later ones. */
async function writeCorpora(folder: string): Promise<void> {
  for (const name of ["pile", "math", "code", "chat", "harmful", "harmless", "harmful_other", "bulgarian"]) {
    const text = await Deno.readTextFile(`${CORPORA}${name}.jsonl`);
    const rows = text.trimEnd().split("\n").map((line) => JSON.parse(line));
    const groups = [...Map.groupBy(rows, ({ split, source }) => `${split} ${source}`).values()];
    const count = Math.max(6, Math.ceil(24 / groups.length));
    for (const [prefix, from] of [["", 0], ["other-", count]] as const) {
      const few = groups.flatMap((group) =>
        group.slice(from, from + count).map((row, i) => {
          const later = group[(from + count + i) % group.length];
          const field = row.text === undefined ? "instruction" : "text";
          const start = (text: string) => text.slice(0, LETTERS);
          // A control token in every third.
          const text = `${i % 3 === 0 ? "A <end_of_turn> " : ""}${start(row[field])}`;
          return JSON.stringify({ ...row, [field]: text, second: start(later[field]) });
        })
      );
      await Deno.writeTextFile(`${folder}/${prefix}${name}.jsonl`, few.join("\n"));
    }
  }
}

/** Flags that a script's help lists, in camel case. */
async function flagsOf(name: string): Promise<string[]> {
  const { out } = await runScript(name, ["--help"]);
  const flags = out.matchAll(/^ {2}--([a-z0-9-]+)/gm);
  return Array.from(flags, ([, flag]) => flag.replace(/-[a-z0-9]/g, (part) => part[1].toUpperCase()));
}

/** An autoencoder of the second block's stream, in SAELens' form. */
async function writeSae(folder: string, seed: number): Promise<void> {
  const random = new Random(seed);
  const [dim, size] = [64, 80];
  const tensor = (...shape: number[]) =>
    float32Tensor(Float32Array.from({ length: shape.reduce((a, b) => a * b) }, () => random.normal()), shape);
  const weights = new Map([["W_enc", tensor(dim, size)], ["W_dec", tensor(size, dim)], ["b_enc", tensor(size)]]);
  await Deno.mkdir(folder);
  await writeSafetensors(`${folder}/sae_weights.safetensors`, weights.set("b_dec", tensor(dim)));
  const hook = { hook_name: "blocks.1.hook_resid_post", hook_layer: 1, model_name: "model" };
  const config = { architecture: "standard", d_in: dim, d_sae: size, dtype: "float32", ...hook };
  await Deno.writeTextFile(`${folder}/cfg.json`, JSON.stringify(config));
}

/** AxBench's files, and the same with other names of the concepts. */
async function writeAxBench(folder: string): Promise<void> {
  for (const prefix of ["", "other-"]) {
    await Deno.mkdir(`${folder}/${prefix}axbench`);
    for (const { name } of Deno.readDirSync(`${CORPORA}axbench`)) {
      await Deno.copyFile(`${CORPORA}axbench/${name}`, `${folder}/${prefix}axbench/${name}`);
    }
  }
  const metadata = `${folder}/other-axbench/metadata.jsonl`;
  await Deno.writeTextFile(metadata, (await Deno.readTextFile(metadata)).replaceAll("references", "allusions"));
}

const folder = await Deno.makeTempDir();
globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));
await writeTinyModel(`${folder}/model`);
await writeTinyModel(`${folder}/after-model`, 1);
await writeTinyModel(`${folder}/other-model`, 2);
await writeCorpora(folder);
await writeAxBench(folder);
await writeSae(`${folder}/sae`, 0);
await writeSae(`${folder}/other-sae`, 1);
let files: string[] = [];

interface Measured {
  readonly results: Readonly<Record<string, string>>;
  readonly printed: string;
}

/** Arguments with the names of files here. */
const here = (args: readonly string[]) =>
  args.map((arg) =>
    arg.split(",").every((one) => files.includes(one)) ? arg.split(",").map((one) => `${folder}/${one}`).join() : arg
  );

/** What sentences about one setting, one order or one percentile do not say. */
const OF_MANY = [
  /\b[01] of 1\b/,
  /\ball 1 /,
  /\b(one|1) (settings|percentiles|layers|orders|seeds|regions|concepts)\b/,
  // A range or an interval without width.
  /(?<![\d.,])(\d[\d.,]*) to \1(?![\d.,])/,
  /\[([−+\d.]+), \1\]/,
  /percentiles \d+(\.\d+)? the/,
  /\b(NaN|undefined|Infinity)\b/,
];

/** Runs an experiment; gives its results and what it printed, or the sentence that it was refused with. */
async function measured(name: string, args: string): Promise<Measured | string> {
  files = Array.from(Deno.readDirSync(folder), ({ name }) => name);
  const out = `${folder}/out-${name}`;
  const all = [...args.split(" "), "--device", "cpu", "--quiet", "--offline", "--out", out];
  const { code, out: printed, err } = await runScript(name, here(all));
  return code === 0 ? { results: await resultsOf(out), printed } : err;
}

for (const [name, { base, own, free = {} }] of Object.entries(CASES)) {
  Deno.test({
    name: `every flag of ${name} changes a result or is refused`,
    ...ORT_TEST,
    async fn() {
      if (!files.includes("given.arrow")) {
        await measured("build", CASES.build.base);
        await Deno.copyFile(`${folder}/out-build/dictionaries/L1-p50.arrow`, `${folder}/given.arrow`);
      }
      const flags = await flagsOf(name);
      const known = { ...FREE, ...COMMON, ...free, ...own };
      assertEquals(flags.filter((flag) => !(flag in known)), [], "flags without a change here");
      assertEquals(
        Object.keys({ ...free, ...own }).filter((flag) => !flags.includes(flag)),
        [],
        "changes without a flag",
      );
      for (const lacked of Object.keys(COMMON).filter((flag) => !flags.includes(flag))) {
        assertStringIncludes(
          `${await measured(name, `${base} ${changed(lacked, COMMON[lacked])}`)}`,
          "There is no flag",
        );
      }

      const before = await measured(name, base);
      assert(typeof before === "object", `${before}`);
      for (const words of OF_MANY) assert(!words.test(before.printed), `${words}: ${before.printed}`);
      const idle: string[] = [];
      for (const [flag, change] of Object.entries(own)) {
        const isPair = typeof change === "object" && change !== null;
        const { from = base, to } = isPair ? change : { to: `${base} ${changed(flag, change)}` };
        const unchanged = from === base ? before : await measured(name, from);
        assert(typeof unchanged === "object", `${unchanged}`);
        const after = await measured(name, to);
        if (typeof after === "string") assertMatch(after, /: (Expected|Cannot) /);
        else if (isSame(after.results, unchanged.results)) idle.push(dashed(flag));
      }
      assertEquals(idle, [], "flags that change nothing");
    },
  });
}
