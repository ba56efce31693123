import { assert, assertEquals } from "@std/assert";
import { BufferPool } from "../../src/compute/webgpu_buffers.ts";

const MIB = 2 ** 20;

/** A device whose buffers have a size and nothing in them; `live` counts those that are not destroyed. */
function device() {
  const told = { made: 0, live: 0 };
  const createBuffer = ({ size }: { size: number }) => {
    told.made++;
    told.live += size;
    return { size, destroy: () => void (told.live -= size) };
  };
  return { told, pool: new BufferPool({ createBuffer } as unknown as GPUDevice, 0) };
}

Deno.test("freed buffers are used again, and are 64 MiB at most", () => {
  const { told, pool } = device();
  const taken = Array.from({ length: 200 }, () => pool.take(MIB));
  taken.forEach((buffer) => pool.give(buffer));
  assertEquals([told.made, told.live], [200, 64 * MIB]);
  for (let turn = 0; turn < 100; turn++) pool.give(pool.take(MIB));
  assertEquals(told.made, 200);
  pool.give(pool.take(17 * MIB));
  assertEquals(told.live, 64 * MIB, "what is larger than 16 MiB is not kept");
  pool.dispose();
  assertEquals(told.live, 0);
});

Deno.test("sizes that nobody asks for any more make room for those that somebody does", () => {
  const { told, pool } = device();
  const all = Array.from({ length: 64 }, () => pool.take(MIB));
  all.forEach((buffer) => pool.give(buffer));
  for (let turn = 0; turn < 100; turn++) {
    const [large, small] = [pool.take(8 * MIB), pool.take(4096)];
    pool.give(large);
    pool.give(small);
  }
  assertEquals(told.made, 66);
  assert(told.live <= 64 * MIB);
});
