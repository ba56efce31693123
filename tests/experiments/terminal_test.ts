/** Files that try to act on the terminal, by every way by which their words can get there. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { watch } from "../../src/analysis/mod.ts";
import { CorpusError, readCorpus } from "../../mod.ts";
import { float32Tensor, readNpz, readSafetensors, writeSafetensors } from "../../src/files/mod.ts";
import { resultTable, RunManifest, saveTable, words } from "../../src/report/mod.ts";
import { Progress } from "../../src/run/mod.ts";
import { formatNpy } from "../../src/files/npy.ts";
import { OP } from "../../src/files/pickle/opcodes.ts";
import { readPickle } from "../../src/files/pickle/pickle.ts";
import { ZipWriter } from "../../src/files/zip.ts";
import { PUBLISHED } from "../../src/partition/published_pickle.ts";
import { deno } from "../lib/deno.ts";
import { inFolder } from "../lib/folder.ts";
import { bytes, global } from "../lib/pickle_bytes.ts";

/** Clears the screen, sets its title, speaks in C1, turns the reading direction, hides a text in tags. */
const EVIL = "x\u001b[2J\u001b]0;t\u0007\u009b31m\u202egnp\u2066\u200b\r\u{e0041}\u007f";

/** Fails where a text has a character that acts or leaves no mark, besides line ends. */
function assertVisible(text: string, from: string): void {
  assertStringIncludes(text, "x", from);
  const found = text.replaceAll("\n", "").match(/[\p{Cc}\p{Cf}]/u)?.[0];
  assertEquals(found && `U+${found.codePointAt(0)!.toString(16)}`, undefined, `${from}: ${JSON.stringify(text)}`);
}

/** A script of an experiment that does what its first flag says. */
const script = (root: string) => `
import { experiment } from "${root}src/run/experiment.ts";
import { readCorpus } from "${root}mod.ts";
const evil = ${JSON.stringify(EVIL)};
const deeds = {
  corpus: () => Array.fromAsync(readCorpus(Deno.env.get("EVIL_FILE"))),
  print: () => { console.log(evil); console.warn("%s", evil, { evil }); },
  note: (run) => run.note(evil),
  throw: () => { throw new Error(evil, { cause: new Error(evil) }); },
  stray: () => { Promise.reject(new Error(evil)); return new Promise((resolve) => setTimeout(resolve, 1000)); },
  timer: () => { setTimeout(() => { throw new Error(evil); }); return new Promise((resolve) => setTimeout(resolve, 1000)); },
};
const flags = { deed: { type: "string", default: "", help: "" } };
await experiment({ name: "evil", question: "", description: "", flags }, async (run) => await deeds[run.flags.deed](run));
`;

Deno.test("nothing that an experiment says acts on the terminal, be it an error that nobody catches", () =>
  inFolder(async (folder) => {
    const root = new URL("../../", import.meta.url).href;
    await Deno.writeTextFile(`${folder}/evil.js`, script(root));
    await Deno.writeTextFile(`${folder}/row.jsonl`, JSON.stringify({ [EVIL]: 1 }));
    await Deno.writeTextFile(`${folder}/broken.jsonl`, `{"text": ${EVIL}`);
    let runs = 0;
    const run = async (deed: string, code: number, env: Record<string, string> = {}, out = `out-${runs++}`) => {
      const args = ["--allow-all", `${folder}/evil.js`, "--deed", deed, "--out", `${folder}/${out}`];
      const ended = await deno("run", args, { env: { NO_COLOR: "1", ...env } });
      assertEquals(ended.code, code, ended.stderr);
      assertVisible(ended.stdout + ended.stderr, `${deed} ${JSON.stringify(env)}`);
      return ended.stderr;
    };
    await Promise.all([
      run("corpus", 1, { EVIL_FILE: `${folder}/row.jsonl` }),
      run("corpus", 1, { EVIL_FILE: `${folder}/broken.jsonl` }),
      run("corpus", 1, { EVIL_FILE: `${folder}/${EVIL}.jsonl` }),
    ]);
    await Promise.all([run("print", 0), run("note", 0, {}, EVIL), run("throw", 1)]);
    const [stack] = await Promise.all([run("throw", 1, { EXEMPLAR_DEBUG: "1" }), run("stray", 1), run("timer", 1)]);
    assert(/\n +at /.test(stack), stack);
    assertVisible(await Deno.readTextFile(`${folder}/${EVIL}/run.json`), "run.json");
  }));

