/** What a dictionary says while its values are behind, and after it is disposed: a sentence, never an empty dictionary's. */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import type { ActivationBatch } from "../../src/activations/mod.ts";
import type { Backend, Matrix } from "../../src/compute/mod.ts";
import { Dictionary, discover } from "../../src/partition/mod.ts";
import { backendTest } from "../lib/backends.ts";
import { assertSentence } from "../lib/sentence.ts";
import { assertAnswersOrRefuses } from "../lib/disposed_amid.ts";
import { inFolder } from "../lib/folder.ts";
import { namedRows, publicValues } from "./streams.ts";

const DIM = 2;
const FIRST = namedRows([1, 0], [5, 0.1], [0, 2]);
const SECOND = namedRows([-1, 0], [0, -3], [1, 0.1]);

/** Values that the device has, with what they are of. */
const VALUES: Record<string, (dictionary: Dictionary) => ArrayLike<number>> = {
  exemplars: (dictionary) => dictionary.exemplars,
  sums: (dictionary) => dictionary.sums,
  means: (dictionary) => dictionary.means,
  coherences: (dictionary) => dictionary.coherences,
  directions: (dictionary) => dictionary.directions("exemplar"),
};

/** What the host knows by itself, current also while the values are behind. */
const FACTS: Record<string, (dictionary: Dictionary) => unknown> = {
  size: (dictionary) => dictionary.size,
  dim: (dictionary) => dictionary.dim,
  threshold: (dictionary) => dictionary.threshold,
  percentile: (dictionary) => dictionary.percentile,
  source: (dictionary) => dictionary.source,
  center: (dictionary) => dictionary.center,
  activations: (dictionary) => dictionary.activations,
  beyond: (dictionary) => dictionary.beyond,
  foundedUntil: (dictionary) => dictionary.foundedUntil,
  backend: (dictionary) => dictionary.backend,
  memberCounts: (dictionary) => dictionary.memberCounts,
  founders: (dictionary) => dictionary.founders,
  firstBatches: (dictionary) => dictionary.firstBatches,
  distanceSums: (dictionary) => dictionary.distanceSums,
  distanceSquareSums: (dictionary) => dictionary.distanceSquareSums,
  nearestContexts: (dictionary) => dictionary.nearestContexts(0),
  farthestContexts: (dictionary) => dictionary.farthestContexts(0),
};

/** What is done in turn, and reads back by itself what it needs. */
const TASKS: Record<string, (dictionary: Dictionary, directions: Matrix, folder: string) => Promise<unknown>> = {
  add: (dictionary) => dictionary.add(SECOND),
  ingest: (dictionary, directions) => dictionary.ingest(directions),
  refresh: (dictionary) => dictionary.refresh(),
  assign: (dictionary) => dictionary.assign(SECOND),
  nearest: (dictionary, directions) => dictionary.nearest(directions),
  exemplarMatrix: (dictionary) => dictionary.exemplarMatrix(),
  similarities: (dictionary) => dictionary.similarities(SECOND),
  readout: (dictionary) => dictionary.readout(SECOND, { kind: "signed" }),
  decode: (dictionary) => dictionary.decode(new Float32Array()),
  merge: (dictionary) => dictionary.merge(),
  reanchor: (dictionary) => dictionary.reanchor([FIRST, SECOND]),
  save: (dictionary, _, folder) => dictionary.save(`${folder}/d.arrow`),
  export: (dictionary, _, folder) => dictionary.export(`${folder}/d`),
};

async function grown(backend: Backend): Promise<Dictionary> {
  const dictionary = await Dictionary.create({ center: new Float32Array(DIM), threshold: 0.1 }, { backend });
  await dictionary.add(FIRST);
  return dictionary;
}

/** Directions of the second batch, which found two regions. */
async function secondDirections(backend: Backend): Promise<Matrix> {
  using x = backend.upload(Float32Array.from(SECOND.data), SECOND.rows, DIM);
  return await backend.directions(x, new Float32Array(DIM));
}

Deno.test("all that a dictionary can be asked is tried here", () => {
  const names = Object.getOwnPropertyNames(Dictionary.prototype);
  const tried = [
    ...Object.keys(VALUES),
    ...Object.keys(FACTS),
    ...Object.keys(TASKS),
    "constructor",
    "dispose",
  ];
  assertEquals(names.sort(), tried.sort());
});

