/** Discovery outlives what goes wrong: checkpoints, and runs that go on from them. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { describeStream, type StreamBatch } from "../../src/activations/mod.ts";
import { type Backend, openBackend } from "../../src/compute/mod.ts";
import type { BosRule, HookSite } from "../../src/model/mod.ts";
import {
  type CalibrationValues,
  CheckpointMismatchError,
  discover,
  type DiscoverOptions,
  type Discovery,
  type SettingValue,
} from "../../src/partition/mod.ts";
import { backendTest } from "../lib/backends.ts";
import { inFolder } from "../lib/folder.ts";
import { assertSentence } from "../lib/sentence.ts";
import {
  angles,
  BATCH,
  calibrations,
  CORPUS,
  filesOf,
  LAYERS,
  NEVER,
  plane,
  toStream,
  valuesOf,
} from "./discoveries.ts";
import { DIM, rowsOf, streamOf } from "./streams.ts";

/** A run with a checkpoint after every second batch. */
function run(backend: Backend, stream: Parameters<typeof discover>[0], folder: string, more: DiscoverOptions = {}) {
  const checkpoint = { folder: `${folder}/checkpoints`, every: 2, resume: true };
  return discover(stream, calibrations, { backend, seed: 9, saturationWindow: 2, checkpoint, ...more });
}

backendTest(
  "a row that is not finite is named; what came before is kept and goes on to the same bytes",
  (backend) =>
    inFolder(async (folder) => {
      const whole = await run(backend, streamOf(CORPUS, BATCH), `${folder}/whole`);
      assert(whole.batches > 4 && whole.growths.some(({ saturated }) => saturated), `${whole.batches} batches`);

      const broken = streamOf(CORPUS, BATCH, { isTold: true });
      const bad = broken[3].batches.get(5)!;
      bad.data[7 * DIM + 2] = NaN;
      const { prompts, prompt, position } = bad.provenance!;
      const error = await assertRejects(() => run(backend, broken, folder));
      assertSentence(error, `prompt "${prompts[prompt[7]].id}"`, `position ${position[7]} (`, "layer 5", "dtype");

      let opened = 0;
      const rest = await run(backend, (skipPrompts) => {
        opened = skipPrompts;
        return toStream(streamOf(CORPUS, BATCH, { skipPrompts }));
      }, folder);
      assertEquals(opened, 3 * BATCH);
      assertEquals(valuesOf(rest), valuesOf(whole));
      assertEquals(await filesOf(rest, folder), await filesOf(whole, `${folder}/whole`));
      assertEquals(
        [rest.batches, rest.prompts, rest.tokens, rest.activations],
        [whole.batches, whole.prompts, whole.tokens, whole.activations],
      );
    }),
);

Deno.test("an aborted run keeps the batches before, and can be gone on with more than once", () =>
  inFolder(async (folder) => {
    const backend = await openBackend("cpu");
    const whole = await run(backend, streamOf(CORPUS, BATCH), `${folder}/whole`);
    const { tokens } = whole;
    for (const stopAfter of [1, 3, 4]) {
      const controller = new AbortController();
      let disposed = 0;
      const stream = streamOf(CORPUS, BATCH, { onDispose: () => disposed++ });
      const onProgress = ({ batches }: { batches: number }) => {
        if (batches === stopAfter) controller.abort(new Error("enough"));
      };
      const options = { signal: controller.signal, onProgress, maxTokens: tokens };
      await assertRejects(() => run(backend, stream, folder, options), Error, "enough");
      assertEquals(disposed, stopAfter + 1, "the batch that came after is given back too");
      const kept = Array.from(Deno.readDirSync(`${folder}/checkpoints`), ({ name }) => Number(name)).sort();
      assertEquals(kept, [[1], [1, 3], [3, 4]].find((both) => both.at(-1) === stopAfter), "the last two are kept");
    }
    // An iterable is passed over batch by batch.
    const rest = await run(backend, streamOf(CORPUS, BATCH), folder, { maxTokens: tokens });
    assertEquals(valuesOf(rest), valuesOf(whole));
    assertEquals(await filesOf(rest, folder), await filesOf(whole, `${folder}/whole`));

    // And a run that is over does not open its stream again.
    const never = () => assert(false, "the stream must not be opened") as never;
    const again = await run(backend, never, folder, { maxTokens: tokens });
    assertEquals(valuesOf(again), valuesOf(whole));
    const larger = { maxTokens: tokens + 1 };
    assertEquals((await run(backend, streamOf(CORPUS, BATCH), folder, larger)).tokens, tokens);
  }));