/** One file of each kind, with names that act. */
async function evilFiles(folder: string): Promise<string[]> {
  const paths = ["a.npz", "a.safetensors", "b.safetensors", "a.pkl", "run.json", `${EVIL}.arrow`, "c.json"]
    .map((name) => `${folder}/${name}`);
  const [npz, tensors, damaged, pickle, , , broken] = paths;
  const archive = new ZipWriter((await Deno.create(npz)).writable);
  await archive.add(`${EVIL}.npy`, ReadableStream.from(formatNpy(float32Tensor(new Float32Array(1), [1]), "a")));
  await archive.close();
  await writeSafetensors(tensors, new Map([[EVIL, float32Tensor(new Float32Array(1), [1])]]), { [EVIL]: EVIL });
  const whole = await Deno.readFile(tensors);
  await Deno.writeFile(damaged, whole.subarray(0, whole.length - 1));
  await Deno.writeFile(pickle, bytes(OP.PROTO, 2, global(EVIL.replaceAll("\n", ""), "run"), OP.STOP));
  const manifest = new RunManifest({ name: EVIL, seed: 0, flags: { [EVIL]: EVIL } });
  manifest.findings[EVIL] = EVIL;
  await manifest.finish(folder);
  await saveTable(folder, EVIL, resultTable({ [EVIL]: words(EVIL) }, [{ [EVIL]: EVIL }, { [EVIL]: "b" }]));
  await Deno.writeTextFile(broken, `{ ${EVIL}`);
  return paths;
}

Deno.test("inspect shows what it finds, as tables and as JSON", () =>
  inFolder(async (folder) => {
    const paths = await evilFiles(folder);
    const inspect = (...args: string[]) =>
      deno("run", ["--allow-read", "--allow-env", "experiments/inspect.ts", ...args]);
    const [tables, json] = await Promise.all([inspect(...paths), inspect(...paths, "--json")]);
    for (const { stdout, stderr } of [tables, json]) {
      assertVisible(stdout, "what is in the files");
      assertVisible(stderr, "what is wrong with the others");
      assertEquals(stderr.trim().split("\n").length, 3, stderr);
    }
    const [{ tables: { tensors: [{ tensor }] } }] = JSON.parse(json.stdout);
    assertEquals(tensor, EVIL, "JSON keeps the name");
  }));

Deno.test("errors of the library quote files visibly", () =>
  inFolder(async (folder) => {
    const [npz, tensors, damaged, pickle] = await evilFiles(folder);
    await Deno.writeTextFile(`${folder}/a.jsonl`, JSON.stringify({ [EVIL]: 1 }));
    const failures = [
      () => readNpz(npz, ["W_dec"]),
      () => readSafetensors(tensors, ["W_dec"]),
      () => readSafetensors(damaged),
      async () => readPickle(await Deno.readFile(pickle), "x", PUBLISHED),
      () => Array.fromAsync(readCorpus(`${folder}/a.jsonl`)),
      () => Array.fromAsync(readCorpus([{ text: [EVIL] }])),
    ];
    for (const [i, failure] of failures.entries()) {
      const error = await assertRejects(async () => void await failure(), Error);
      assertVisible(`x${error.message}`, `failure ${i}`);
    }
    assertVisible(new CorpusError(EVIL).message, "any error of a corpus");
  }));

Deno.test("progress and verdicts show a prompt's characters, and JSON keeps them", async () => {
  const written: string[] = [];
  const progress = new Progress({ terminal: false, write: (text) => written.push(text), now: () => 0 });
  progress.stage(EVIL).note(EVIL);
  progress.log(EVIL);
  progress.end();
  assertVisible(written.join(""), "progress");

  const verdict = {
    tokens: 1,
    truncated: false,
    distance: 0,
    beyond: 0,
    region: 0,
    farthest: { position: 0, token: EVIL, distance: 1 },
    alarms: [],
  };
  async function* lines() {
    yield { number: 1, text: JSON.stringify({ id: EVIL, text: "a" }) };
    yield { number: 2, text: `{${EVIL}` };
  }
  const out: string[] = [];
  const write = (text: string) => Promise.resolve(void out.push(text));
  await watch({ read: (texts) => Promise.resolve(texts.map(() => verdict)) }, lines(), { json: true, batch: 1, write });
  assertVisible(out.join(""), "verdicts");
  assertEquals(JSON.parse(out[0]).id, EVIL);
});
