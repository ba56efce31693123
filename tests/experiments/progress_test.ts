import { assert, assertEquals, assertLess, assertStringIncludes } from "@std/assert";
import { Progress, type ProgressOptions } from "../../src/run/mod.ts";

/** Progress with a clock that the test sets and a place for what is written. */
function recorded(options: ProgressOptions = {}) {
  const clock = { ms: 0 };
  const written: string[] = [];
  const write = (text: string) => void written.push(text);
  const progress = new Progress({ width: () => 120, write, now: () => clock.ms, ...options });
  return { progress, clock, written };
}

Deno.test("a terminal is redrawn at most ten times a second, on one line", () => {
  const { progress, clock, written } = recorded({ terminal: true });
  const stage = progress.stage("Discover", 10_000, "tokens");
  for (let i = 0; i < 10_000; i++) {
    clock.ms += 1;
    stage.advance();
  }
  assert(written.length > 50 && written.length <= 101, `${written.length} draws in 10 s`);
  assertEquals(written.every((text) => text.startsWith("\r\x1b[2K") && !text.includes("\n")), true);
  stage.end();
  assertEquals(written.at(-1)!.endsWith("\n"), true);
  assertStringIncludes(written.at(-1)!, "10,000/10,000 tokens");
});

Deno.test("count, share, rate and time left are right", () => {
  const { progress, clock, written } = recorded({ terminal: true });
  const stage = progress.stage("Extract", 400_000, "tokens");
  clock.ms = 20_000;
  stage.set(100_000);
  assertEquals(
    written.at(-1),
    "\r\x1b[2KExtract         ██████░░░░░░░░░░░░░░░░░░   25 %  100,000/400,000 tokens  5k/s  1:00 left",
  );
  clock.ms = 30_000;
  stage.note("K = 203");
  assertStringIncludes(written.at(-1)!, "1:30 left  K = 203");
  clock.ms = 3_700_000;
  stage.set(400_000);
  progress.end();
  assertStringIncludes(written.at(-1)!, "108/s  in 1:01:40  K = 203\n");
});

Deno.test("anywhere else there is a line after two seconds, then every five, and one at the end", () => {
  const { progress, clock, written } = recorded({ terminal: false });
  const stage = progress.stage("Calibrate", 120, "batches");
  for (let i = 0; i < 120; i++) {
    clock.ms += 100;
    stage.advance();
  }
  stage.end();
  assertEquals(written.map((text) => text.match(/\d+\/120/)![0]), ["20/120", "70/120", "120/120", "120/120"]);
  assertEquals(written.every((text) => text.endsWith("\n") && !text.includes("\x1b") && !text.includes("█")), true);
});

Deno.test("a stage without an end shows its count; the next stage ends it", () => {
  const { progress, clock, written } = recorded({ terminal: false });
  const first = progress.stage("Stream", undefined, "prompts");
  clock.ms = 1999;
  first.set(1500);
  clock.ms = 2000;
  progress.stage("Report");
  assertEquals(written, ["Stream          1,500 prompts  750/s  in 2.0 s\n"]);
  first.advance();
  first.end();
  assertEquals(written.length, 1);
});

Deno.test("lines fit the terminal, and words of its own stand above the bar", () => {
  const { progress, written } = recorded({ terminal: true, width: () => 40 });
  progress.stage("Extract", 100).note("x".repeat(200));
  progress.log("a word");
  assertEquals(written.at(-2), "\r\x1b[2Ka word\n");
  assertLess([...written.at(-1)!].length, 40 + 5);
});

Deno.test("quiet is silent", () => {
  const { progress, clock, written } = recorded({ quiet: true, terminal: true });
  const stage = progress.stage("Extract", 2);
  clock.ms = 1e6;
  stage.advance();
  progress.log("a word");
  stage.end();
  assertEquals(written, []);
});

Deno.test("what ends first tells share and time left: the texts or the budget", () => {
  const { progress, clock, written } = recorded({ terminal: true });
  const stage = progress.stage("discover", 1000, "prompts");
  const shown = (prompts: number, tokens: number) => {
    clock.ms += 10_000;
    stage.budget(tokens, 6000, "tokens");
    clock.ms += 200;
    stage.set(prompts);
    return written.at(-1)!.replace(/^.*[█░]\s+/, "");
  };
  // The first piece took long to begin: what is left is told by those after it.
  clock.ms = 50_000;
  assertStringIncludes(shown(20, 1000), "16 %  20/1,000 prompts, 1,000/6,000 tokens");
  assertStringIncludes(shown(40, 2000), "33 %  40/1,000 prompts, 2,000/6,000 tokens  0.568/s  0:42 left");
  assertStringIncludes(shown(60, 3000), "50 %  60/1,000 prompts, 3,000/6,000 tokens  0.744/s  0:31 left");
  // Of a budget beyond the texts nothing is said.
  assertStringIncludes(shown(900, 3000), "90 %  900/1,000 prompts  9.91/s  3.5 s left");
  stage.budget(6000, 6000, "tokens");
  stage.end();
  assertStringIncludes(written.at(-1)!, "100 %  900/1,000 prompts, 6,000/6,000 tokens");
});

Deno.test("a run that goes on tells the rate of what it does itself", () => {
  const { progress, clock, written } = recorded({ terminal: true });
  const stage = progress.stage("discover", 1000, "prompts");
  stage.resume(500);
  for (const prompts of [600, 700]) {
    clock.ms += 10_000;
    stage.set(prompts);
  }
  assertStringIncludes(written.at(-1)!, "70 %  700/1,000 prompts  10/s  0:30 left");
  stage.end();
  assertStringIncludes(written.at(-1)!, "10/s  in 0:20");
});

Deno.test("a step without a count is shown unless a stage is, and leaves a line if it took long", () => {
  for (const terminal of [true, false]) {
    const { progress, clock, written } = recorded({ terminal });
    const clear = terminal ? "\r\x1b[2K" : "";
    const drawn = (said: string[]) => terminal ? said : said.filter((line) => line.endsWith("\n"));
    const short = progress.step("load");
    clock.ms += 1999;
    short();
    assertEquals(written.splice(0), drawn([`${clear}load            0.0 s`, clear]));
    const long = progress.step("match");
    clock.ms += 2000;
    long();
    assertEquals(written.splice(0), drawn([`${clear}match           0.0 s`, `${clear}match           in 2.0 s\n`]));
    // The stage that begins within a step takes its place, and a step within a stage has that stage's line.
    const outer = progress.step("calibrate");
    const stage = progress.stage("calibrate", 10, "activations");
    const inner = progress.step("upload");
    inner();
    outer();
    stage.set(10);
    stage.end();
    assertEquals(written.length, terminal ? 4 : 1);
    assertStringIncludes(written.at(-1)!, "100 %  10/10 activations");
  }
});
