import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  Batch,
  cacheActivations,
  describeStream,
  extract,
  type ExtractOptions,
  readActivations,
  type ReadActivationsOptions,
  type StreamBatch,
  writeActivations,
} from "../../src/activations/mod.ts";
import { openBackend } from "../../src/compute/mod.ts";
import { readArrow, writeArrow, writeSealedJson } from "../../src/files/mod.ts";
import type { BosRule, LanguageModel } from "../../src/model/mod.ts";
import { Dictionary } from "../../src/partition/mod.ts";
import { readCacheIndex } from "../../src/activations/cache_index.ts";
import { readShardTables, shardTables } from "../../src/activations/shard.ts";
import { DIM, FakeModel } from "./fake_model.ts";

const TEXTS = ["abc", "", "a longer text, ъ 🙂", "x", "yz", "12345678", ""];
const DESCRIBED = { model: "fake", layer: 0, corpus: "texts", batchPrompts: 3 };
const SOURCE = describeStream(DESCRIBED);

function streamOf(options: Partial<ExtractOptions> = {}): AsyncGenerator<StreamBatch> {
  return extract(new FakeModel(), TEXTS, { layers: [0, 3], batchPrompts: 3, ...options });
}

function read(folder: string, options?: ReadActivationsOptions): Promise<StreamBatch[]> {
  return Array.fromAsync(readActivations(folder, options));
}

/** Everything a batch says, as plain values; excerpts too. */
function plain({ prompts, tokens, start, promptsBefore, batches }: StreamBatch) {
  const layers = [...batches].map(([layer, { rows, dim, data, provenance }]) => {
    const { prompt, position, token, source } = provenance!;
    const named = source?.hook;
    const excerpts = Array.from(prompt, (index, row) => prompts[index].excerpt(position[row]));
    return { layer, rows, dim, bytes: new Uint32Array(data.slice().buffer), prompt, position, token, named, excerpts };
  });
  return { prompts: prompts.map(({ id, tokens }) => ({ id, tokens })), tokens, start, promptsBefore, layers };
}

/** Runs `body` with a folder, and, if asked, a cache in it. */
async function withFolder(body: (folder: string) => Promise<void>, written = true): Promise<void> {
  const parent = await Deno.makeTempDir();
  try {
    const folder = `${parent}/cache`;
    if (written) await writeActivations(folder, streamOf(), SOURCE);
    await body(folder);
  } finally {
    await Deno.remove(parent, { recursive: true });
  }
}

Deno.test("a cache gives the stream that was written, to the byte, with its excerpts", async () => {
  await withFolder(async (folder) => {
    const expected = await Array.fromAsync(streamOf());
    assertEquals((await read(folder)).map(plain), expected.map(plain));
    assertEquals((await read(folder, { layers: [3] })).map((batch) => [...batch.batches.keys()]), [[3], [3], [3]]);
  });
});

Deno.test("values that are not numbers are kept as they are, too", async () => {
  await withFolder(async (folder) => {
    const [batch] = await Array.fromAsync(streamOf({ batchPrompts: 7 }));
    batch.batches.get(3)!.data.set([NaN, Infinity, -0]);
    const expected = plain(batch);
    await writeActivations(folder, [batch], SOURCE);
    const [cached] = await read(folder);
    assertEquals(plain(cached), expected);
  }, false);
});

Deno.test("batches pass by while they are written, and may be disposed at once", async () => {
  await withFolder(async (folder) => {
    const backend = await openBackend("cpu");
    const passed: unknown[] = [];
    for await (const batch of cacheActivations(streamOf({ backend }), folder, SOURCE)) {
      passed.push(plain(batch));
      batch.dispose();
    }
    assertEquals((await read(folder)).map(plain), passed);
  }, false);
});

Deno.test("with a backend the activations go there; a batch that lives there only can be written", async () => {
  await withFolder(async (folder) => {
    const backend = await openBackend("cpu");
    const batches = await read(folder, { backend });
    for (const { batches: layers } of batches) {
      for (const layer of layers.values()) {
        assertEquals(await layer.on(backend, (x) => backend.download(x)), layer.data.slice());
      }
    }
    const onBackend = ({ data, rows, dim, provenance }: Batch) =>
      Batch.onBackend(backend.upload(data, rows, dim), provenance);
    const deviceOnly = batches.map((batch) => ({
      ...batch,
      batches: new Map(batch.batches.entries().map(([layer, own]) => [layer, onBackend(own)])),
    }));
    const expected = batches.map(plain);
    await writeActivations(`${folder}-copy`, deviceOnly, SOURCE);
    assertEquals((await read(`${folder}-copy`)).map(plain), expected);
    const files = ["_index.json", "00001.activations.arrow", "_prompts/00001.prompts.arrow"];
    for (const file of files) {
      assertEquals(Deno.readFileSync(`${folder}/${file}`), Deno.readFileSync(`${folder}-copy/${file}`));
    }
  });
});

