import { assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { type Backend, type Matrix, openBackend } from "../../src/compute/mod.ts";
import { rowNumbers } from "../../src/compute/row_numbers.ts";
import { backendTest, webgpuTest } from "../lib/backends.ts";
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

/** Operations that take a while, of the matrices that become others meanwhile. */
const READING: Record<string, (backend: Backend, a: Matrix, b: Matrix) => Promise<unknown>> = {
  download: (backend, a) => backend.download(a),
  moments: (backend, a) => backend.moments(a),
  nearest: (backend, a, b) => backend.nearest(a, b),
  "nearest from the second on": (backend, a, b) => backend.nearest(a, b, 1),
  similarities: (backend, a, b) => backend.similarities(a, b),
  percentiles: (backend, a) => backend.percentiles(a, [0, 30, 50, 100]),
  activate: (backend, a, b) =>
    backend.activate(a, b, new Float32Array(b.rows), { thresholds: new Float32Array(b.rows) }),
};
const BECOMES: Record<string, (backend: Backend, matrix: Matrix) => void> = {
  longer(backend, matrix) {
    using more = backend.upload(unitRows(90, DIM, 7), 90, DIM);
    backend.copyRows(more, rowNumbers(0, 90), matrix, rowNumbers(matrix.rows, 90));
  },
  another(backend, matrix) {
    using other = backend.upload(unitRows(matrix.rows, DIM, 8), matrix.rows, DIM);
    backend.copyRows(other, rowNumbers(0, matrix.rows), matrix, rowNumbers(0, matrix.rows));
  },
  disposed: (_, matrix) => matrix.dispose(),
};

for (const [name, read] of Object.entries(READING)) {
  backendTest(`${name} tells of the matrices as they were when it was called, or refuses`, async (backend) => {
    const [a, b] = [unitRows(60, DIM, 3), unitRows(40, DIM, 4)];
    const both = () => [backend.upload(a.slice(), 60, DIM), backend.upload(b.slice(), 40, DIM)] as const;
    const right = await read(backend, ...both());
    for (const [what, become] of Object.entries(BECOMES)) {
      for (const which of [0, 1]) {
        for (const turns of [0, 1, 3]) {
          const matrices = both();
          const answer = read(backend, ...matrices).catch((error) => error);
          for (let turn = 0; turn < turns; turn++) await Promise.resolve();
          become(backend, matrices[which]);
          const found = await answer;
          if (backend.name === "cpu" || !(found instanceof Error)) {
            assertEquals(found, right, `${what} ${which} ${turns}`);
          } else assertMatch(found.message, /found a disposed one|to stay as it is while it is read/);
        }
      }
    }
  }, { chunked: true, integers: true });
}

webgpuTest("what was wrong with a row that is another by now is not made up [webgpu]", async () => {
  const backend = await openBackend("webgpu");
  const wrong = unitRows(ROWS, DIM);
  wrong[2 * DIM] = NaN;
  using right = backend.upload(unitRows(ROWS, DIM), ROWS, DIM);
  const calls: ((x: Matrix) => Promise<unknown>)[] = [
    (x) => backend.moments(x),
    (x) => backend.directions(x, new Float32Array(DIM)),
    (x) => backend.activate(x, right, new Float32Array(ROWS), rule()),
  ];
  for (const call of calls) {
    using x = backend.upload(wrong, ROWS, DIM);
    const answer = call(x);
    backend.copyRows(right, Int32Array.of(2), x, Int32Array.of(2));
    await assertRejects(() => answer, Error, "to stay as it is while it is read");
  }
});

backendTest("a matrix that is disposed while it is read gives its values, or on a GPU a sentence", async (backend) => {
  const data = unitRows(ROWS, DIM);
  const [queries, exemplars] = [data, data].map((rows) => backend.upload(rows.slice(), ROWS, DIM));
  const running = [backend.nearest(queries, exemplars), backend.nearest(queries, exemplars)];
  for (const matrix of [queries, exemplars]) matrix.dispose();
  for (const result of await Promise.allSettled(running)) {
    if (result.status === "fulfilled") assertEquals([...result.value.regions], [0, 1, 2, 3, 4]);
    else assertEquals([backend.name, (result.reason as Error).message], ["webgpu", SENTENCE]);
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
