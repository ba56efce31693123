import { assertEquals, assertRejects } from "@std/assert";
import { dirname, join } from "node:path";
import { parquetWriteBuffer } from "npm:hyparquet-writer@0.17.0";
import { CorpusError, readAxBench } from "../../src/activations/mod.ts";
import { inFolder } from "../lib/folder.ts";

type Fields = readonly [id: number | null, category: string, concept: string, genre: string, output: string];

const TRAIN: Fields[] = [
  [-1, "negative", "EEEEE", "text", "plain"],
  [-1, "negative", "EEEEE", "code", "x = 1"],
  [7, "positive", "birds", "text", "a wren"],
  [3, "positive", "loops", "code", "for (;;)"],
];
const EVALUATION: Fields[] = [
  [3, "positive", "loops", "code", "while"],
  [3, "hard negative", "loop//a knot", "code", "a loop of rope"],
  [7, "positive", "birds", "text", "a crow"],
  [7, "negative", "birds", "math", "1 + 1"],
];

async function write(path: string, rows: readonly Fields[]): Promise<void> {
  const column = (name: string, data: readonly string[]) => ({ name, data: [...data], type: "STRING" as const });
  const columnData = [
    column("input", rows.map(() => "Question?")),
    column("output", rows.map((row) => row[4])),
    column("output_concept", rows.map((row) => row[2])),
    column("concept_genre", rows.map((row) => row[3])),
    column("category", rows.map((row) => row[1])),
    { name: "concept_id", data: rows.map(([id]) => id === null ? null : BigInt(id)), type: "INT64" as const },
  ];
  await Deno.mkdir(dirname(path), { recursive: true });
  await Deno.writeFile(path, new Uint8Array(parquetWriteBuffer({ columnData })));
}

Deno.test("AxBench's own files: ten concepts, their negatives by genre, hard negatives as negatives", async () => {
  const { concepts, negatives } = await readAxBench("fixtures/corpora/axbench");
  assertEquals(concepts.map(({ id }) => id), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  assertEquals([...negatives].map(([genre, rows]) => `${genre} ${rows.length}`), ["text 72", "math 72", "code 72"]);
  for (const { positives, evaluation, genre } of concepts) {
    assertEquals([positives.length, evaluation.filter(({ positive }) => positive).length], [72, 36]);
    assertEquals(positives.every((row) => row.genre === genre), true);
    const train = new Set(positives.map(({ output }) => output));
    assertEquals(evaluation.some(({ output }) => train.has(output)), false, "no answer is in both");
  }
  const [, , syntax] = concepts;
  assertEquals([syntax.genre, syntax.ref!.endsWith("/12454")], ["code", true]);
  assertEquals(syntax.evaluation.filter(({ category }) => category === "hard negative").length, 9);
  assertEquals((await readAxBench("fixtures/corpora/axbench", [5, 2])).concepts.map(({ id }) => id), [2, 5]);
});

Deno.test("the layouts of the repository and of the hub give the same, with metadata and without", () =>
  inFolder(async (folder) => {
    const [repository, hub] = [join(folder, "a"), join(folder, "b")];
    // Large sets are cut into parts.
    await write(join(repository, "generate/train_data.parquet"), TRAIN.slice(0, 3));
    await write(join(repository, "generate/train_data_0.parquet"), TRAIN.slice(3));
    await write(join(repository, "inference/latent_eval_data.parquet"), EVALUATION);
    const metadata = [[3, "loops", "code"], [7, "birds", "text"]].map(([concept_id, concept, genre]) =>
      JSON.stringify({ concept_id, concept, ref: "", concept_genres_map: { [concept]: [genre] } })
    );
    await Deno.writeTextFile(join(repository, "generate/metadata.jsonl"), metadata.join("\n"));
    await write(join(hub, "train/data.parquet"), TRAIN);
    await write(join(hub, "test/data.parquet"), EVALUATION);
    const read = await readAxBench(repository);
    assertEquals(await readAxBench(hub), read);
    assertEquals(read.concepts.map(({ id, concept, genre }) => `${id} ${concept} ${genre}`), [
      "3 loops code",
      "7 birds text",
    ]);
    assertEquals(read.concepts[0].evaluation.map(({ positive }) => positive), [true, false]);
  }));

Deno.test("what is missing is named", () =>
  inFolder(async (folder) => {
    const [train, evaluation] = [join(folder, "train_data.parquet"), join(folder, "latent_eval_data.parquet")];
    const refuses = (part: string, ids?: number[]) => assertRejects(() => readAxBench(folder, ids), CorpusError, part);
    await refuses("has not train_data.parquet and latent_eval_data.parquet, or generate/train_data.parquet");
    await write(train, TRAIN);
    await write(evaluation, [...EVALUATION, [null, "positive", "birds", "text", "?"]]);
    await refuses('Expected a whole number in field "concept_id" but row 5 of "');
    await write(evaluation, [...EVALUATION, [7, "unsure", "birds", "text", "?"]]);
    await refuses('row 5 of "');
    await refuses("Expected concept 4 to have positive rows", [4]);
    await write(evaluation, EVALUATION.slice(0, 3));
    await refuses("Expected concept 7 to have positive and negative rows");
    await write(train, TRAIN.slice(1));
    await write(evaluation, EVALUATION);
    await refuses('Expected concept 7 to have negative rows of the genre "text"');
  }));