Deno.test("the index says what the cache holds", async () => {
  await withFolder(async (folder) => {
    const { source, hook, layers, dim, shards } = await readCacheIndex(folder);
    const { hook: { at }, ...reading } = SOURCE;
    assertEquals<unknown>({ source, hook, layers, dim }, { source: reading, hook: at, layers: [0, 3], dim: DIM });
    assertEquals(shards.map(({ rows, start, promptsBefore }) => [rows, start, promptsBefore]), [
      [21, 0, 0],
      [11, 21, 3],
      [0, 32, 6],
    ]);
  });
});

Deno.test("a cache keeps the hook it was read at, and is not taken for another's", async () => {
  await withFolder(async (folder) => {
    const model = new FakeModel("z");
    const stream = () => extract(model, TEXTS, { layers: [0, 3], batchPrompts: 3 });
    const source = describeStream({ ...SOURCE, model, layer: 0 });
    await writeActivations(folder, stream(), source);
    const expect = { hook: "z", dim: model.dim };
    assertEquals((await read(folder, { expect })).map(plain), (await Array.fromAsync(stream())).map(plain));
    await assertRejects(
      () => read(folder, { expect: { hook: "resid_post" } }),
      Error,
      `Expected activations of hook resid_post but those of ${folder} have z: extract them again into another folder`,
    );
    await writeActivations(`${folder}-other`, streamOf(), SOURCE);
    const shard = "_prompts/00001.prompts.arrow";
    await Deno.copyFile(`${folder}-other/${shard}`, `${folder}/${shard}`);
    await assertRejects(() => read(folder), Error, "with hook z, but found resid_post");
  }, false);
});

Deno.test("a cache that does not tell its hook, as older ones, is of resid_post", async () => {
  await withFolder(async (folder) => {
    const { hook: _, ...index } = await readCacheIndex(folder);
    await writeSealedJson(`${folder}/_index.json`, index);
    assertEquals((await readCacheIndex(folder)).hook, "resid_post");
    assertEquals((await read(folder, { expect: { hook: "resid_post" } })).length, 3);
    await assertRejects(() => read(folder, { expect: { hook: "attn_out" } }), Error, "those of " + folder);
  });
});

Deno.test("a cache keeps its rule for <bos>; one that does not tell it, as older ones, had <bos> always", async () => {
  await withFolder(async (folder) => {
    const expectBos = (bos: BosRule) => read(folder, { expect: { bos } });
    const { bos: _, ...older } = SOURCE;
    await writeActivations(folder, streamOf(), older);
    assertEquals((await readCacheIndex(folder)).source.bos, "always");
    const { source: { bos: _always, ...source }, ...index } = await readCacheIndex(folder);
    await writeSealedJson(`${folder}/_index.json`, { ...index, source });
    assertEquals((await readCacheIndex(folder)).source.bos, undefined);
    assertEquals((await expectBos("always")).length, 3);
    await assertRejects(() => expectBos("never"), Error, `of bos never but those of ${folder} have always`);
  }, false);
});

Deno.test("whole shards can be skipped, as a run that goes on does", async () => {
  await withFolder(async (folder) => {
    const all = (await read(folder)).map(plain);
    assertEquals((await read(folder, { skipPrompts: 3 })).map(plain), all.slice(1));
    assertEquals(await read(folder, { skipPrompts: 7 }), []);
    await assertRejects(() => read(folder, { skipPrompts: 4 }), Error, "4 prompts end inside one or past the last");
  });
});

Deno.test("a cached prompt has text for its activations only", async () => {
  await withFolder(async (folder) => {
    const [{ prompts }] = await read(folder);
    assertEquals(prompts[0].excerpt(2).token, "b");
    assertThrows(() => prompts[0].excerpt(0), RangeError, 'position of prompt "0" that has an activation but found 0');
    assertThrows(() => prompts[0].excerpt(9), RangeError, "Expected a position from 0 to 3");
  });
});