Deno.test("plain batches without prompts are counted when a run goes on, however the stream is opened", () =>
  inFolder(async (folder) => {
    const pattern = ["new", "new", "old", "new", "old", "old"] as const;
    const checkpoint = { folder, every: 1, resume: true };
    const options = { backend: "cpu", checkpoint } as const;
    const broken = angles(pattern);
    broken[3] = rowsOf([NaN, 0]);
    await assertRejects(() => discover(broken, plane(10), options), Error, "NaN");
    const skipped: number[] = [];
    const { growths: [growth] } = await discover(
      (skipPrompts) => {
        skipped.push(skipPrompts);
        return angles(pattern);
      },
      plane(10),
      options,
    );
    assertEquals([growth.dictionary.activations, growth.dictionary.size, growth.saturated], [6, 3, true]);
    assertEquals(skipped, [0]);
  }));

Deno.test("a checkpoint of other settings is refused with what differs", () =>
  inFolder(async (folder) => {
    const options: DiscoverOptions = {
      backend: "cpu",
      seed: 1,
      saturationWindow: NEVER,
      maxTokens: 900,
      maxPrompts: 160,
    };
    const resume = (more: DiscoverOptions, some: ReadonlyMap<number, CalibrationValues> = calibrations, name = "c") =>
      discover(streamOf(CORPUS, BATCH), some, {
        ...options,
        ...more,
        checkpoint: { folder: `${folder}/${name}`, resume: true },
      });
    const refuse = async (
      again: () => Promise<unknown>,
      differences: Record<string, [expected: SettingValue, found: SettingValue]>,
    ) => {
      const error = await assertRejects(again, CheckpointMismatchError);
      assertSentence(error, folder, "go on with the settings it was started with");
      const found = error.differences.map(({ name, expected, found }) => [name, [expected, found]]);
      assertEquals(Object.fromEntries(found), differences);
      for (const name of Object.keys(differences)) assertSentence(error, name);
    };
    await resume({});
    await refuse(() => resume({ seed: 2 }), { seed: [2, 1] });
    await refuse(() => resume({ merge: true }), { merge: [true, false] });
    await refuse(() => resume({ saturationWindow: 1, seed: 3 }), { seed: [3, 1], saturationWindow: [1, null] });
    const [three, five] = LAYERS.map((layer) => calibrations.get(layer)!);
    const both = (calibration: CalibrationValues) => new Map([[3, calibration], [5, { ...five, ...calibration }]]);
    const [first, second] = three.levels;
    const other = { ...three, levels: [{ ...first, threshold: 0.5 }, second] };
    await refuse(() => resume({}, new Map<number, CalibrationValues>([[3, other], [5, five]])), {
      threshold: [0.5, first.threshold],
    });
    await refuse(
      () => resume({}, both({ ...three, levels: [{ ...first, percentile: 3 }, second] })),
      { percentiles: [[3, 20], [2, 20]], threshold: [first.threshold, five.thresholds[0]] },
    );
    await refuse(() => resume({}, new Map([[3, three]])), { layers: [[3], [3, 5]] });
    await refuse(() => resume({}, new Map([[3, three], [5, five], [6, five]])), { layers: [[3, 5, 6], [3, 5]] });

    // With a smaller budget the run might have ended before; with a larger one it goes on.
    await refuse(() => resume({ maxTokens: 899 }), { maxTokens: [899, 900] });
    await refuse(() => resume({ maxPrompts: 159, maxTokens: Infinity }), { maxPrompts: [159, 160] });
    await resume({ maxTokens: Infinity });

    const readAt = (at: HookSite, context: number) => {
      const sources = new Map(
        LAYERS.map((layer) => [layer, describeStream({ model: "toy", layer, at, context, corpus: "angles" })]),
      );
      return resume({ sources }, calibrations, "hook");
    };
    await readAt("attn_out", 8);
    await refuse(() => readAt("mlp_out", 9), {
      hook: ["mlp_out", "attn_out"],
      context: [9, 8],
      stride: [8, 7],
    });

    const readBy = (bos?: BosRule) => {
      const sources = new Map(LAYERS.map((layer) => {
        const { bos: _, ...older } = describeStream({ model: "toy", layer, corpus: "angles" });
        return [layer, bos ? { ...older, bos } : older] as const;
      }));
      return resume({ sources }, calibrations, "bos");
    };
    await readBy();
    await readBy("always");
    await refuse(() => readBy("never"), { bos: ["never", "always"] });
  }));

