/** What reaches a run from outside: Ctrl-C once and again, SIGHUP, and a terminal that is full, closed or gone. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { denoArguments, denoCommand } from "../lib/deno.ts";
import { inFolder } from "../lib/folder.ts";
import { Presses } from "../../src/run/terminal/end_signals.ts";

const RUN = new URL("../../src/run/", import.meta.url);
const unix = { ignore: Deno.build.os === "windows" };

/** Starts an experiment as a process of its own, and sends it the signals once it says that it is ready. */
async function interrupted(body: string, ...signals: Deno.Signal[]) {
  const folder = await Deno.makeTempDir();
  const script = `${folder}/script.ts`;
  await Deno.writeTextFile(
    script,
    `import { experiment } from ${JSON.stringify(new URL("experiment.ts", RUN).href)};
    const forever = () => new Promise<void>((done) => setTimeout(done, 60_000));
    await experiment({ name: "sample", question: "", description: "" }, async (run) => { ${body} });`,
  );
  const args = ["--allow-all", script, "--out", `${folder}/out`];
  const child = denoCommand("run", args, { stdout: "piped", stderr: "piped" }).spawn();
  let error = "";
  const errors = child.stderr.pipeThrough(new TextDecoderStream()).pipeTo(
    new WritableStream({ write: (text) => void (error += text) }),
  );
  let text = "";
  for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    if (!text.includes("ready")) continue;
    const [first, ...others] = signals.splice(0);
    if (first) child.kill(first);
    for (const signal of others) {
      // What comes at once is the first one's echo.
      await new Promise((resolve) => setTimeout(resolve, 500));
      child.kill(signal);
    }
  }
  const [{ code }] = await Promise.all([child.status, errors]);
  const files = [...Deno.readDirSync(`${folder}/out`)].map(({ name }) => name);
  await Deno.remove(folder, { recursive: true });
  return { code, text, error, files };
}

for (
  const [signal, code, said] of [
    ["SIGINT", 130, "interrupted; stopping after the current step. Ctrl-C again ends at once."],
    ["SIGTERM", 143, "asked to end by SIGTERM; stopping after the current step. A second signal ends at once."],
    ["SIGHUP", 129, "left by its terminal (SIGHUP); stopping after the current step. A second signal ends at once."],
  ] as const
) {
  Deno.test(`${signal} lets a run that listens stop and save, then runs its hooks`, unix, async () => {
    const ended = await interrupted(
      `
        run.onInterrupt(() => console.log("hook"));
        run.onDone(() => console.log("done"));
        await run.kept("step", () => 1);
        const stopped = new Promise((done) => run.signal.addEventListener("abort", done));
        console.log("ready");
        await stopped;
        await new Promise((done) => setTimeout(done, 50));
        console.log("saved");
        run.signal.throwIfAborted();
      `,
      signal,
    );
    assertEquals([ended.code, ended.text], [code, "ready\nsaved\nhook\n"]);
    assertStringIncludes(ended.error, `sample: ${said}`);
    assertStringIncludes(
      ended.error,
      "sample: what it had finished is kept: go on with the same command and --resume.",
    );
    assertEquals(ended.files, ["checkpoints"]);
  });
}

Deno.test("a run whose terminal is gone goes on to its end", unix, () =>
  inFolder(async (folder) => {
    const program = `import { experiment } from ${JSON.stringify(new URL("experiment.ts", RUN).href)};
      await experiment({ name: "sample", question: "", description: "" }, async (run) => {
        await new Response(Deno.stdin.readable).text();
        const stage = run.progress.stage("work", 2);
        for (let i = 0; i < 2; i++) stage.advance();
        run.note("Nobody reads this.");
      });`;
    await Deno.writeTextFile(`${folder}/script.ts`, program);
    const args = ["--allow-all", `${folder}/script.ts`, "--out", `${folder}/out`];
    const child = denoCommand("run", args, { stdin: "piped", stdout: "null", stderr: "piped" }).spawn();
    await child.stderr.cancel();
    await child.stdin.close();
    assertEquals((await child.status).code, 0);
  }));

Deno.test("Ctrl-C leaves a run that does not listen where it is, and runs its hooks", unix, async () => {
  const { code, text, error } = await interrupted(
    `
      run.onInterrupt(() => console.log("hook"));
      console.log("ready");
      await forever();
    `,
    "SIGINT",
  );
  assertEquals([code, text], [130, "ready\nhook\n"]);
  assertStringIncludes(
    error,
    "sample: interrupted before its first step was finished: there is nothing to go on from.",
  );
});

Deno.test("a second signal ends a run at once", unix, async () => {
  const twice = (first: Deno.Signal, second: Deno.Signal) =>
    interrupted(`run.signal; console.log("ready"); await forever();`, first, second);
  for (const { code, text } of [await twice("SIGINT", "SIGINT"), await twice("SIGINT", "SIGTERM")]) {
    assertEquals([[130, 143].includes(code), text], [true, "ready\n"]);
  }
});

