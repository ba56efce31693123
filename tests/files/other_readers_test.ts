import { assertEquals } from "@std/assert";
import { fromArrow } from "npm:arquero@8.0.1";
import {
  arrowTable,
  booleanColumn,
  fixedSizeListColumn,
  listColumn,
  numberColumn,
  stringColumn,
  structColumn,
  writeArrow,
} from "../../src/files/arrow.ts";

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
