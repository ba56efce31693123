import { assert, assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import { deno } from "../lib/deno.ts";

/** Large enough that the garbage collector's fixed share, some 20 MiB, says little. */
const MEBIBYTES = 48;

const child = fileURLToPath(new URL("pickle_memory_child.ts", import.meta.url));

for (
  const [kind, isRefused] of [
    ["arrays", false],
    ["numbers", false],
    ["lists", true],
    ["tuples", true],
    ["appended", true],
    ["marks", true],
    ["copies", true],
    ["memo", true],
    ["texts", true],
  ] as const
) {
  Deno.test({
    name: `a pickle full of ${kind} takes at most three times its size in memory`,
    // Only Linux tells a process the most memory that it ever took.
    ignore: Deno.build.os !== "linux",
    fn: async () => {
      const { stdout, stderr, success } = await deno("run", ["--allow-all", child, kind, String(MEBIBYTES)]);
      assert(success, stderr);
      const { times, seconds, refused } = JSON.parse(stdout);
      assert(times >= 0.5 && times <= 3, `${times} times the file's size`);
      assert(seconds < 20, `${seconds} s`);
      assertEquals(typeof refused === "string", isRefused, refused ?? "nothing was refused");
      if (isRefused) assert(refused.includes("more memory than"), refused);
    },
  });
}
