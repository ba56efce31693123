import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import type { Backend, Matrix } from "../../src/compute/mod.ts";
import { backendTest } from "../lib/backends.ts";
import { assertAnswersOrRefuses } from "../lib/disposed_amid.ts";
import { unitRows } from "./oracles.ts";

const [ROWS, DIM] = [5, 8];
const SENTENCE = "Expected a matrix in use but found a disposed one: keep it until the last use";

/** Every operation of a backend that takes matrices, once for each matrix that it takes. */
const OPERATIONS: Record<string, ((backend: Backend, used: Matrix, gone: Matrix) => unknown)[]> = {
  download: [
    (backend, _, gone) => backend.download(gone),
    (backend, _, gone) => backend.download(gone, Int32Array.of(0)),
  ],
  view: [(backend, _, gone) => backend.view(gone)],
  copyRows: [
    (backend, used, gone) => backend.copyRows(gone, Int32Array.of(0), used, Int32Array.of(0)),
    (backend, used, gone) => backend.copyRows(used, Int32Array.of(0), gone, Int32Array.of(0)),
    // Nothing to copy is no reason to let it pass.
    (backend, used, gone) => backend.copyRows(used, new Int32Array(), gone, new Int32Array()),
  ],
  moments: [(backend, _, gone) => backend.moments(gone)],
  directions: [
    (backend, _, gone) => backend.directions(gone, new Float32Array(DIM)),
    (backend, _, gone) => backend.directions(gone, new Float32Array(DIM + 1)),
  ],
  nearest: [
    (backend, used, gone) => backend.nearest(used, gone),
    (backend, used, gone) => backend.nearest(gone, used),
  ],
  similarities: [
    (backend, used, gone) => backend.similarities(used, gone),
    (backend, used, gone) => backend.similarities(gone, used),
  ],
  accumulate: [
    (backend, used, gone) => backend.accumulate(used, gone, groupOf(0)),
    (backend, used, gone) => backend.accumulate(gone, used, groupOf(0)),
  ],
  percentiles: [(backend, _, gone) => backend.percentiles(gone, [50])],
  activate: [
    (backend, used, gone) => backend.activate(used, gone, new Float32Array(ROWS), rule()),
    (backend, used, gone) => backend.activate(gone, used, new Float32Array(ROWS), rule()),
  ],
  combine: [(backend, _, gone) => backend.combine(features(), gone, new Float32Array(DIM))],
};

/** Those that throw; the others give a promise of the error, so that both are one to who awaits. */
const AT_ONCE = ["view", "copyRows", "accumulate", "combine"];

/** Those that take none. */
const OTHERS = ["constructor", "create", "upload", "wrap", "dispose", "search"];

const groupOf = (row: number) => ({
  regions: Int32Array.of(0),
  offsets: Int32Array.of(0, 1),
  rows: Int32Array.of(row),
});
const rule = () => ({ thresholds: new Float32Array(ROWS) });
const features = () => ({
  rows: 1,
  size: ROWS,
  offsets: Int32Array.of(0, 1),
  features: Int32Array.of(0),
  values: Float32Array.of(1),
});

backendTest("the operations on matrices are all tried here", (backend) => {
  const names = Object.getOwnPropertyNames(Object.getPrototypeOf(backend));
  assertEquals(names.filter((name) => !OTHERS.includes(name)).sort(), Object.keys(OPERATIONS).sort());
});

for (const [name, calls] of Object.entries(OPERATIONS)) {
  backendTest(`${name} refuses a disposed matrix`, async (backend) => {
    using used = backend.upload(unitRows(ROWS, DIM), ROWS, DIM);
    const gone = backend.upload(unitRows(ROWS, DIM, 2), ROWS, DIM);
    gone.dispose();
    for (const call of calls) {
      if (AT_ONCE.includes(name)) assertThrows(() => call(backend, used, gone), TypeError, SENTENCE);
      else await assertRejects(() => call(backend, used, gone) as Promise<unknown>, TypeError, SENTENCE);
    }
    assertEquals(await backend.download(used), unitRows(ROWS, DIM));
  });
}

backendTest("a disposed matrix has no rows to tell, and may be disposed again", (backend) => {
  const matrix = backend.upload(unitRows(ROWS, DIM), ROWS, DIM);
  {
    using same = matrix;
    assertEquals(same.rows, ROWS);
  }
  assertThrows(() => matrix.rows, TypeError, SENTENCE);
  matrix.dispose();
  assertThrows(() => matrix.rows, TypeError, SENTENCE);
  assertEquals([matrix.backend, matrix.dim], [backend.name, DIM]);
});

backendTest("a matrix that is disposed while it is read gives its values or a sentence", async (backend) => {
  const data = unitRows(ROWS, DIM);
  const [queries, exemplars] = [data, data].map((rows) => backend.upload(rows.slice(), ROWS, DIM));
  const running = [backend.nearest(queries, exemplars), backend.nearest(queries, exemplars)];
  for (const matrix of [queries, exemplars]) matrix.dispose();
  for (const result of await Promise.allSettled(running)) {
    if (result.status === "fulfilled") assertEquals([...result.value.regions], [0, 1, 2, 3, 4]);
    else assert((result.reason as Error).message === SENTENCE, `${result.reason}`);
  }
});

/** What an operation gives as plain values; matrices are read and given back. */
async function plain(backend: Backend, answer: unknown): Promise<unknown> {
  if (typeof answer !== "object" || answer === null || !("backend" in answer)) return answer;
  using matrix = answer as Matrix;
  return await backend.download(matrix);
}

for (const [name, calls] of Object.entries(OPERATIONS)) {
  backendTest(`${name} ends well or refuses when its matrices are disposed meanwhile`, async (backend) => {
    const make = () => {
      const both = new DisposableStack();
      const [used, gone] = [1, 2].map((seed) => both.use(backend.upload(unitRows(ROWS, DIM, seed), ROWS, DIM)));
      return { used, gone, [Symbol.dispose]: () => both.dispose() };
    };
    const isWrong = (call: unknown) => name === "directions" && call === calls[1];
    for (const call of calls.filter((call) => !isWrong(call))) {
      await assertAnswersOrRefuses(make, async ({ used, gone }) => plain(backend, await call(backend, used, gone)));
    }
  });
}