backendTest("values that are not read back are not given out", async (backend) => {
  using dictionary = await grown(backend);
  using directions = await secondDirections(backend);
  const { regions } = await dictionary.ingest(directions, SECOND.provenance);
  assertEquals([...regions], [2, 3, 0]);
  for (const [name, read] of Object.entries(VALUES)) {
    assertSentence(assertThrows(() => read(dictionary), Error), `the ${name} of 4 regions`, "await refresh() before");
  }
  for (const read of Object.values(FACTS)) read(dictionary);
  assertEquals([dictionary.size, [...dictionary.memberCounts]], [4, [3, 1, 1, 1]]);

  await dictionary.refresh();
  using added = await grown(backend);
  await added.add(SECOND);
  assertEquals(publicValues(dictionary), publicValues(added));
});

for (const [name, run] of Object.entries(TASKS)) {
  backendTest(
    `${name} of values that are not read back is right all the same`,
    (backend) =>
      inFolder(async (folder) => {
        using directions = await secondDirections(backend);
        const answers: unknown[] = [];
        for (const isRefreshed of [false, true]) {
          using dictionary = await grown(backend);
          await dictionary.ingest(directions, SECOND.provenance);
          if (isRefreshed) await dictionary.refresh();
          const answer = await plain(await run(dictionary, directions, folder), backend);
          await dictionary.refresh();
          answers.push([answer, publicValues(dictionary)]);
        }
        assertEquals(answers[0], answers[1]);
      }),
  );
}

/** An answer as values that can be compared; it is disposed. */
async function plain(answer: unknown, backend: Backend): Promise<unknown> {
  if (answer instanceof Dictionary) {
    using dictionary = answer;
    return publicValues(dictionary);
  }
  if (typeof answer !== "object" || answer === null || !("backend" in answer)) return answer;
  using matrix = answer as Matrix;
  return await backend.download(matrix);
}

backendTest("values are not given out while a batch is being added", async (backend) => {
  using dictionary = await grown(backend);
  const adding = dictionary.add(SECOND);
  // Before its turn everything is as it was.
  assertEquals(dictionary.exemplars.length, 2 * DIM);
  const seen = new Set<string>();
  let isDone = false;
  adding.then(() => isDone = true);
  while (!isDone) {
    await new Promise((resolve) => setTimeout(resolve));
    try {
      const { exemplars, size } = dictionary;
      assertEquals(exemplars.length, size * DIM);
    } catch (error) {
      seen.add((error as Error).message);
    }
  }
  for (const message of seen) assert(message.includes("is not read back"), message);
  assertEquals(dictionary.exemplars.length, 4 * DIM);
});

backendTest("a batch that is refused leaves the values readable", async (backend) => {
  using dictionary = await grown(backend);
  await assertRejects(() => dictionary.add(namedRows([NaN, 1])), Error, "finite");
  using wide = backend.upload(new Float32Array(3), 1, 3);
  await assertRejects(() => dictionary.ingest(wide), RangeError, "rows of one length but found 3 and 2");
  assertEquals(dictionary.exemplars.length, 2 * DIM);
});

backendTest("a disposed dictionary answers nothing but a sentence", async (backend) => {
  using directions = await secondDirections(backend);
  const dictionary = await grown(backend);
  dictionary.dispose();
  for (const [name, read] of Object.entries({ ...VALUES, ...FACTS })) {
    assertSentence(assertThrows(() => read(dictionary), Error), `${name} was asked of a disposed one`);
  }
  for (const [name, run] of Object.entries(TASKS)) {
    assertSentence(
      await assertRejects(() => run(dictionary, directions, ""), Error),
      `${name} was asked of a disposed one`,
    );
  }
  dictionary.dispose();
  assertEquals(directions.rows, SECOND.rows);
});

backendTest(
  "what was asked for before a dictionary was disposed ends as if it had waited",
  (backend) =>
    inFolder(async (folder) => {
      using directions = await secondDirections(backend);
      for (const [name, run] of Object.entries(TASKS)) {
        const dictionary = await grown(backend);
        const [adding, running] = [dictionary.add(SECOND), run(dictionary, directions, folder)];
        dictionary.dispose();
        assertEquals([...(await adding).regions], [2, 3, 0], name);
        using waited = await grown(backend);
        await waited.add(SECOND);
        const expected = await run(waited, directions, folder);
        assertEquals(await plain(await running, backend), await plain(expected, backend), name);
      }
    }),
);

