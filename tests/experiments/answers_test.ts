/** Answers to many prompts, kept as they come. */
import { assertEquals, assertRejects } from "@std/assert";
import type { LanguageModel } from "../../src/model/mod.ts";
import { RunManifest } from "../../src/report/mod.ts";
import { answersTo, keptAnswers, Progress, Stages } from "../../src/run/mod.ts";
import { inFolder } from "../lib/folder.ts";

/** Answers with the prompt's length. */
class Parrot {
  /** Prompts of every call. */
  readonly calls: number[] = [];
  readonly maxContext = Infinity;

  constructor(readonly stopsAt = Infinity) {}

  encodeChat([{ content }]: { content: string }[]): Int32Array {
    return new Int32Array(content.length);
  }

  generate(prompts: readonly Int32Array[], options: { onProgress?: (done: number) => void }): Promise<string[]> {
    if (this.calls.push(prompts.length) === this.stopsAt) return Promise.reject(new Error("killed"));
    options.onProgress?.(prompts.length);
    return Promise.resolve(prompts.map(({ length }) => `answer to ${length}`));
  }
}

const INSTRUCTIONS = Array.from({ length: 230 }, (_, i) => ({ text: "x".repeat(1 + (i * 97) % 230) }));

Deno.test("answers are those of one call, and a run that goes on asks only for those it has not", () =>
  inFolder(async (out) => {
    const answers = async (resume: boolean, parrot: Parrot) => {
      const notes: string[] = [];
      const stages = await Stages.open(out, resume, {
        flags: {},
        facts: () => Promise.resolve([]),
        notes,
        note: (sentence) => void notes.push(sentence),
        signal: new AbortController().signal,
      });
      const run = {
        kept: stages.kept.bind(stages),
        manifest: new RunManifest({ name: "test" }),
        note: (sentence: string) => void notes.push(sentence),
        progress: new Progress({ quiet: true }),
      };
      return await keptAnswers(run, "label", parrot as unknown as LanguageModel, INSTRUCTIONS, 5);
    };
    const killed = new Parrot(2);
    await assertRejects(() => answers(false, killed), Error, "killed");
    assertEquals(killed.calls, [100, 100]);

    const goesOn = new Parrot();
    const expected = await answersTo(new Parrot() as unknown as LanguageModel, INSTRUCTIONS, { tokens: 5 });
    assertEquals(await answers(true, goesOn), expected);
    assertEquals(goesOn.calls, [100, 30]);
  }));