/** Ways in which a disk, or a kill, spoils a file. */
const DAMAGES: Record<string, (bytes: Uint8Array<ArrayBuffer>) => Uint8Array<ArrayBuffer> | undefined> = {
  truncated: (bytes) => bytes.slice(0, bytes.length / 2),
  emptied: () => new Uint8Array(0),
  zeroed: (bytes) => new Uint8Array(bytes.length),
  flipped: (bytes) => bytes.with(bytes.length >> 1, bytes[bytes.length >> 1] ^ 1),
  removed: () => undefined,
};

Deno.test("a file where the checkpoints should lie is told", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/c`, "no folder");
    await assertRejects(
      () =>
        discover(streamOf(CORPUS, BATCH), calibrations, {
          backend: "cpu",
          checkpoint: { folder: `${folder}/c`, resume: true },
        }),
      Error,
      `Expected a folder of checkpoints at ${folder}/c but a file is there: move it away`,
    );
  }));

Deno.test("a damaged checkpoint is named and the one before is used; without any that is whole, that is said", () =>
  inFolder(async (folder) => {
    const warnings: string[] = [];
    const checkpoint = {
      folder: `${folder}/c`,
      every: 2,
      resume: true,
      onWarning: (text: string) => warnings.push(text),
    };
    const grow = (stop: number) =>
      discover(streamOf(CORPUS, BATCH).slice(0, stop), calibrations, {
        backend: "cpu",
        saturationWindow: NEVER,
        checkpoint,
      });
    await grow(4);
    assertEquals(Array.from(Deno.readDirSync(`${folder}/c`), ({ name }) => name).sort(), ["00000002", "00000004"]);
    const whole = valuesOf(await grow(8));
    const [before, newest] = ["00000006", "00000008"].map((name) => `${folder}/c/${name}`);
    const damages = ["state.json", "L3-p2.arrow", "L5-p20.arrow"].flatMap((file) =>
      Object.values(DAMAGES).map((damage) => [file, damage] as const)
    );
    const spoil = async (path: string, damage: (typeof damages)[number][1]) => {
      const bytes = damage(await Deno.readFile(path));
      await (bytes ? Deno.writeFile(path, bytes) : Deno.remove(path));
    };
    for (const [file, damage] of damages) {
      await spoil(`${newest}/${file}`, damage);
      assertEquals(warnings.splice(0), []);
      assertEquals(valuesOf(await grow(8)), whole, `${file} ${damage}`);
      const [warning] = warnings.splice(0);
      assertSentence(
        new Error(warning),
        `The checkpoint ${newest} is damaged`,
        file,
        "the checkpoint before, 00000006",
      );
    }
    // Whole files of the checkpoint before, and of another setting.
    for (
      const [from, to] of [["state.json", "state.json"], ["L3-p2.arrow", "L3-p2.arrow"], [
        "L3-p2.arrow",
        "L3-p20.arrow",
      ]]
    ) {
      await Deno.copyFile(`${before}/${from}`, `${newest}/${to}`);
      assertEquals(valuesOf(await grow(8)), whole, `${from} as ${to}`);
      assertSentence(new Error(warnings.splice(0)[0]), `The checkpoint ${newest} is damaged`, "the checkpoint before");
    }
    await spoil(`${newest}/state.json`, DAMAGES.flipped);
    await spoil(`${before}/L5-p20.arrow`, DAMAGES.zeroed);
    const error = await assertRejects(() => grow(8));
    assertSentence(error, `${folder}/c`, newest, before, "state.json", "L5-p20.arrow", "Remove that folder");
  }));

Deno.test("a checkpoint from before checksums is gone on with, with a warning", () =>
  inFolder(async (folder) => {
    const warnings: string[] = [];
    const checkpoint = { folder, resume: true, onWarning: (text: string) => warnings.push(text) };
    const grow = () => discover(streamOf(CORPUS, BATCH), calibrations, { backend: "cpu", checkpoint, maxTokens: 200 });
    const whole = valuesOf(await grow());
    const [{ name }] = Deno.readDirSync(folder);
    const path = `${folder}/${name}/state.json`;
    const { crc32: _, budget: __, ...state } = JSON.parse(await Deno.readTextFile(path));
    await Deno.writeTextFile(path, JSON.stringify({ ...state, format: "exemplar checkpoint 1" }));
    assertEquals(valuesOf(await grow()), whole);
    assertEquals([warnings.length, warnings[0].includes(path)], [1, true]);
  }));

Deno.test("without resume a run starts anew in a folder that has checkpoints, and leaves one", () =>
  inFolder(async (folder) => {
    const first = (await discover(streamOf(CORPUS, BATCH), calibrations, {
      ...{ backend: "cpu", seed: 1, saturationWindow: NEVER, checkpoint: { folder, every: 3 } },
    })).batches;
    await Deno.mkdir(`${folder}/.00000004.tmp`);
    await Deno.writeTextFile(`${folder}/.00000004.tmp/L3-p2.arrow`, "half written");
    await Deno.writeTextFile(`${folder}/notes.txt`, "not ours");
    const short = streamOf(CORPUS, BATCH).slice(0, 2);
    await discover(short, calibrations, { backend: "cpu", seed: 2, checkpoint: { folder } });
    assertEquals([first, Array.from(Deno.readDirSync(folder), ({ name }) => name).sort()], [8, [
      "00000002",
      "notes.txt",
    ]]);
  }));

backendTest(
  "budgets that end within batches leave none out, and no saturation depends on them",
  (backend) =>
    inFolder(async (folder) => {
      const told = ({ prompts, activations, growths }: Discovery) => ({
        ...{ prompts, activations },
        growths: growths.map(({ dictionary, saturated, emptyBatches, snapshots }) => ({
          ...{ saturated, emptyBatches, snapshots, exemplars: dictionary.exemplars },
        })),
      });
      using whole = await run(backend, streamOf(CORPUS, BATCH), `${folder}/whole`, { readAll: true });
      for (
        const [name, seen] of Object.entries({
          list: (batches: StreamBatch[]) => batches,
          stream: toStream<StreamBatch>,
        })
      ) {
        const parts = `${folder}/${name}`;
        for (let maxTokens = 7; maxTokens < whole.tokens; maxTokens = Math.ceil(1.4 * maxTokens)) {
          using some = await run(backend, seen(streamOf(CORPUS, BATCH)), parts, { readAll: true, maxTokens });
          assertEquals(some.ended, "budget");
        }
        using all = await run(backend, seen(streamOf(CORPUS, BATCH)), parts, { readAll: true });
        assertEquals(told(all), told(whole));
      }
    }),
);