backendTest("exemplars are handed out as a copy that is the caller's", async (backend) => {
  using dictionary = await grown(backend);
  using all = await dictionary.exemplarMatrix();
  const second = await dictionary.exemplarMatrix([1]);
  assertEquals(await backend.download(all), dictionary.exemplars.slice());
  assertEquals(await backend.download(second), dictionary.exemplars.slice(DIM));
  second.dispose();
  await assertRejects(() => dictionary.exemplarMatrix([2]), RangeError, "0 to 1 but found 2");
  assertEquals((await dictionary.assign(FIRST)).regions, Int32Array.of(0, 0, 1));
});

backendTest("a discovery gives its dictionaries back", async (backend) => {
  const levels = [{ percentile: 10, threshold: 0.1 }, { percentile: 50, threshold: 0.2 }];
  const calibration = { center: new Float32Array(DIM), levels, activations: 3 };
  const discovery = await discover([FIRST], calibration, { backend });
  {
    using same = discovery;
    assertEquals(same.growths.map(({ dictionary }) => dictionary.size), [2, 2]);
  }
  for (const { dictionary } of discovery.growths) assertThrows(() => dictionary.size, Error, "disposed");
  discovery.dispose();
});

/** A backend that keeps what it makes, and how many of those are still in use. */
function watched(backend: Backend): { backend: Backend; inUse: () => number } {
  const made: Matrix[] = [];
  const keep = <T>(result: T): T => {
    if (typeof result === "object" && result !== null && "backend" in result) made.push(result as unknown as Matrix);
    return result;
  };
  const proxy = new Proxy(backend, {
    get(target, name) {
      const value = Reflect.get(target, name, target);
      if (typeof value !== "function") return value;
      return (...args: unknown[]) => {
        const result = value.apply(target, args);
        return result instanceof Promise ? result.then(keep) : keep(result);
      };
    },
  });
  const isInUse = (matrix: Matrix) => {
    try {
      return matrix.rows >= 0;
    } catch {
      return false;
    }
  };
  return { backend: proxy, inUse: () => made.filter(isInUse).length };
}

backendTest("a discovery gives back whatever it made, if it fails too", async (backend) => {
  const levels = [{ percentile: 10, threshold: 0.1 }, { percentile: 50, threshold: 0.2 }];
  const calibration = { center: new Float32Array(DIM), levels, activations: 3 };
  const bad = namedRows([1, 0], [NaN, 1]);
  const runs: [ActivationBatch[], typeof calibration, sentence?: string][] = [
    [[FIRST, SECOND], calibration],
    [[FIRST, bad], calibration, "finite"],
    [[], calibration, "the stream was empty"],
    [[FIRST], { ...calibration, levels: [levels[0], { ...levels[1], threshold: 3 }] }, "Expected a threshold"],
  ];
  for (const [stream, calibration, sentence] of runs) {
    const { backend: watching, inUse } = watched(backend);
    if (sentence) await assertRejects(() => discover(stream, calibration, { backend: watching }), Error, sentence);
    else {
      using discovery = await discover(stream, calibration, { backend: watching, merge: true });
      assertEquals(inUse(), 2 * discovery.growths.length);
    }
    // Dictionaries wait their turn.
    await Promise.resolve();
    assertEquals(inUse(), 0, sentence);
  }
});

for (const [name, run] of Object.entries(TASKS)) {
  backendTest(
    `${name} ends well or refuses when dictionary and directions are disposed meanwhile`,
    (backend) =>
      inFolder(async (folder) => {
        const make = async () => {
          const both = new DisposableStack();
          const [dictionary, directions] = [both.use(await grown(backend)), both.use(await secondDirections(backend))];
          return { dictionary, directions, [Symbol.dispose]: () => both.dispose() };
        };
        await assertAnswersOrRefuses(
          make,
          async ({ dictionary, directions }) => await plain(await run(dictionary, directions, folder), backend),
        );
      }),
  );
}

backendTest("a discovery that is disposed while its dictionaries work", async (backend) => {
  const levels = [{ percentile: 10, threshold: 0.1 }, { percentile: 50, threshold: 0.2 }];
  const calibration = { center: new Float32Array(DIM), levels, activations: 3 };
  await assertAnswersOrRefuses(
    () => discover([FIRST], calibration, { backend, members: 2 }),
    async ({ growths }) =>
      await Promise.all(growths.map(async ({ dictionary }) => {
        const { regions } = await dictionary.add(SECOND);
        const { distances } = await dictionary.assign(FIRST);
        using anchored = await dictionary.reanchor();
        return [regions, distances, publicValues(anchored)];
      })),
  );
});
