/** The folder of a run's results: tried, locked, freed of an earlier run's, and whole whatever happens to the disk. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { openBackend } from "../../src/compute/mod.ts";
import { calibrate, discover } from "../../src/partition/mod.ts";
import { resultTable, whole } from "../../src/report/mod.ts";
import { denoCommand } from "../lib/deno.ts";
import { inFolder } from "../lib/folder.ts";
import { onFullDisk } from "../lib/full_disk.ts";
import { corpus, streamOf } from "../partition/streams.ts";
import { DEFINITION, run, type SampleRun } from "./sample.ts";

/** Files below a folder, sorted. */
function filesIn(folder: string): string[] {
  return [...Deno.readDirSync(folder)].flatMap(({ name, isDirectory }) =>
    isDirectory ? filesIn(`${folder}/${name}`).map((file) => `${name}/${file}`) : name
  ).sort();
}

/** Leaves a file of every kind. */
async function results(run: SampleRun, content = "a dictionary"): Promise<void> {
  const { save, flags: { percentiles } } = run;
  for (const p of percentiles) {
    await save.file(`dictionaries/L3-p${p}.arrow`, async (path) => {
      await Deno.mkdir(path.replace(/\/[^/]*$/, ""), { recursive: true });
      await Deno.writeTextFile(path, content);
    });
  }
  await save.table("rows", resultTable({ x: whole("a number") }, [{ x: 1 }, { x: 2 }]));
  const spec = {
    data: { values: [{ x: 1, y: 2 }] },
    mark: "point" as const,
    encoding: {
      x: { field: "x", type: "quantitative" as const },
      y: { field: "y", type: "quantitative" as const },
    },
  };
  await save.chart("points", spec, "Points.");
  await save.report({ title: "A sample", question: "", answer: "", sections: [] });
}

const chart = ["points.png", "points.svg", "points.vl.json"];

Deno.test("a folder is tried by writing before anything is done", { ignore: Deno.build.os !== "linux" }, async () => {
  // Folders that nobody may write to, root neither.
  const { code, err } = await run(["--out", "/proc/self"], () => Promise.reject(new Error("it ran")));
  assertEquals(code, 2);
  assertStringIncludes(err, "sample: Cannot write results to /proc/self: ");
  assertStringIncludes(err, "--out");
  await inFolder((folder) =>
    onFullDisk(async () => {
      const { code, err } = await run(["--out", folder], () => Promise.reject(new Error("it ran")));
      assertEquals(code, 2);
      assertStringIncludes(err, "the disk is full");
      assertEquals(filesIn(folder), []);
    })
  );
});

Deno.test("a second run in a folder is told who has it; a lock that a killed run left is none", () =>
  inFolder(async (folder) => {
    const first = await run(["--out", folder, "--seed", "7"], async () => {
      const { code, err } = await run(["--out", folder], () => Promise.reject(new Error("it ran")));
      assertEquals(code, 1);
      assertStringIncludes(err, `Cannot write results to ${folder}: another run does (process ${Deno.pid} on `);
      const now = new Date().toISOString().slice(0, 13);
      for (const part of [Deno.hostname(), `since ${now}`, `sample --out ${folder} --seed 7`, "--out."]) {
        assertStringIncludes(err, part);
      }
    });
    assertEquals([first.code, first.err], [0, ""]);
    assertEquals(filesIn(folder), ["run.json"]);
    const { outputs } = JSON.parse(await Deno.readTextFile(`${folder}/run.json`));
    assertEquals(outputs, []);

    // Another process has it, and is killed.
    const lib = new URL("../../src/run/folder/out_folder.ts", import.meta.url).href;
    const program = `import { OutFolder } from ${JSON.stringify(lib)};
      const options = { command: "killed", resume: true, inputs: [], note: console.error };
      await (await OutFolder.open(${JSON.stringify(folder)}, options)).begin("half.svg");
      console.log("it has it");
      await new Promise((resolve) => setTimeout(resolve, 60_000));`;
    const child = denoCommand("eval", [program], { stdout: "piped" }).spawn();
    const reader = child.stdout.getReader();
    await reader.read();
    const { code, err } = await run(["--out", folder]);
    assertEquals(code, 1);
    assertStringIncludes(err, `(process ${child.pid} on `);
    child.kill("SIGKILL");
    await child.status;
    await reader.cancel();
    assertEquals(filesIn(folder), [".lock", "run.json"]);
    await Deno.writeTextFile(`${folder}/half.svg`, "what the killed run left");
    await Deno.writeTextFile(`${folder}/.half.svg.${crypto.randomUUID()}.tmp`, "wh");
    await Deno.writeTextFile(`${folder}/.mine.tmp`, "not ours");
    const ended = await run(["--out", folder, "--resume"]);
    assertEquals(ended.code, 2);
    assertStringIncludes(ended.err, "it came to its end: its results are there");
    await Deno.remove(`${folder}/run.json`);
    const anew = await run(["--out", folder, "--resume"]);
    assertEquals([anew.code, anew.err.includes("nothing to go on from")], [0, true]);
    assertEquals(filesIn(folder), [".mine.tmp", "run.json"]);
  }));

