/**
 * Damaged files of our own: each is refused with a sentence that names it and says what to do, or all that it says is right.
 * The test tries a few of every kind; `EXEMPLAR_DAMAGED=3000 deno test -A tests/partition/damage_test.ts` tries many.
 */
import { assert, assertEquals } from "@std/assert";
import { basename, dirname, join } from "node:path";
import { describeStream, readActivations, writeActivations } from "../../src/activations/mod.ts";
import { openBackend } from "../../src/compute/mod.ts";
import { metadataOf, readArrow, readSealedJson, stringsOf } from "../../src/files/mod.ts";
import { partsOf } from "../../src/partition/dictionary.ts";
import { Dictionary, loadCalibration, saveCalibration } from "../../src/partition/mod.ts";
import { number, resultTable, RunManifest, saveTable, words } from "../../src/report/mod.ts";
import { inFolder } from "../lib/folder.ts";
import { mutations } from "../lib/mutations.ts";
import { assertSentence } from "../lib/sentence.ts";
import { corpus, DIM, membersOf, publicValues, streamOf } from "./streams.ts";

const COUNT = Number(Deno.env.get("EXEMPLAR_DAMAGED") ?? 420);
/** Reading takes some milliseconds, and beside other work a second: a file that takes this long hangs. */
const LONGEST_MS = 20_000;
const CORPUS = corpus(60, [3, 5]);
const backend = await openBackend("cpu");

/** A kind of file: how to write one, and everything that reading it gives. */
interface Kind {
  readonly file: string;
  write(folder: string): Promise<unknown>;
  read(folder: string): Promise<unknown>;
}

async function grown(): Promise<Dictionary> {
  const source = describeStream({ model: "toy", layer: 3, corpus: "c", context: 16, batchPrompts: 30 });
  const calibration = { center: new Float32Array(DIM).fill(0.1), threshold: 0.25, percentile: 7.5, source };
  const dictionary = await Dictionary.create(calibration, { backend, seed: 41, members: 3 });
  for (const { batches } of streamOf(CORPUS, 30)) await dictionary.add(batches.get(3)!);
  return dictionary;
}

async function everything(path: string, members = false) {
  const dictionary = await Dictionary.load(path, { backend, members });
  const { size } = dictionary;
  const { seed, batches, regions } = partsOf(dictionary);
  const sampled = members ? Array.from({ length: size }, (_, region) => membersOf(dictionary, region)) : [];
  const { center } = dictionary;
  const values = {
    ...publicValues(dictionary),
    center: center.slice(),
    seed,
    batches,
    sampled,
    founders: regions.founders,
  };
  dictionary.dispose();
  return values;
}

async function activations(folder: string) {
  const batches = await Array.fromAsync(readActivations(join(folder, "cache")));
  return batches.map(({ prompts, tokens, start, batches }) => ({
    ...{ prompts: prompts.map(({ id, tokens }) => [id, [...tokens]]), tokens, start },
    layers: [...batches].map(([layer, { data, provenance }]) => {
      const { prompt, position, token } = provenance!;
      const excerpts = Array.from(prompt, (index, row) => prompts[index].excerpt(position[row]));
      return { layer, data, prompt, position, token, excerpts };
    }),
  }));
}

async function table(path: string) {
  const read = await readArrow(path);
  const [share, name] = ["share", "name"].map((column) => read.getChild(column)!);
  return { metadata: metadataOf(read), share: [...share], name: stringsOf(name), fields: String(read.schema) };
}

const writeCache = (folder: string) =>
  writeActivations(join(folder, "cache"), streamOf(CORPUS, 30), describeStream({ model: "m", layer: 3, corpus: "c" }));
const exported = async (path: string) => {
  const { nearest: _n, farthest: _f, ...values } = await everything(path) as Record<string, unknown>;
  return values;
};

const KINDS: readonly Kind[] = [
  {
    file: "d.arrow",
    write: async (folder) => await (await grown()).save(`${folder}/d.arrow`),
    read: (folder) => everything(`${folder}/d.arrow`),
  },
  {
    file: "d.members.arrow",
    write: async (folder) => await (await grown()).save(`${folder}/d.arrow`),
    read: (folder) => everything(`${folder}/d.arrow`, true),
  },
  {
    file: "calibration.arrow",
    write: (folder) =>
      saveCalibration(`${folder}/calibration.arrow`, {
        center: new Float32Array(DIM).fill(0.3),
        levels: [{ percentile: 1, threshold: 0.2 }, { percentile: 50, threshold: 0.9 }],
        activations: 7,
      }),
    read: (folder) => loadCalibration(`${folder}/calibration.arrow`),
  },
  ...["cache/00000.activations.arrow", "cache/_prompts/00001.prompts.arrow", "cache/_index.json"].map((file): Kind => ({
    file,
    write: writeCache,
    read: activations,
  })),
  ...["sae/regions.safetensors", "sae/sae_weights.safetensors"].map((file): Kind => ({
    file,
    write: async (folder) => await (await grown()).export(`${folder}/sae`),
    read: (folder) => exported(`${folder}/sae`),
  })),
  {
    file: "d.npz",
    write: async (folder) => await (await grown()).export(`${folder}/d.npz`),
    read: (folder) => exported(`${folder}/d.npz`),
  },
  {
    file: "t.arrow",
    write: (folder) =>
      saveTable(
        folder,
        "t",
        resultTable({ share: number("share of something", { missing: "there is none" }), name: words("its name") }, [
          { share: 0.5, name: "a" },
          { share: null, name: "река" },
          { share: 0.25, name: "" },
        ]),
      ),
    read: (folder) => table(`${folder}/t.arrow`),
  },
  {
    file: "run.json",
    write: (folder) => new RunManifest({ name: "build", seed: 3, flags: { percentiles: [1, 2] } }).finish(folder),
    read: (folder) => readSealedJson(`${folder}/run.json`, { remedy: "run it again" }),
  },
];

for (const [i, { file, write, read }] of KINDS.entries()) {
  Deno.test(`a damaged ${file} is refused, or right`, () =>
    inFolder(async (folder) => {
      await write(folder);
      const right = await read(folder);
      const path = join(folder, file);
      const whole = await Deno.readFile(path);
      const outcomes = { refused: 0, right: 0 };
      for (const bytes of mutations(whole, Math.ceil(COUNT / KINDS.length), i + 1)) {
        await Deno.writeFile(path, bytes);
        const start = performance.now();
        try {
          assertEquals(await read(folder), right);
          outcomes.right++;
        } catch (error) {
          assertTold(error as Error, file);
          outcomes.refused++;
        }
        const took = performance.now() - start;
        assert(took < LONGEST_MS, `${took} ms`);
      }
      assert(outcomes.refused > outcomes.right, JSON.stringify(outcomes));
    }));
}

/** A sentence that names a file of the kind, or its folder, and says what to do. */
function assertTold(error: Error, file: string): void {
  assertSentence(error);
  const { message } = error;
  const names = [basename(file), dirname(file), "d.arrow", "cache", "sae"];
  assert(names.some((name) => name !== "." && message.includes(name)), `no file is named: ${message}`);
  assert(/\bagain\b|\bgive\b|\bGive\b|\bcopy\b/.test(message), `nothing to do is told: ${message}`);
}
