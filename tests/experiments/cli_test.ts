/** A run from its command line: flags, help, mistakes, and what is told of it. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { contextOf, runExperiment } from "../../src/run/mod.ts";
import { FakeModel } from "../activations/fake_model.ts";
import { inFolder } from "../lib/folder.ts";
import { DEFINITION, run, type SampleRun } from "./sample.ts";

const unix = { ignore: Deno.build.os === "windows" };

Deno.test("a run gets its flags, and leaves run.json", () =>
  inFolder(async (folder) => {
    const out = `${folder}/results`;
    const { code, err } = await run(["--out", out, "--top-k", "1-3", "--layers", "1,2", "--seed", "7"], async (run) => {
      assertEquals(run.flags.topK, [1, 2, 3]);
      assertEquals([run.flags.percentiles, run.flags.maxTokens, run.flags.model], [[12], 1000, "fixtures/gemma-2-toy"]);
      assertEquals(run.layers(3), [1, 2]);
      run.manifest.device = "CPU";
      run.manifest.findings.answer = 42;
      await run.manifest.time("work", () => {});
    });
    assertEquals([code, err], [0, ""]);
    const record = JSON.parse(await Deno.readTextFile(`${out}/run.json`));
    assertEquals([record.name, record.seed, record.device, record.findings], ["sample", 7, "CPU", { answer: 42 }]);
    assertEquals(record.flags.topK, [1, 2, 3]);
    assertEquals(Object.keys(record.timings), ["work", "total"]);
  }));

Deno.test("what a run notes is told once, on stderr and in run.json", () =>
  inFolder(async (folder) => {
    const { code, err } = await run(["--out", folder], (run) => {
      for (const sentence of ["The graph is old.", "Its <bos> is unknown.", "The graph is old."]) run.note(sentence);
      return Promise.resolve();
    });
    assertEquals([code, err], [0, "sample: The graph is old.\nsample: Its <bos> is unknown."]);
    const { notes } = JSON.parse(await Deno.readTextFile(`${folder}/run.json`));
    assertEquals(notes, ["The graph is old.", "Its <bos> is unknown."]);
  }));

Deno.test("a default context becomes what the model can read, which is told; a larger one is refused", () =>
  inFolder(async (folder) => {
    const definition = {
      ...DEFINITION,
      flags: { context: { type: "integer", default: 128, help: "tokens" } },
    } as const;
    const contextWith = async (maxContext: number, ...args: string[]) => {
      const [found, err]: [number[], string[]] = [[], []];
      await runExperiment(definition, (run) => {
        found.push(contextOf(run, Object.assign(new FakeModel(), { maxContext }), "context"));
        return Promise.resolve();
      }, { args: ["--out", folder, ...args], print: () => {}, printError: (text) => err.push(text) });
      return [found[0], ...err];
    };
    assertEquals(await contextWith(Infinity), [128]);
    assertEquals(await contextWith(128), [128]);
    assertEquals(await contextWith(64), [
      64,
      "sample: Texts are read by at most 64 tokens, all the positions that fake has, not 128, the default of --context",
    ]);
    for (const args of [["--context", "100"], ["--context=100"]]) {
      assertEquals(await contextWith(100, ...args), [100]);
      const [found, error] = await contextWith(64, ...args);
      assertEquals([found, String(error).includes("--context of at most 64 tokens")], [undefined, true]);
    }
  }));

Deno.test("--hook is a site, a tensor's name for every layer, or one tensor's for one layer", () =>
  inFolder(async (folder) => {
    for (const hook of ["resid_pre", "z", "/model/layers.{layer}/mlp/act_output"]) {
      const { code } = await run(["--out", folder, "--hook", hook], (run) => {
        assertEquals([run.flags.hook, run.save.hook], [hook, hook]);
        return Promise.resolve();
      });
      assertEquals(code, 0);
    }
    const one = await run(
      ["--out", folder, "--hook", "/model/layers.3/mlp/act_output", "--layers", "3"],
      () => Promise.resolve(),
    );
    assertEquals(one.code, 0);
    for (const hook of ["pattern", "resid-post", "/model/layers.3/mlp/act_output"]) {
      const { code, err } = await run(["--out", folder, "--hook", hook], () => Promise.reject(new Error("it ran")));
      assertEquals(code, 2, err);
      assertStringIncludes(err, "Expected --hook to be one of resid_pre, resid_mid, resid_post, attn_out, mlp_out, z");
      assertStringIncludes(err, hook);
    }
    assertStringIncludes((await run(["--help"])).out, "{layer}");
  }));

Deno.test("--bos is one of the rules, and in run.json", () =>
  inFolder(async (folder) => {
    const recorded = async (...args: string[]) => {
      assertEquals((await run(["--out", folder, ...args])).code, 0);
      return JSON.parse(await Deno.readTextFile(`${folder}/run.json`)).flags.bos;
    };
    assertEquals([await recorded(), await recorded("--bos", "never")], ["always", "never"]);
    assertEquals((await run(["--out", folder, "--bos", "yes"])).code, 2);
  }));

Deno.test("a report says where the model was read, and what else there is to know", () =>
  inFolder(async (folder) => {
    const report = async (run: SampleRun) => {
      await run.save.report({ title: "T", question: "Q?", answer: "A.", sections: [] });
      return await Deno.readTextFile(`${folder}/report.html`);
    };
    const { code, err } = await run(["--out", folder, "--hook", "z"], async (run) => {
      run.note("The graph is old.");
      const text = await report(run);
      assertStringIncludes(text, "what attention&#39;s output projection reads in each layer");
      assertStringIncludes(text, "its columns and labels are empty");
      assertStringIncludes(text, "<p>The graph is old.</p>");
      // A dictionary that is given brings its own.
      run.save.hook = "resid_post";
      assertStringIncludes(await report(run), "Activations are the residual stream after each layer (resid_post).</p>");
    });
    assertEquals([code, err], [0, "sample: The graph is old."]);
  }));

Deno.test("help is derived from the flags and exits with 0", async () => {
  const { code, out } = await run(["--nonsense", "--help"]);
  assertEquals(code, 0);
  assertStringIncludes(out, "Does it run?");
  assertStringIncludes(out, "--top-k <list>");
  assertStringIncludes(out, "(default results/sample)");
  assertStringIncludes(out, "default 12)");
});

Deno.test("a flag that an experiment lacks is nowhere, and refused with what there is instead", () =>
  inFolder(async (folder) => {
    const lacks = { ...DEFINITION, without: { corpus: "its texts are those of --math" } };
    assertEquals((await run(["--help"], undefined, lacks)).out.includes("--corpus <text>"), false);
    for (const args of [["--corpus", "x"], ["--corpus=x"]]) {
      const { code, err } = await run(["--out", folder, ...args], () => Promise.reject(new Error("it ran")), lacks);
      assertEquals([code, err], [
        2,
        "sample: There is no flag --corpus in sample: its texts are those of --math. See --help.",
      ]);
    }
    const { code, err } = await run(["--out", folder], ({ flags }) => Promise.resolve(void flags.corpus), lacks);
    assertEquals([code, err], [1, "sample: Expected a flag of sample but corpus is none."]);
    assertEquals((await run(["--out", folder], undefined, lacks)).code, 0);
    assertEquals("corpus" in JSON.parse(await Deno.readTextFile(`${folder}/run.json`)).flags, false);
  }));

Deno.test("a flag that does nothing beside another is refused with it, and not recorded", () =>
  inFolder(async (folder) => {
    const idle = {
      ...DEFINITION,
      idle: [{ flags: ["topK"], beside: "field", value: "none", why: "which ablates nothing" }],
    };
    const recorded = async (...args: string[]) => {
      assertEquals((await run(["--out", folder, ...args], undefined, idle)).code, 0);
      return JSON.parse(await Deno.readTextFile(`${folder}/run.json`)).flags;
    };
    assertEquals((await recorded("--top-k", "2", "--field", "body")).topK, [2]);
    assertEquals("topK" in await recorded("--field", "none"), false);
    const { code, err } = await run(["--out", folder, "--field", "none", "--top-k", "2"], undefined, idle);
    assertEquals([code, err], [
      2,
      "sample: Expected no --top-k beside --field none, which ablates nothing: leave one of them out.",
    ]);
    assertEquals((await run(["--out", folder, "--offline", "--refresh"])).code, 2);
  }));

Deno.test("files that flags name are there before anything is loaded, or the flag is named", () =>
  inFolder(async (folder) => {
    const flags = {
      ...DEFINITION.flags,
      pair: { type: "string", names: "dictionaries", help: "dictionaries" },
      sae: { type: "string", names: "file or none", default: "none", help: "SAE" },
    } as const;
    const said = async (...args: string[]) => {
      const err: string[] = [];
      const code = await runExperiment({ ...DEFINITION, flags }, () => Promise.resolve(), {
        args: ["--quiet", "--out", `${folder}/out`, ...args],
        print: () => {},
        printError: (text) => err.push(text),
      });
      return `${code} ${err.join()}`;
    };
    await Deno.writeTextFile(`${folder}/a.arrow`, "");
    assertStringIncludes(await said("--corpus", `${folder}/x.jsonl`), "2 sample: --corpus: Expected a corpus at");
    assertStringIncludes(await said("--corpus", `${folder}/x*.jsonl`), "2 sample: --corpus: Expected files that the");
    assertStringIncludes(await said("--sae", `${folder}/x`), "2 sample: --sae: Expected a file or folder at");
    assertEquals(await said("--pair", `${folder}/a.arrow,hub:gemma-2-2b/12/10`), "0 ");
    assertStringIncludes(await said("--pair", `${folder}/a.arrow,${folder}/b`), `2 sample: --pair: Expected a file`);
    assertStringIncludes(await said("--pair", `${folder}/a.arrow,${folder}/a.arrow`), "stands there twice");
    assertEquals(await said("--sae", "none"), "0 ");
  }));

Deno.test(
  "a pipe, a device or a folder of nothing in the place of a file that a flag names is refused",
  unix,
  () =>
    inFolder(async (folder) => {
      const named = { type: "string", help: "a file" } as const;
      const flags = {
        several: { ...named, names: "corpora" },
        dictionary: { ...named, names: "dictionaries" },
        sae: { ...named, names: "file" },
        other: { ...named, names: "file or none" },
        second: { ...named, names: "model" },
      } as const;
      const { success } = await new Deno.Command("mkfifo", { args: [`${folder}/pipe.jsonl`] }).output();
      assertEquals(success, true);
      const refusal = async (flag: string, path: string) => {
        const said: string[] = [];
        const args = ["--out", `${folder}/out`, flag, path];
        const print = (text: string) => said.push(text);
        const body = () => Promise.reject(new Error("It began."));
        const about = { name: "sample", question: "", description: "" };
        assertEquals(
          await runExperiment({ ...about, flags }, body, { args, print, printError: print }),
          2,
          said.join(),
        );
        return said.join();
      };
      for (const flag of ["--corpus", "--several", "--dictionary", "--sae", "--other"]) {
        const pipe = `sample: ${flag}: Cannot read ${folder}/pipe.jsonl: it is a pipe, no file.`;
        assertStringIncludes(await refusal(flag, `${folder}/pipe.jsonl`), pipe);
        assertStringIncludes(
          await refusal(flag, "/dev/null"),
          `${flag}: Cannot read /dev/null: it is a device, no file.`,
        );
      }
      for (const flag of ["--model", "--second"]) {
        const expected = `sample: ${flag}: Expected a model folder at "`;
        assertStringIncludes(
          await refusal(flag, `${folder}/pipe.jsonl`),
          `${expected}${folder}/pipe.jsonl" but it is a pipe`,
        );
        assertStringIncludes(await refusal(flag, "/dev/null"), `${expected}/dev/null" but it is a device, no file`);
        assertStringIncludes(await refusal(flag, `${folder}/none`), `${expected}${folder}/none" but there is none`);
      }
      // Among the files of a pattern or a folder it is looked for, too.
      await Deno.writeTextFile(`${folder}/a.jsonl`, '{"text": "a"}');
      for (const path of [`${folder}/*.jsonl`, folder]) {
        assertStringIncludes(await refusal("--corpus", path), "pipe.jsonl: it is a pipe, no file.");
      }
      const within = `${folder}/a.jsonl/b.jsonl`;
      assertStringIncludes(
        await refusal("--corpus", within),
        `Expected a corpus at "${within}" but there is no such file`,
      );
      await Deno.mkdir(`${folder}/empty`);
      assertStringIncludes(await refusal("--several", `${folder}/empty`), "has none at all");
    }),
);

Deno.test("a mistake on the command line exits with 2", () =>
  inFolder(async (folder) => {
    const unknown = await run(["--top-kk", "1"]);
    assertEquals([unknown.code, unknown.err], [
      2,
      "sample: There is no flag --top-kk. Did you mean --top-k? See --help.",
    ]);
    const layers = await run(["--out", folder, "--layers", "9"], (run) => Promise.resolve(void run.layers(8)));
    assertEquals(layers.code, 2);
    assertStringIncludes(layers.err, "Expected layers from 0 to 7");
    await Deno.writeTextFile(`${folder}/file`, "");
    const out = await run(["--out", `${folder}/file/below`]);
    assertEquals(out.code, 2);
    assertStringIncludes(out.err, "Choose another folder with --out");
  }));

Deno.test("a failed run is one sentence, exits with 1 and leaves no run.json", () =>
  inFolder(async (folder) => {
    const fails = () => Promise.reject(new Error("The corpus is empty.\n  Give another."));
    const { code, err } = await run(["--out", folder], fails);
    assertEquals([code, err], [1, "sample: The corpus is empty. Give another."]);
    assertEquals([...Deno.readDirSync(folder)].length, 0);
    Deno.env.set("EXEMPLAR_DEBUG", "1");
    try {
      assertStringIncludes((await run(["--out", folder], fails)).err, "    at ");
    } finally {
      Deno.env.delete("EXEMPLAR_DEBUG");
    }
  }));

Deno.test("--quiet is quiet on stderr; what is noted stands in run.json", () =>
  inFolder(async (folder) => {
    const { code, err } = await run(["--out", folder, "--quiet", "--resume"], (run) => {
      run.note("The graph is old.");
      return Promise.resolve();
    });
    assertEquals([code, err], [0, ""]);
    assertEquals(JSON.parse(await Deno.readTextFile(`${folder}/run.json`)).notes, ["The graph is old."]);
  }));
