import { assert, assertEquals } from "@std/assert";
import { openKernel } from "../../src/compute/wasm.ts";
import { modules } from "../../src/compute/wasm_modules.js";
import { assemble, assembledKernels, KERNELS } from "../lib/assemble.ts";

Deno.test("the assembled kernels are what their text gives", async () => {
  const names = await assembledKernels();
  assert(names.includes("count_pairs"));
  for (const name of names) {
    const assembled = await Deno.readFile(new URL(`${name}.wasm`, KERNELS));
    assertEquals(assembled, await assemble(name), `run deno task assemble: kernels/${name}.wasm is not its .wat`);
  }
});

Deno.test("every assembled kernel is imported, under its name", async () => {
  const names = await assembledKernels();
  assertEquals(Object.keys(modules).sort(), names.map((name) => name.replace(/_./g, ([_, c]) => c.toUpperCase())));
});

Deno.test("arrays of a kernel lie in its own memory, apart from each other, and are zeros", () => {
  const rooms = { tile: ["f32", 5], codes: ["u8", 3], bins: ["f64", 2], empty: ["i32", 0] } as const;
  const [one, other] = [openKernel("countPairs", rooms), openKernel("countPairs", rooms)];
  const { tile, codes, bins, empty } = one.arrays;
  assertEquals([tile.length, codes.length, bins.length, empty.length], [5, 3, 2, 0]);
  for (const array of [tile, codes, bins, empty]) {
    assert(array.buffer === tile.buffer);
    assertEquals(array.byteOffset % 64, 0);
    assert(array.every((value) => value === 0));
  }
  const ordered = [tile, codes, bins, empty];
  for (let i = 1; i < ordered.length; i++) {
    const room = ordered[i].byteOffset - (ordered[i - 1].byteOffset + ordered[i - 1].byteLength);
    assert(room >= 64, `${room} bytes lie between arrays ${i - 1} and ${i}`);
  }
  tile.fill(1);
  assertEquals(other.arrays.tile, new Float32Array(5));
});
