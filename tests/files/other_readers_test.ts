/** Readers that are not ours read our files. */
import { assert, assertEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import { createRequire } from "node:module";
import { fromArrow } from "npm:arquero@8.0.1";
import { openBackend } from "../../src/compute/mod.ts";
import {
  arrowTable,
  booleanColumn,
  fixedSizeListColumn,
  listColumn,
  numberColumn,
  readArrow,
  stringColumn,
  structColumn,
  writeArrow,
} from "../../src/files/mod.ts";
import { Dictionary } from "../../src/partition/mod.ts";
import { outlineArrow } from "../../src/files/arrow.ts";
import { inFolder } from "../lib/folder.ts";
import { corpus, DIM, streamOf } from "../partition/streams.ts";

Deno.test("Arquero, which has a reader of its own, reads our files", async () => {
  const path = await Deno.makeTempFile({ suffix: ".arrow" });
  try {
    const contexts = structColumn({
      distance: numberColumn(Float32Array.of(0.5, 0.25, 0.125)),
      token: stringColumn(["река", "", "<b>"]),
    });
    await writeArrow(
      path,
      arrowTable({
        exemplar: fixedSizeListColumn(Float32Array.of(1, 2, 3, 4), 2),
        count: numberColumn(Int32Array.of(7, 8)),
        saturated: booleanColumn([true, false]),
        contexts: listColumn(Int32Array.of(0, 1, 3), contexts),
        reservoir: listColumn(Int32Array.of(0, 0, 1), fixedSizeListColumn(Float32Array.of(5, 6), 2)),
      }),
    );
    const rows = fromArrow(await Deno.readFile(path)).objects() as Record<string, unknown>[];
    assertEquals(
      JSON.parse(JSON.stringify(rows, (_, value) => ArrayBuffer.isView(value) ? [...value as never] : value)),
      [
        {
          exemplar: [1, 2],
          count: 7,
          saturated: true,
          contexts: [{ distance: 0.5, token: "река" }],
          reservoir: [],
        },
        {
          exemplar: [3, 4],
          count: 8,
          saturated: false,
          contexts: [{ distance: 0.25, token: "" }, { distance: 0.125, token: "<b>" }],
          reservoir: [[5, 6]],
        },
      ],
    );
  } finally {
    await Deno.remove(path);
  }
});

/** polars' native part, which is another implementation of Arrow; where there is none for this machine the test is skipped. */
const POLARS = "npm:nodejs-polars-linux-x64-gnu@0.26.1";
const hasPolars = Deno.build.target === "x86_64-unknown-linux-gnu";

Deno.test({
  name: `polars reads our files: vectors, contexts, members of 16-bit floats, several record batches`,
  ignore: !hasPolars,
  fn: () =>
    inFolder(async (folder) => {
      const backend = await openBackend("cpu");
      const calibration = { center: new Float32Array(DIM), threshold: 0.3 };
      const dictionary = await Dictionary.create(calibration, { backend, members: 2 });
      for (const { batches } of streamOf(corpus(30, [3]), 10)) await dictionary.add(batches.get(3)!);
      const path = `${folder}/d.arrow`;
      await dictionary.save(path);
      await writeArrow(`${folder}/parts.arrow`, await readArrow(path), { batchBytes: 100 });
      assert((await outlineArrow(`${folder}/parts.arrow`)).batches > 2);
      for (const file of ["d.arrow", "parts.arrow", "d.members.arrow"]) {
        const [ours, theirs] = [await readArrow(`${folder}/${file}`), await readByPolars(`${folder}/${file}`)];
        assertEquals(theirs.columns, ours.schema.fields.map(({ name }) => name));
        assertEquals(theirs.rows, plain(ours.toArray()));
      }
    }),
});

async function readByPolars(path: string): Promise<{ columns: string[]; rows: unknown }> {
  // Deno fetches the package for an import, and loads native code by `require`.
  await import("npm:nodejs-polars-linux-x64-gnu@0.26.1/package.json", { with: { type: "json" } });
  const native = createRequire(import.meta.url)(new URL(import.meta.resolve(POLARS)).pathname);
  const frame = native.readIpc(Buffer.from(await Deno.readFile(path)), {});
  return { columns: frame.columns, rows: plain(frame.toObjects()) };
}

/** Vectors of any implementation as plain arrays, whole numbers as numbers, floats of 16 bits to their precision. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (_, part) => typeof part === "bigint" ? Number(part) : part));
}
