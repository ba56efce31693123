import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { GpuError, type Nearest } from "../../src/compute/mod.ts";
import { WebGpuBackend } from "../../src/compute/webgpu.ts";
import { webgpuTest } from "../lib/backends.ts";
import { unitRows } from "./oracles.ts";

const [ROWS, EXEMPLARS, DIM] = [300, 2800, 192];
const [x, e] = [unitRows(ROWS, DIM), unitRows(EXEMPLARS, DIM, 2)];

/** Searches a backend with more than it measures for, or with `rows` of it. */
async function search(backend: WebGpuBackend, rows = ROWS) {
  using queries = backend.upload(x.slice(0, rows * DIM), rows, DIM);
  using exemplars = backend.upload(e, EXEMPLARS, DIM);
  return await backend.nearest(queries, exemplars);
}

/** Runs an action where WGSL has no products of packed integers. */
async function withoutIntegers(action: () => Promise<void>): Promise<void> {
  Object.defineProperty(navigator.gpu, "wgslLanguageFeatures", { value: new Set(), configurable: true });
  try {
    await action();
  } finally {
    Reflect.deleteProperty(navigator.gpu, "wgslLanguageFeatures");
  }
}

/** Searches until a backend has measured which way is faster; all answers. */
async function searchUntilMeasured(backend: WebGpuBackend): Promise<Nearest[]> {
  const found: Nearest[] = [];
  // Two at a time, for which one measurement does.
  while (!backend.search) found.push(...await Promise.all([search(backend), search(backend)]));
  return found;
}

webgpuTest("the way to search is measured when large searches take long, and every way finds the same", async () => {
  using backend = await WebGpuBackend.create();
  await search(backend, 5);
  assertEquals(backend.search, undefined);
  const found = await searchUntilMeasured(backend);
  found.push(await search(backend));
  const decided = backend.search;
  assert(decided);
  const { way, because } = decided;
  assertMatch(because, /^measured: by integers .* took [0-9]+ ms, in float32 [0-9]+ ms$/);
  const [integers, float] = because.match(/[0-9]+(?= ms)/g)!.map(Number);
  assert(way === "integers" ? integers <= float : float <= integers, `${way}: ${because}`);
  found.push(await search(backend));
  assertEquals(backend.search, decided);
  for (const forced of ["integers", "float"] as const) {
    using other = await WebGpuBackend.create({ way: forced });
    assertEquals(other.search, { way: forced, because: "asked for" });
    const same = await search(other);
    found.forEach((one) => assertEquals(one, same));
    assertEquals(other.search?.way, forced);
  }
});

webgpuTest("what happens to the matrices while it is searched does not show", async () => {
  using backend = await WebGpuBackend.create();
  const [queries, exemplars] = [backend.upload(x, ROWS, DIM), backend.upload(e, EXEMPLARS, DIM)];
  const found = backend.nearest(queries, exemplars);
  backend.copyRows(queries, Int32Array.of(0), exemplars, Int32Array.of(1));
  [queries, exemplars].forEach((matrix) => matrix.dispose());
  assertEquals(await found, await search(backend));
});

webgpuTest(
  "where WGSL has no products of integers all is searched in float32, and who asks for them is told",
  async () => {
    using backend = await WebGpuBackend.create({ way: "float" });
    const expected = await search(backend);
    await withoutIntegers(async () => {
      using other = await WebGpuBackend.create();
      (await searchUntilMeasured(other)).forEach((found) => assertEquals(found, expected));
      assertEquals(other.search, { way: "float", because: "WGSL has no packed_4x8_integer_dot_product here" });
      await assertRejects(() => WebGpuBackend.create({ way: "integers" }), GpuError, "leave out way");
    });
  },
);
