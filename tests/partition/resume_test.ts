/** Discovery outlives what goes wrong: checkpoints, and runs that go on from them. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { describeStream } from "../../src/activations/source.ts";
import type { Backend } from "../../src/compute/backend.ts";
import { openBackend } from "../../src/compute/open.ts";
import type { BosRule, HookSite } from "../../src/model/types.ts";
import type { Calibration } from "../../src/partition/calibration.ts";
import { discover, type DiscoverOptions } from "../../src/partition/discover.ts";
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

      const broken = streamOf(CORPUS, BATCH);
      const bad = broken[3].batches.get(5)!;
      bad.data![7 * DIM + 2] = NaN;
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
    for (const stopAfter of [1, 3, 4]) {
      const controller = new AbortController();
      let disposed = 0;
      const stream = streamOf(CORPUS, BATCH, { onDispose: () => disposed++ });
      const onProgress = ({ batches }: { batches: number }) => {
        if (batches === stopAfter) controller.abort(new Error("enough"));
      };
      const options = { signal: controller.signal, onProgress };
      await assertRejects(() => run(backend, stream, folder, options), Error, "enough");
      assertEquals(disposed, stopAfter + 1, "the batch that came after is given back too");
      assertEquals(Array.from(Deno.readDirSync(`${folder}/checkpoints`), ({ name }) => name), [`0000000${stopAfter}`]);
    }
    // An iterable is passed over batch by batch.
    const rest = await run(backend, streamOf(CORPUS, BATCH), folder);
    assertEquals(valuesOf(rest), valuesOf(whole));
    assertEquals(await filesOf(rest, folder), await filesOf(whole, `${folder}/whole`));

    // And a run that is over does not open its stream again.
    const never = () => assert(false, "the stream must not be opened") as never;
    const again = await run(backend, never, folder, { maxTokens: whole.tokens });
    assertEquals(valuesOf(again), valuesOf(whole));
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

Deno.test("a checkpoint of another run, or a damaged one, is refused with a sentence", () =>
  inFolder(async (folder) => {
    const options: DiscoverOptions = { backend: "cpu", seed: 1, saturationWindow: NEVER };
    const checkpoint = { folder: `${folder}/c`, resume: true };
    const resume = (more: DiscoverOptions, some: ReadonlyMap<number, Calibration> = calibrations) =>
      discover(streamOf(CORPUS, BATCH), some, { ...options, ...more, checkpoint });
    await resume({});
    const refuse = async (again: () => Promise<unknown>, ...parts: string[]) =>
      assertSentence(await assertRejects(again), `${folder}/c`, ...parts);

    const flags = ["this run has", "the checkpoint", "resume with the flags it was started with"];
    await refuse(() => resume({ seed: 2 }), '"seed":2', '"seed":1', ...flags);
    await refuse(() => resume({ merge: true }), '"merge":true', '"merge":false', ...flags);
    await refuse(() => resume({ saturationWindow: 1 }), '"saturationWindow":1', ...flags);
    const [three, five] = LAYERS.map((layer) => calibrations.get(layer)!);
    const other = (calibration: Calibration) => new Map([[3, calibration], [5, five]]);
    await refuse(
      () => resume({}, other({ ...three, percentiles: [3, 20] })),
      '"percentile":3',
      '"percentile":2',
      ...flags,
    );
    await refuse(() => resume({}, other({ ...three, thresholds: [0.5, 0.6] })), '"threshold":0.5', ...flags);
    await refuse(() => resume({}, new Map([[3, three]])), "2 dictionaries", "the checkpoint 4");
    await refuse(() => resume({}, new Map([[3, three], [5, five], [6, five]])), "this run has", '"layer":6');

    const readAt = (at: HookSite) => {
      const sources = new Map(
        LAYERS.map((layer) => [layer, describeStream({ model: "toy", layer, at, corpus: "angles" })]),
      );
      const own = { folder: `${folder}/c-hook`, resume: true };
      return discover(streamOf(CORPUS, BATCH), calibrations, { ...options, sources, checkpoint: own });
    };
    await readAt("attn_out");
    await refuse(() => readAt("mlp_out"), '"at":"mlp_out"', '"at":"attn_out"', ...flags);

    const readBy = (bos?: BosRule) => {
      const { bos: _, ...older } = describeStream({ model: "toy", layer: 3, corpus: "angles" });
      const sources = new Map(LAYERS.map((layer) => [layer, bos ? { ...older, bos } : older]));
      const own = { folder: `${folder}/c-bos`, resume: true };
      return discover(streamOf(CORPUS, BATCH), calibrations, { ...options, sources, checkpoint: own });
    };
    await readBy();
    await readBy("always");
    await refuse(() => readBy("never"), '"bos":"never"', '"bos":"always"', ...flags);

    const [{ name }] = Deno.readDirSync(`${folder}/c`);
    const state = `${folder}/c/${name}/state.json`;
    const text = await Deno.readTextFile(state);
    for (const damage of [text.slice(0, 100), "{}", "null", ""]) {
      await Deno.writeTextFile(state, damage);
      await refuse(() => resume({}), "state.json", "remove it to start anew");
    }
    await Deno.writeTextFile(state, text);
    const file = `${folder}/c/${name}/L5-p20.arrow`;
    await Deno.truncate(file, 5000);
    await refuse(() => resume({}), "L5-p20.arrow", "cut off or damaged");
    await Deno.remove(file);
    await refuse(() => resume({}), "L5-p20.arrow", "no such file");
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