Deno.test("a run that is cut off leaves no cache, and the next one may write there", async () => {
  await withFolder(async (folder) => {
    for await (const _ of cacheActivations(streamOf(), folder, SOURCE)) break;
    await assertRejects(() => read(folder), Error, "has no _index.json, which is written last");
    await writeActivations(folder, streamOf(), SOURCE);
    assertEquals((await read(folder)).length, 3);
  }, false);
});

Deno.test("what is written already is not written over", async () => {
  await withFolder(async (folder) => {
    await assertRejects(() => writeActivations(folder, streamOf(), SOURCE), Error, `but ${folder} holds one`);
  });
});

Deno.test("a stream that is not what was expected is refused", async () => {
  await withFolder(async (folder) => {
    const { hook: _, ...reading } = SOURCE;
    assertEquals((await read(folder, { expect: { ...reading, dim: DIM } })).length, 3);
    const wrong: [ReadActivationsOptions, string][] = [
      [{ expect: { dim: 768 } }, `Expected activations of dim 768 but those of ${folder} have 3`],
      [{ expect: { extractor: "final-position" } }, "of extractor final-position but"],
      [{ expect: { context: 64 } }, "of context 64 but"],
      [{ expect: { bos: "never" } }, "of bos never but"],
      [{ expect: { model: "other" } }, "of model other but"],
      [{ layers: [3, 5] }, `Expected one of the layers 0, 3 of ${folder} but found 5`],
    ];
    for (const [options, message] of wrong) await assertRejects(() => read(folder, options), Error, message);
  });
});

Deno.test("what was left out of a stream may be expected, and is told in each of its files", async () => {
  await withFolder(async (folder) => {
    const options = { chat: true, excludeTokens: [7, 5], excludePositions: "template" } as const;
    const { excludePositions, ...source } = describeStream({ ...DESCRIBED, ...options, model: new FakeModel() });
    assert(typeof excludePositions === "object", "a template");
    await writeActivations(folder, streamOf(options), { ...source, excludePositions });
    const { before, after } = excludePositions;
    const expect = { excludeTokens: [5, 7], excludePositions: { after, before } };
    const batches = await read(folder, { expect });
    assertEquals(batches.map(plain), (await Array.fromAsync(streamOf(options))).map(plain));
    assertEquals((await read(folder, { expect: { excludeTokens: [7, 5] } })).length, batches.length);
    for (
      const [wrong, found] of [
        [{ excludeTokens: [5] }, "excludeTokens 5 but those of"],
        [{ excludePositions: { before, after: after + 1 } }, `{"before":${before},"after":${after + 1}} but those of`],
        [{ excludePositions: before }, `have {"before":${before},"after":${after}}`],
      ] as const
    ) {
      await assertRejects(() => read(folder, { expect: wrong }), Error, found);
    }
    const { schema } = await readArrow(`${folder}/_prompts/00000.prompts.arrow`);
    assertEquals(schema.metadata.get("excludePositions"), JSON.stringify(excludePositions));
  }, false);
});

Deno.test("a stream of several shapes, or described by another extractor, is not written", async () => {
  await withFolder(async (folder) => {
    const write = (stream: StreamBatch[]) => writeActivations(folder, stream, SOURCE);
    // Writing disposes what it is given.
    const changed = async (change: (batches: StreamBatch["batches"]) => StreamBatch["batches"]) => {
      const [first, second] = await Array.fromAsync(streamOf());
      return [first, { ...second, batches: change(second.batches) }];
    };
    const ofWidth = ({ rows, provenance }: Batch, dim: number) =>
      Batch.of({ data: new Float32Array(rows * dim), rows, dim, provenance });
    const wider = await changed((all) => new Map([...all].map(([layer, own]) => [layer, ofWidth(own, DIM + 1)])));
    await assertRejects(() => write(wider), Error, "activations of length 3 but found 4");
    const fewer = await changed((all) => new Map([[3, all.get(3)!]]));
    await assertRejects(() => write(fewer), Error, "of layers 0, 3 but found one of 3");
    await assertRejects(() => write([]), Error, "the stream is empty");
    const final = () => streamOf({ extractor: "final-position" });
    await assertRejects(
      () => writeActivations(folder, final(), SOURCE),
      Error,
      "cache's extractor, per-position, but found final-position: describe the stream as it was extracted",
    );
    const untold = await Array.fromAsync(final(), (batch) => ({
      ...batch,
      batches: new Map(Array.from(batch.batches, ([layer, { data, rows, dim, provenance }]) => {
        const { source: _, ...rest } = provenance!;
        return [layer, Batch.of({ data, rows, dim, provenance: rest })];
      })),
    }));
    await assertRejects(
      () => write(untold),
      Error,
      "Expected the 21 activations that the per-position extractor gives for 3 prompts but found 3",
    );
  }, false);
});

