/** What WebGPU refuses ends in a sentence, and nothing after it waits for ever. */
import { assert, assertEquals } from "@std/assert";
import { webgpuTest } from "../lib/backends.ts";
import { deno } from "../lib/deno.ts";

/** A run that hangs blocks its thread, where no timer can end it: hence a process of its own, and a limit on that. */
const LIMIT_MS = 600_000;

webgpuTest("a refused run is a GpuError each time, and every other call works, then and later", async () => {
  const outcomes = await outcomesOf(new URL("refused_run.ts", import.meta.url).pathname);
  const bad = [...outcomes].filter(([what]) => what.startsWith("bad"));
  assertEquals(bad.length, 11);
  for (const [what, outcome] of bad) {
    assert(/^GpuError: WebGPU refused to run .*cannot be reshaped.*"fp32".* device "cpu"$/.test(outcome), what);
  }
  const logits = outcomes.get("logits")!;
  assert(/^-?\d+\.\d{3}$/.test(logits), logits);
  assertEquals(outcomes.get("logits of another model"), logits);
  assertEquals(outcomes.get("logits after"), logits);
  for (const what of ["steered logits", "capture", "capture after", "disposal of what was captured before"]) {
    assertEquals(outcomes.get(what), "done", what);
  }
  assert(outcomes.get("a wrong command of ours")!.startsWith("GpuError: The GPU refused a command"));
  assertEquals(outcomes.get("disposal"), "done");
  for (const what of ["a lost device", "a lost device again"]) {
    assert(outcomes.get(what)!.startsWith("GpuError: The GPU device was lost"), what);
  }
  assertEquals(outcomes.get("disposal with a lost device"), "done");
});

/** What a script that prints pairs of JSON says. */
async function outcomesOf(script: string): Promise<Map<string, string>> {
  const limit = AbortSignal.timeout(LIMIT_MS);
  const { stdout, success } = await deno("run", ["--allow-all", script], { signal: limit });
  const lines = stdout.trim().split("\n");
  assert(success, `the process was ended after ${lines.at(-1)}`);
  return new Map(lines.map((line) => JSON.parse(line)));
}
