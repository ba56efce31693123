/**
 * `experiments/build.ts` on a disk that is full for some files, in a process of its own:
 *
 *     FULL_FOR=<regular expression of paths> deno run full_disk_build.ts <flags>
 */
import { fillDisk } from "../lib/full_disk.ts";

const pattern = new RegExp(Deno.env.get("FULL_FOR")!);
fillDisk((path) => pattern.test(path));
await import("../../experiments/build.ts");