Deno.test("a shard that is missing, cut short or of another cache is refused, and the others stay readable", async () => {
  await withFolder(async (folder) => {
    const shard = (number: number) => `${folder}/0000${number}.activations.arrow`;
    const good = await Deno.readFile(shard(1));
    const second = async () => {
      const stream = readActivations(folder);
      assert(!(await stream.next()).done);
      await stream.next();
    };
    await Deno.writeFile(shard(1), good.subarray(0, good.length / 2));
    await assertRejects(second, Error, `Cannot read ${shard(1)}: the Arrow file is cut off or damaged`);
    await Deno.remove(shard(1));
    await assertRejects(second, Error, "there is no such file");
    await Deno.copyFile(shard(0), shard(1));
    await assertRejects(second, Error, `Expected ${shard(1)} to be of the cache beside it, with shard {"name":"00001"`);

    const other = { ...SOURCE, model: "another" };
    await writeActivations(`${folder}-other`, streamOf(), other);
    const prompts = "_prompts/00001.prompts.arrow";
    await Deno.copyFile(`${folder}-other/${prompts}`, `${folder}/${prompts}`);
    await Deno.writeFile(shard(1), good);
    await assertRejects(second, Error, "with model fake, but found another");
  });
});

Deno.test("a cache of final positions has no text for the positions before them", async () => {
  await withFolder(async (folder) => {
    const source = describeStream({ ...DESCRIBED, extractor: "final-position" });
    await writeActivations(folder, streamOf({ extractor: "final-position" }), source);
    const [{ prompts }] = await read(folder);
    assertEquals(prompts[2].excerpt(18).before, "ger text, ъ ");
    assertThrows(() => prompts[2].excerpt(3), RangeError, "that has an activation but found 3");
  }, false);
});

Deno.test("a whole shard of another cache, made alike from other weights, is refused", async () => {
  await withFolder(async (folder) => {
    const path = `${folder}/00000.activations.arrow`;
    const table = await readArrow(path);
    const other = table.batches[0].data;
    const values = other.children.at(-1)!.children[0].values as Float32Array;
    values[3] += 1;
    await writeArrow(path, table);
    await assertRejects(() => read(folder), Error, `Expected ${path} to be of the cache beside it`);
  });
});

Deno.test("a shard with fewer rows than the index says, or rows out of order, is refused", async () => {
  await withFolder(async (folder) => {
    const path = `${folder}/00000.activations.arrow`;
    await writeArrow(path, (await readArrow(path)).slice(0, 5));
    await assertRejects(() => read(folder), Error, `Expected 21 rows in ${path} but found 5`);
  });
  const [{ batches }] = await Array.fromAsync(streamOf({ batchPrompts: 7 }));
  const { data, provenance } = batches.get(0)!;
  const layers = new Map([[0, data]]);
  // The first rows of prompts 0 and 2 change places.
  const swapped = provenance!.prompt.slice();
  [swapped[0], swapped[3]] = [swapped[3], swapped[0]];
  const mixed = shardTables({ layers, provenance: { ...provenance!, prompt: swapped } }, DIM, {});
  assertThrows(
    () => readShardTables(mixed, [0], DIM),
    Error,
    "Expected rows in the order of 7 prompts but row 1 is of",
  );
  const tables = shardTables({ layers, provenance: provenance! }, DIM, {});
  assertThrows(() => readShardTables(tables, [0], 9), Error, "activations of length 9 in layer_0 but found 3");
});

Deno.test("an index that is not ours is refused", async () => {
  await withFolder(async (folder) => {
    const path = `${folder}/_index.json`;
    for (const [content, reason] of [["{", "it is cut off or damaged"], ["null", "it holds no JSON object"]]) {
      await Deno.writeTextFile(path, content);
      await assertRejects(() => read(folder), Error, `Cannot read ${path}: ${reason}`);
    }
    for (const format of ["exemplar activations 9", "another"]) {
      await writeSealedJson(path, { format });
      await assertRejects(() => read(folder), Error, `Expected ${path} to be the index of an activation cache`);
    }
  });
});