Deno.test("a run does not remove what it reads, however that is named", () =>
  inFolder(async (folder) => {
    const out = `${folder}/out`;
    assertEquals((await run(["--out", out], results)).code, 0);
    const all = filesIn(out);
    await Deno.symlink(`${out}/rows.arrow`, `${folder}/link.arrow`);
    await Deno.symlink(out, `${folder}/linked`);
    for (
      const [to, corpus] of [[out, `${out}/rows.arrow`], [out, `${folder}/link.arrow`], [
        `${folder}/linked`,
        `${out}/rows.arrow`,
      ]]
    ) {
      const { code, err } = await run(["--out", to, "--corpus", corpus], results);
      assertEquals(code, 2, err);
      assertStringIncludes(err, "would be removed");
    }
    assertEquals(filesIn(out), all);
  }));

Deno.test("a fresh run first removes what an earlier one left, finished or killed, and nothing else", () =>
  inFolder(async (folder) => {
    const out = `${folder}/out`;
    assertEquals((await run(["--out", out, "--percentiles", "2,4"], results)).code, 0);
    const dictionaries = ["dictionaries/L3-p2.arrow", "dictionaries/L3-p4.arrow"];
    const all = [...dictionaries, ...chart, "report.html", "rows.arrow", "run.json"];
    assertEquals(filesIn(out), all);
    const others = ["dictionaries/L3-p9.arrow", "notes.txt", "other.png"];
    for (const other of others) await Deno.writeTextFile(`${out}/${other}`, "not ours");

    // With --resume all of it stays, where there is something to go on from.
    const stops = async (run: SampleRun) => {
      await run.kept("results", () => 1);
      throw new Error("stop");
    };
    const writesAndStops = (run: SampleRun) => results(run).then(() => stops(run));
    assertEquals((await run(["--out", out, "--percentiles", "2,4"], writesAndStops)).code, 1);
    const left = filesIn(out);
    assertEquals(left.filter((file) => all.includes(file)), all.filter((file) => file !== "run.json"));
    assertEquals((await run(["--out", out, "--percentiles", "2,4", "--resume"], stops)).code, 1);
    assertEquals(filesIn(out), left);

    const killed = await run(["--out", out, "--percentiles", "8"], async (run) => {
      assertEquals(filesIn(out), [".lock", ...others]);
      await run.save.file("dictionaries/L3-p8.arrow", (path) => Deno.writeTextFile(path, "half the results"));
      throw new Error("stop");
    });
    assertEquals(killed.code, 1);
    assertEquals(filesIn(out), [".lock", "dictionaries/L3-p8.arrow", ...others]);
    assertEquals((await run(["--out", out, "--percentiles", "2"], results)).code, 0);
    assertEquals(
      filesIn(out),
      ["dictionaries/L3-p2.arrow", ...chart, "report.html", "rows.arrow", "run.json", ...others].sort(),
    );
  }));

Deno.test("an earlier run's record that names files elsewhere, or is damaged, takes nothing with it", () =>
  inFolder(async (folder) => {
    const out = `${folder}/out`;
    await Deno.mkdir(`${folder}/linked`);
    await Deno.mkdir(`${out}/sub/deep`, { recursive: true });
    await Deno.symlink(`${folder}/linked`, `${out}/link`);
    const kept = ["linked/a.txt", "outside.txt", "out/sub/deep/b.txt"];
    for (const file of kept) await Deno.writeTextFile(`${folder}/${file}`, "not ours");
    await Deno.symlink(`${folder}/outside.txt`, `${out}/outside-link`);
    const outputs = [
      "../outside.txt",
      `${folder}/outside.txt`,
      "link/a.txt",
      "outside-link",
      "sub",
      "sub/../../outside.txt",
      3,
    ];
    const record = JSON.stringify({ name: "sample", outputs });
    await Deno.writeTextFile(`${out}/run.json`, record);
    assertEquals(await run(["--out", out]), { code: 0, out: "", err: "" });
    for (const file of kept) assertEquals(await Deno.readTextFile(`${folder}/${file}`), "not ours");
    assert((await Deno.lstat(`${out}/outside-link`)).isSymlink);

    await Deno.writeTextFile(`${out}/run.json`, record.slice(0, 20));
    await Deno.writeTextFile(`${out}/report.html`, "an earlier report");
    const { code, err } = await run(["--out", out], () => Promise.reject(new Error("stop")));
    assertEquals(code, 1);
    assertStringIncludes(err, `Cannot read ${out}/run.json: it is cut off or damaged`);
    assertEquals(filesIn(out).filter((file) => /run|report/.test(file)), []);
  }));

