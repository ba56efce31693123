import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { RowStore } from "../../src/run/mod.ts";
import { inFolder } from "../lib/folder.ts";

interface Row {
  readonly name: string;
  readonly auroc: number;
  readonly seed: number | null;
}

const ROWS: readonly Row[] = [{ name: "a", auroc: 1 / 3, seed: null }, { name: "b", auroc: 1, seed: 2 }];
const SETTINGS = { flags: { percentiles: [1, 2], seed: 0 }, facts: { backend: "cpu" } };

Deno.test("rows are kept as they were, and other settings are refused", () =>
  inFolder(async (out) => {
    const store = await RowStore.open<Row>(out, { ...SETTINGS, resume: false });
    assertEquals(await RowStore.haveKept(out), false, "settings alone are nothing to go on from");
    await store.write("concepts/3", ROWS);
    assertEquals(await RowStore.haveKept(out), true);
    const again = await RowStore.open<Row>(out, { ...SETTINGS, resume: true });
    assertEquals(await again.read("concepts/3"), ROWS);
    assertEquals(await again.read("concepts/4"), undefined);
    await assertRejects(
      () => RowStore.open(out, { ...SETTINGS, flags: { percentiles: [1], seed: 0 }, resume: true }),
      Error,
      `Expected to go on with --percentiles 1,2, as the run in ${out} has it, but found --percentiles 1:`,
    );
    await assertRejects(
      () => RowStore.open(out, { ...SETTINGS, facts: { backend: "webgpu" }, resume: true }),
      Error,
      "but found backend webgpu:",
    );
    const settings = join(store.folder, "settings.json");
    const copy = await Deno.readFile(settings);
    await Deno.remove(settings);
    await assertRejects(
      () => RowStore.open(out, { ...SETTINGS, resume: true }),
      Error,
      "but it is gone: copy it there again, or start again without --resume",
    );
    await Deno.writeFile(settings, copy);
    const found = await RowStore.open<Row>(out, { ...SETTINGS, resume: true });
    assertEquals(await found.read("concepts/3"), ROWS);
    const anew = await RowStore.open<Row>(out, { ...SETTINGS, resume: false });
    assertEquals(await anew.read("concepts/3"), undefined);
  }));

Deno.test("what is kept is not computed again, but where it is damaged or of another version", () =>
  inFolder(async (out) => {
    const store = await RowStore.open<Row>(out, { ...SETTINGS, resume: false });
    let computed = 0;
    const notes: string[] = [];
    const kept = () =>
      store.kept("concepts/3", () => Promise.resolve(ROWS.slice(computed++)), (note) => notes.push(note));
    assertEquals(await kept(), ROWS);
    assertEquals(await kept(), ROWS);
    assertEquals([computed, notes], [1, []]);

    const path = join(store.folder, "concepts/3.json");
    const text = await Deno.readTextFile(path);
    await Deno.writeTextFile(path, text.replace('"a"', '"c"'));
    assertEquals(await kept(), ROWS.slice(1));
    assertEquals(computed, 2);
    assertStringIncludes(notes[0], "its values do not fit its checksum");
    assertStringIncludes(notes[0], "It is done again.");

    await Deno.copyFile(path, join(store.folder, "concepts/4.json"));
    await assertRejects(() => store.read("concepts/4"), Error, 'to be "concepts/4"');
  }));
