/** What a run keeps of its steps, so that it goes on. */
import type { CalibrationRecord } from "../../src/report/mod.ts";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { Stages, type StagesOptions } from "../../src/run/mod.ts";
import { inFolder } from "../lib/folder.ts";
import { assertSentence } from "../lib/sentence.ts";

function options(notes: string[], more: Partial<StagesOptions> = {}): StagesOptions {
  return {
    flags: { seed: 3, percentiles: [1, 2], maxTokens: 100, out: "somewhere", resume: false },
    facts: () => Promise.resolve(["the device: a CPU"]),
    notes,
    note: (sentence) => void notes.push(sentence),
    signal: new AbortController().signal,
    ...more,
  };
}

const VALUE = { rows: [{ share: NaN, low: -0 }], byLayer: new Map([[3, Float32Array.of(1, 2)]]), none: undefined };

async function stageFile(out: string): Promise<string> {
  const names = (await Array.fromAsync(Deno.readDir(`${out}/checkpoints`))).map(({ name }) => name);
  return `${out}/checkpoints/${names.find((name) => name.endsWith(".stage"))}`;
}

Deno.test("a step that was finished is not done again, and tells again what it told", () =>
  inFolder(async (out) => {
    const notes: string[] = [];
    const view = new Float32Array(1000).subarray(10, 12);
    const record = { stream: "", layer: 3, asked: 100, activations: 60 };
    const calibrations: CalibrationRecord[] = [];
    const first = await Stages.open(out, false, options(notes, { calibrations }));
    const computed = await first.kept("measure p 1", () => {
      notes.push("few rows");
      calibrations.push(record);
      return { ...VALUE, view };
    });
    assertEquals(computed, { ...VALUE, view: new Float32Array(2) });
    assert((await Deno.stat(await stageFile(out))).size < 600, "the view is kept, not the buffer behind it");
    await assertRejects(() => first.kept("measure p 1", () => 1), Error, "two are named");

    const told: string[] = [];
    assertEquals(await Stages.areLeft(out), true);
    const seen: CalibrationRecord[] = [];
    const again = await Stages.open(out, true, options(told, { calibrations: seen }));
    assertEquals(await again.kept("measure p 1", () => Promise.reject(new Error("done again"))), computed);
    assertEquals([told, seen], [["few rows"], [record]]);

    await Stages.open(out, false, options([]));
    assertEquals(await Stages.areLeft(out), false, "a run that starts anew keeps nothing");
  }));

Deno.test("the checkpoints of a discovery stay until the step around it is kept", () =>
  inFolder(async (out) => {
    const stages = await Stages.open(out, false, options([]));
    const grown = async (name: string) => {
      const { folder } = await stages.checkpoint(name);
      await Deno.mkdir(`${folder}/00000001`, { recursive: true });
      return folder;
    };
    const outside = await grown("dictionaries");
    let inside = "";
    await stages.kept("order 0", async () => {
      inside = await grown("dictionaries of order 0");
      await stages.kept("p 1", () => 1);
      assert((await Deno.stat(inside)).isDirectory, "the order is not finished");
    });
    await assertRejects(() => Deno.stat(inside), Deno.errors.NotFound);
    assert((await Deno.stat(outside)).isDirectory);
  }));

Deno.test("a damaged step is told, and done again", () =>
  inFolder(async (out) => {
    await (await Stages.open(out, false, options([]))).kept("measure", () => VALUE);
    const path = await stageFile(out);
    const whole = await Deno.readFile(path);
    for (const damage of ["cut", "flipped", "empty", "zeroed"]) {
      const bytes = damage === "cut" ? whole.slice(0, -7) : damage === "empty" ? whole.slice(0, 0) : whole.slice();
      if (damage === "flipped") bytes[bytes.length - 9] ^= 4;
      if (damage === "zeroed") bytes.fill(0);
      await Deno.writeFile(path, bytes);
      const notes: string[] = [];
      assertEquals(await (await Stages.open(out, true, options(notes))).kept("measure", () => VALUE), VALUE);
      assert(notes.length === 1 && notes[0].includes(path) && notes[0].includes("done again"), notes.join());
    }
  }));

Deno.test("a run goes on with the flags, the device and the files that it was started with", () =>
  inFolder(async (out) => {
    await (await Stages.open(out, false, options([]))).kept("measure", () => 1);
    const { flags } = options([]);
    const refused = async (more: Partial<StagesOptions>, ...parts: string[]) =>
      assertSentence(await assertRejects(() => Stages.open(out, true, options([], more))), out, ...parts);
    await refused({ flags: { ...flags, seed: 4 } }, "--seed 4 instead of --seed 3");
    await refused({ flags: { ...flags, percentiles: [1] } }, "--percentiles 1 instead of --percentiles 1,2");
    await refused({ flags: { ...flags, chat: true } }, "--chat instead of no --chat");
    await Stages.open(out, true, options([], { flags: { ...flags, out: "elsewhere", quiet: true } }));
    await Stages.open(out, true, options([], { flags: { ...flags, maxTokens: 200 }, mayChange: ["maxTokens"] }));
    const moved = await Stages.open(out, true, options([], { facts: () => Promise.resolve(["the device: a GPU"]) }));
    assertSentence(
      await assertRejects(() => moved.kept("measure", () => 1)),
      "the device",
      "changed since, from a CPU to a GPU",
    );
  }));

Deno.test("a whole step of another run is done again, and settings that are damaged are taken from their copy", () =>
  inFolder(async (folder) => {
    const [one, two] = [`${folder}/one`, `${folder}/two`];
    const of = (context: number) => options([], { flags: { ...options([]).flags, context } });
    await (await Stages.open(one, false, of(32))).kept("measure", () => 32);
    await (await Stages.open(two, false, of(128))).kept("measure", () => 128);
    await Deno.copyFile(await stageFile(one), await stageFile(two));
    assertEquals(await (await Stages.open(two, true, of(128))).kept("measure", () => 128), 128);
    await Deno.writeTextFile(`${two}/checkpoints/settings.json`, "{");
    const notes: string[] = [];
    const copied = await Stages.open(two, true, { ...of(128), note: (sentence) => void notes.push(sentence) });
    assertEquals(await copied.kept("measure", () => 0), 128);
    assertEquals(notes.length, 1);
  }));

Deno.test("what is no plain data is refused, whether it is kept or not", () =>
  inFolder(async (out) => {
    const stages = await Stages.open(out, false, options([]));
    for (const value of [new Date(0), { of: new URL("file:///") }, [new (class Thing {})()]]) {
      await assertRejects(() => stages.kept(`step ${Math.random()}`, () => value), TypeError, "plain data");
    }
  }));

Deno.test("a run that was asked to stop begins no further step", () =>
  inFolder(async (out) => {
    const stages = await Stages.open(out, false, options([], { signal: AbortSignal.abort(new Error("stopped")) }));
    await assertRejects(() => stages.kept("measure", () => 1), Error, "stopped");
  }));
