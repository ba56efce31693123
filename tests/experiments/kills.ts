/**
 * Kills an experiment at random times and goes on with it, until it has been killed as often as asked; then compares every
 * file that it leaves with those of a run that nobody killed. Not a test: a run of each experiment takes some seconds.
 *
 *     deno run -A tests/experiments/kills.ts <experiment> <kills> [<seed>]
 *
 * Prints each kill with the step that it hit, and whether all bytes are the same; but for what a
 * process tells of its time, memory and command.
 */
import { join } from "node:path";
import { Random } from "../../src/compute/mod.ts";
import { denoCommand } from "../lib/deno.ts";
import { SMALL } from "./small.ts";

/** What a process measures of itself. */
const OWN_FILES = ["memory.arrow"];
const OWN_FINDINGS = /seconds|mebibytes|per_second/;

/** Whether a run of an experiment ended by itself, and the last that it showed. */
async function run(experiment: string, out: string, options: { resume: boolean; killAfter?: number }) {
  const args = ["--allow-all", `experiments/${experiment}.ts`, ...SMALL[experiment], "--out", out];
  const child = denoCommand("run", options.resume ? [...args, "--resume"] : args, {
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const errors = new Response(child.stderr).text();
  const timer = options.killAfter === undefined ? 0 : setTimeout(() => child.kill("SIGKILL"), options.killAfter);
  const { code, signal } = await child.status;
  clearTimeout(timer);
  const lines = (await errors).split(/[\n\r]/).map((line) => line.trim()).filter(Boolean);
  if (signal === null && code !== 0) throw new Error(`${experiment} failed:\n${lines.slice(-5).join("\n")}`);
  return { isKilled: signal !== null, last: lines.at(-1) ?? "before its first step" };
}

async function* filesOf(folder: string, below = ""): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(join(folder, below))) {
    if (isDirectory) yield* filesOf(folder, join(below, name));
    else yield join(below, name);
  }
}

/** A file's bytes, or its text without what tells time, memory and the command. */
async function contents(folder: string, file: string): Promise<string> {
  if (OWN_FILES.includes(file)) return "";
  const bytes = await Deno.readFile(join(folder, file));
  if (!/^(run\.json|report\.html)$/.test(file)) return bytes.toHex();
  const text = new TextDecoder().decode(bytes);
  if (file === "run.json") {
    const { timings: _t, started: _s, arguments: _a, flags, checksums, crc32: _c, ...rest } = JSON.parse(text);
    const { out: _o, resume: _r, ...others } = flags;
    for (const file of ["report.html", ...OWN_FILES]) delete checksums[file];
    for (const key of Object.keys(rest.findings)) if (OWN_FINDINGS.test(key)) delete rest.findings[key];
    return JSON.stringify({ ...rest, flags: others, checksums });
  }
  return text.replace(/<section class="run"[\s\S]*/, "").replaceAll(/Memory was .*? at the end\./g, "")
    .replaceAll(/<tr><td>(\w+)<\/td>.*?<\/tr>/g, (row, name) => OWN_FINDINGS.test(name) ? "" : row);
}

/** Where two texts part, for people. */
function difference(a: string, b: string): string {
  let at = 0;
  while (at < a.length && a[at] === b[at]) at++;
  return [a, b].map((text) => text.slice(Math.max(0, at - 40), at + 60)).join(" / ");
}

if (import.meta.main) {
  const [experiment, kills, seed = "0"] = Deno.args;
  const random = new Random(Number(seed));
  const folder = await Deno.makeTempDir();
  try {
    const whole = join(folder, "whole");
    await run(experiment, join(folder, "first"), { resume: false });
    const start = performance.now();
    await run(experiment, whole, { resume: false });
    const milliseconds = performance.now() - start;
    console.log(`${experiment}: ${(milliseconds / 1000).toFixed(1)} s when nobody kills it`);
    let [left, runs, different] = [Number(kills), 0, 0];
    while (left > 0) {
      const out = join(folder, `killed-${runs++}`);
      const inThisRun = Math.min(left, 1 + random.integer(5));
      let resume = false;
      for (let i = 0; i < inThisRun; i++) {
        const killAfter = 300 + random.next() * milliseconds * (resume ? 0.7 : 1);
        const { isKilled, last } = await run(experiment, out, { resume, killAfter });
        resume = isKilled;
        if (!isKilled) break;
        left--;
        console.log(`  killed: ${last.slice(0, 100)}`);
      }
      if (resume) await run(experiment, out, { resume: true });
      const [expected, found] = [whole, out].map((path) => Array.fromAsync(filesOf(path)));
      const names = (await expected).sort();
      const extra = (await found).filter((file) => !names.includes(file));
      const differing = [...extra];
      for (const file of names) {
        const [ours, theirs] = [await contents(out, file).catch(() => ""), await contents(whole, file)];
        if (ours !== theirs) differing.push(`${file} (${difference(ours, theirs)})`);
      }
      console.log(differing.length === 0 ? `  same: ${names.length} files` : `  DIFFERENT: ${differing.join(" ")}`);
      if (differing.length > 0) different++;
      await Deno.remove(out, { recursive: true });
    }
    console.log(`${experiment}: ${kills} kills in ${runs} runs, ${runs - different} of them the same`);
    if (different > 0) Deno.exit(1);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