Deno.test("a run that would remove what it reads is refused, and nothing is removed", () =>
  inFolder(async (folder) => {
    assertEquals((await run(["--out", folder], results)).code, 0);
    const before = filesIn(folder);
    const { code, err } = await run(["--out", folder, "--field", `x.jsonl,${folder}/dictionaries/L3-p12.arrow`]);
    assertEquals(code, 2);
    assertStringIncludes(err, "dictionaries/L3-p12.arrow is of an earlier run");
    assertEquals(filesIn(folder), before);
    // A pattern names what it finds.
    const pattern = await run(["--out", folder, "--corpus", `${folder}/{rows,none}.arrow`]);
    assertEquals([pattern.code, filesIn(folder)], [2, before]);
    assertStringIncludes(pattern.err, "rows.arrow is of an earlier run");
    // What lies among a run's own steps would go with them.
    await Deno.mkdir(`${folder}/checkpoints`);
    await Deno.writeTextFile(`${folder}/checkpoints/own.jsonl`, '{"text":"one"}\n');
    const own = await run(["--out", folder, "--corpus", `${folder}/checkpoints/own.jsonl`]);
    assertEquals(own.code, 2);
    assertStringIncludes(own.err, "checkpoints/own.jsonl is of an earlier run");
    await Deno.remove(`${folder}/checkpoints`, { recursive: true });
    // A folder that is read and holds that of the results is no part of them.
    assertEquals((await run(["--out", `${folder}/below`, "--model", folder])).code, 0);
    assertEquals((await run(["--out", `${folder}/below`, "--model", folder])).code, 0);
  }));

Deno.test("what is to be done once everything is written is done then, and not before", () =>
  inFolder(async (folder) => {
    const state: boolean[] = [];
    const body = (run: SampleRun) => {
      run.onDone(async () => void state.push((await Deno.stat(`${folder}/run.json`)).isFile));
      return Promise.resolve();
    };
    await run(["--out", folder], async (run) => {
      await body(run);
      throw new Error("stop");
    });
    assertEquals(state, []);
    assertEquals((await run(["--out", folder], body)).code, 0);
    assertEquals(state, [true]);
  }));

Deno.test("a full disk at any file is a sentence and exit code 1; with room again the same bytes come", () =>
  inFolder(async (folder) => {
    const whole = `${folder}/whole`;
    assertEquals((await run(["--out", whole], (run) => results(run))).code, 0);
    const out = `${folder}/out`;
    for (const file of ["rows.arrow", "points.vl.json", "points.svg", "points.png", "report.html", "run.json"]) {
      await onFullDisk(async () => {
        const { code, err } = await run(["--out", out, "--resume"], (run) => results(run));
        assertEquals(code, 1, err);
        assertStringIncludes(err, `sample: Cannot write ${out}/${file}: the disk is full. Make room`);
      }, (path) => path.includes(`/.${file}.`));
      assertEquals(filesIn(out).filter((name) => name === file || name.endsWith(".tmp")), []);
    }
    assertEquals((await run(["--out", out, "--resume"], (run) => results(run))).code, 0);
    assertEquals(filesIn(out), filesIn(whole));
    for (const file of filesIn(whole).filter((file) => !["run.json", "report.html"].includes(file))) {
      assertEquals(await Deno.readFile(`${out}/${file}`), await Deno.readFile(`${whole}/${file}`), file);
    }
  }));

Deno.test("flags that differ from a checkpoint's are named, and a smaller budget is refused", () =>
  inFolder(async (folder) => {
    const backend = await openBackend("cpu");
    const stream = streamOf(corpus(12, [0]), 4);
    const batches = stream.map(({ batches }) => batches.get(0)!);
    const grow = async (run: SampleRun) => {
      const { seed, percentiles, maxTokens } = run.flags;
      const calibration = await calibrate(batches, { percentiles, backend, pairs: "batch" });
      await discover(stream, calibration, {
        backend,
        seed,
        maxTokens,
        checkpoint: await run.stages.checkpoint("grow"),
      });
      throw new Error("stopped here");
    };
    const mayChange = ["maxTokens", "seed", "percentiles"] as const;
    const start = (...args: string[]) => run(["--out", folder, ...args], grow, { ...DEFINITION, mayChange });
    const stopped = { code: 1, out: "", err: "sample: stopped here" };
    assertEquals(await start("--percentiles", "4,10", "--max-tokens", "500"), stopped);
    const same = ["--resume", "--percentiles", "4,10", "--max-tokens"];
    assertEquals(await start(...same, "500"), stopped);
    for (
      const [args, part] of [
        [[...same, "499"], "found --max-tokens 499 instead of --max-tokens 500: give the same flags (--max-tokens may"],
        [[...same, "500", "--seed", "3"], "found --seed 3 instead of --seed 0: give"],
        [["--resume", "--percentiles", "8"], "found --percentiles 8 instead of --percentiles 4,10"],
      ] as const
    ) {
      const { code, err } = await start(...args);
      assertEquals(code, 2, err);
      assertStringIncludes(err, `Expected the flags of the run that left ${folder}/checkpoints/`);
      assertStringIncludes(err, part);
      assert(!/[{}[\]]/.test(err), err);
    }
    assertEquals(await start(...same, "501"), stopped);
  }));
