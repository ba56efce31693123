/** Every made graph, loaded by the front door, gives what plain loops give: read, changed and generated from. */
import { assertRejects } from "@std/assert";
import { loadModel } from "../../src/model/mod.ts";
import { assertSentence } from "../lib/sentence.ts";
import { assertAsLoops } from "./against_loops.ts";
import { inModelFolder, withModel } from "./made_model.ts";
import { type Style, STYLES } from "./make/styles.ts";
import { ORT_TEST } from "./toy.ts";

for (const style of STYLES) {
  if (style.refuse) refused(style);
  else {
    Deno.test({
      name: `a made graph is read, changed and generated from as plain loops are [${style.name}]`,
      ...ORT_TEST,
      async fn() {
        const made = style.make();
        await withModel(made, (model) => assertAsLoops(model, made.expected, style.half));
      },
    });
  }
}

function refused(style: Style): void {
  Deno.test({
    name: `a made graph of another kind is refused with a sentence [${style.name}]`,
    ...ORT_TEST,
    fn: () =>
      inModelFolder(style.make(), async (folder) => {
        assertSentence(await assertRejects(() => loadModel(folder, { device: "cpu" })) as Error, ...style.refuse!);
      }),
  });
}