Deno.test("a second signal ends a run that computes without a pause", unix, async () => {
  for (const listens of ["run.signal;", ""]) {
    const { code, text } = await interrupted(
      `${listens} console.log("ready"); for (;;);`,
      "SIGINT",
      "SIGINT",
    );
    assertEquals([code, text], [130, "ready\n"]);
  }
});

Deno.test("a run that computes without a pause says what is waited for", unix, async () => {
  const { code, error } = await interrupted(
    `run.progress.stage("measure", 3, "layers");
    console.log("ready");
    const end = Date.now() + 4000;
    while (Date.now() < end);
    await forever();`,
    "SIGINT",
  );
  assertEquals(code, 130);
  const said =
    'sample: interrupted; waiting for the piece of "measure" that is computed now, which cannot stop. Ctrl-C';
  assertStringIncludes(error, said);
});

Deno.test("what comes right after a signal is its echo, not another", () => {
  let now = 0;
  const presses = new Presses(() => now);
  const taken = [0, 20, 299, 300, 301].map((at) => {
    now = at;
    return presses.take();
  });
  assertEquals(taken, ["first", "echo", "echo", "again", "again"]);
});

Deno.test(
  "a run on a full or closed stderr goes on to its end, whoever writes there",
  unix,
  () =>
    inFolder(async (folder) => {
      const program = `import { experiment } from ${JSON.stringify(new URL("experiment.ts", RUN).href)};
      await experiment({ name: "sample", question: "", description: "" }, (run) => {
        run.progress.stage("work", 2).end();
        run.note("Nobody reads this.");
        console.warn("Nor this.");
        console.error("Nor this.");
        return Promise.resolve();
      });`;
      await Deno.writeTextFile(`${folder}/script.ts`, program);
      for (const stderr of Deno.build.os === "linux" ? ["2>/dev/full", "2>&-"] : ["2>&-"]) {
        const script = ["--allow-all", `${folder}/script.ts`, "--out", `${folder}/out`];
        const args = ["-c", `exec "$0" "$@" ${stderr}`, Deno.execPath(), ...denoArguments("run", script)];
        const { code } = await new Deno.Command("sh", { args }).output();
        assertEquals([code, stderr], [0, stderr]);
      }
    }),
);

Deno.test(
  "a full stdout is told, and a reader who has left is not; results are written",
  unix,
  () =>
    inFolder(async (folder) => {
      const program = `import { experiment } from ${JSON.stringify(new URL("experiment.ts", RUN).href)};
      await experiment({ name: "sample", question: "", description: "" }, () => {
        for (let line = 0; line < 3; line++) console.log("a table".repeat(20_000));
        return Promise.resolve();
      });`;
      await Deno.writeTextFile(`${folder}/script.ts`, program);
      const ended = async (stdout: string, ...more: string[]) => {
        await Deno.remove(`${folder}/out`, { recursive: true }).catch(() => {});
        const script = ["--allow-all", `${folder}/script.ts`, "--out", `${folder}/out`, ...more];
        const shell = ["-c", `{ "$0" "$@"; echo "$?" >&2; } ${stdout}`];
        const args = [...shell, Deno.execPath(), ...denoArguments("run", script)];
        const { stderr } = await new Deno.Command("sh", { args }).output();
        const left = Array.from(Deno.readDirSync(folder), ({ name }) => name);
        const isWhole = left.includes("out") &&
          Deno.readDirSync(`${folder}/out`).some(({ name }) => name === "run.json");
        return [new TextDecoder().decode(stderr), isWhole];
      };
      assertEquals(await ended("| head -1"), ["0\n", true]);
      assertEquals(await ended("| true"), ["0\n", true]);
      if (Deno.build.os !== "linux") return;
      const told =
        "sample: Cannot write to standard output: No space left on device (os error 28). Send it where there is room.";
      assertEquals(await ended(">/dev/full"), [`${told}\n1\n`, true]);
      assertEquals(await ended(">/dev/full", "--help"), [`${told}\n1\n`, false]);
    }),
);

Deno.test("a run that was started with nohup goes on after SIGHUP", { ignore: Deno.build.os !== "linux" }, async () => {
  const lib = new URL("terminal/interruption.ts", RUN).href;
  const program = `import { Interruption } from ${JSON.stringify(lib)};
    // As long as models take to load: Deno listens itself by then.
    await new Promise((resolve) => setTimeout(resolve, 1000));
    using interruption = new Interruption(() => {});
    Deno.kill(Deno.pid, "SIGHUP");
    await new Promise((resolve) => setTimeout(resolve, 200));
    console.log(interruption.isOn);`;
  const said = async (before: string) => {
    const args = ["-c", `${before} exec "$0" "$@"`, Deno.execPath(), ...denoArguments("eval", [program])];
    const { stdout } = await new Deno.Command("sh", { args, stderr: "null" }).output();
    return new TextDecoder().decode(stdout);
  };
  // What nohup does.
  assertEquals([await said(`trap "" HUP;`), await said("")], ["false\n", "true\n"]);
});