Deno.test("a reader of folders sees shards of one schema in a cache, and nothing else", async () => {
  await withFolder(async (folder) => {
    // What pyarrow's discovery passes over begins with `_` or `.`, a folder with all that is in it.
    const seen = [...Deno.readDirSync(folder)].map(({ name }) => name).filter((name) => !/^[_.]/.test(name)).sort();
    assertEquals(seen, ["00000.activations.arrow", "00001.activations.arrow", "00002.activations.arrow"]);
    const tables = await Promise.all(seen.map((name) => readArrow(`${folder}/${name}`)));
    assertEquals(new Set(tables.map(({ schema }) => schema.fields.join())).size, 1);
    assertEquals(tables.map(({ numRows }) => numRows), [21, 11, 0]);
    const prompts = [...Deno.readDirSync(`${folder}/_prompts`)].map(({ name }) => name);
    assertEquals(prompts.sort(), seen.map((name) => name.replace("activations", "prompts")));
    const { schema: { fields } } = await readArrow(`${folder}/_prompts/${prompts[0]}`);
    for (const { name, metadata } of [...tables[0].schema.fields, ...fields]) {
      assert((metadata.get("description") ?? "").length > 5, `${name} says what it holds`);
    }
  });
});

Deno.test("shards of a run that was cut off are not left among those of a shorter one", async () => {
  await withFolder(async (folder) => {
    let batches = 0;
    for await (const _ of cacheActivations(streamOf({ batchPrompts: 1 }), folder, { ...SOURCE, batchPrompts: 1 })) {
      if (++batches === 5) break;
    }
    await Deno.writeTextFile(`${folder}/notes.txt`, "of somebody else");
    await writeActivations(folder, streamOf(), SOURCE);
    const names = [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
    const shards = [0, 1, 2].map((number) => `0000${number}.activations.arrow`);
    assertEquals(names, [...shards, "_index.json", "_prompts", "notes.txt"]);
    assertEquals((await read(folder)).map(plain), (await Array.fromAsync(streamOf())).map(plain));
  }, false);
});

Deno.test("a folder that holds a cache of an older layout is not written over", async () => {
  await withFolder(async (folder) => {
    await Deno.rename(`${folder}/_index.json`, `${folder}/index.json`);
    await assertRejects(() => writeActivations(folder, streamOf(), SOURCE), Error, `but ${folder} holds one`);
  });
});

Deno.test("a cache keeps which model was read, of which a dictionary takes its own only", async () => {
  await withFolder(async (folder) => {
    const { model: _, ...described } = DESCRIBED;
    const told = (checksum: string, dtype: "fp32" | "fp16") => Object.assign(new FakeModel(), { checksum, dtype });
    const [one, other] = [told("one", "fp32"), told("other", "fp16")];
    const stream = (model: LanguageModel) => extract(model, TEXTS, { layers: [0], batchPrompts: 3 });
    const source = describeStream({ ...described, model: one });
    await assertRejects(
      () => writeActivations(folder, stream(other), source),
      Error,
      "cache's own model, by its checksum",
    );
    await writeActivations(folder, stream(one), source);
    await read(folder, { expect: { modelChecksum: "one", dtype: "fp32" } });
    await assertRejects(() => read(folder, { expect: { dtype: "fp16" } }), Error, "dtype fp16");
    const calibration = {
      center: new Float32Array(DIM),
      threshold: 0.5,
      source: describeStream({ ...described, model: other }),
    };
    using dictionary = await Dictionary.create(calibration, { backend: "cpu" });
    const [batch] = await read(folder);
    await assertRejects(() => dictionary.add(batch.batches.get(0)!), Error, "model, by its checksum");
  }, false);
});

Deno.test("a stream that a budget ends within a prompt is cached, and read as a part of a batch", async () => {
  await withFolder(async (folder) => {
    await writeActivations(folder, streamOf({ maxActivations: 5 }), SOURCE);
    const batches = await read(folder);
    assertEquals(batches.map(({ batches, isPart }) => [batches.get(0)!.rows, isPart]), [[5, true]]);
  }, false);
});
