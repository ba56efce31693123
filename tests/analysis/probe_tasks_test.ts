import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import {
  compareAnswers,
  encodeByDirections,
  keepStrongest,
  kindLabel,
  type LabelledActivations,
  oneHotRows,
  onlyOf,
  pooledAnswers,
  positionLabel,
  probeTasks,
  readLabelled,
  readShuffled,
  readTask,
  tokenClassLabel,
} from "../../src/analysis/mod.ts";
import { loadModel } from "../../src/model/mod.ts";
import { backendTest } from "../lib/backends.ts";
import { ORT_TEST, TOY } from "../model/toy.ts";

/** Sixty documents of ten tokens: activations say the kind but for a tenth of the rows, token ids say nothing. */
function kindsAndTokens(): LabelledActivations {
  const kinds = Array.from({ length: 60 }, (_, i) => i % 2 === 0 ? "even" : "odd");
  const documents = Int32Array.from({ length: 600 }, (_, row) => Math.floor(row / 10));
  const values = documents.map((document) => document % 2);
  const data = new Float32Array(1200);
  for (let row = 0; row < 600; row++) data[2 * row + (row % 10 === 3 ? 1 - values[row] : values[row])] = 1;
  const label = { name: "kind", classes: ["even", "odd"], values, ofDocument: true };
  return { data, rows: 600, dim: 2, tokens: documents.map((_, row) => row % 5), documents, kinds, labels: [label] };
}

const DRAW = { share: 0.3, train: 400, test: 150, shuffles: 2 };

Deno.test("every token of a document is on one side of the split, labels of documents are shuffled whole", () => {
  const data = kindsAndTokens();
  for (const seed of [0, 1, 2]) {
    const [{ train, test, shuffled }] = probeTasks(data, { ...DRAW, seed });
    const learned = new Set(Array.from(train, (row) => data.documents[row]));
    const told = new Set(Array.from(test, (row) => data.documents[row]));
    assertEquals([train.length, test.length], [400, 150]);
    assertEquals(learned.isDisjointFrom(told), true);
    for (const labels of shuffled) {
      for (const row of train) {
        assertEquals(
          labels[row],
          labels[train.find((r) => data.documents[r] === data.documents[row])!],
        );
      }
    }
    assert(shuffled[0].join() !== shuffled[1].join());
  }
});

backendTest("one-hot regions tell as much as the rows do, token ids and shuffled labels nothing", async (backend) => {
  const data = kindsAndTokens();
  const axes = { center: new Float32Array(2), directions: Float32Array.of(1, 0, 0, 1) };
  const encodings = {
    raw: data,
    oneHot: await encodeByDirections(backend, axes, data, 1),
    token: oneHotRows(data.tokens, 5),
  };
  const read = (features: typeof encodings[keyof typeof encodings]) =>
    [0, 1].map((seed) => {
      const [task] = probeTasks(data, { ...DRAW, seed });
      const training = { documents: data.documents, strengths: [1e-3, 1e-1], iterations: 30, seed };
      const own = readTask(features, task, training);
      return { own, shuffled: readShuffled(features, task, own, training) };
    });
  const [raw, oneHot, token] = [read(encodings.raw), read(encodings.oneHot), read(encodings.token)];
  const answers = (readings: typeof raw) => pooledAnswers(readings.map(({ own }) => own));
  const accuracy = (readings: typeof raw) => compareAnswers(answers(readings), answers(raw), (share) => share).mean;
  assertAlmostEquals(accuracy(raw), 0.9, 0.04);
  assertEquals(accuracy(oneHot), accuracy(raw));
  assertEquals(compareAnswers(answers(oneHot), answers(raw), (a, b) => a / b), { mean: 1, low: 1, high: 1 });
  assertEquals(compareAnswers(answers(raw), answers(oneHot), (a, b) => a - b), { mean: 0, low: 0, high: 0 });
  assertAlmostEquals(accuracy(token), 0.5, 0.1);
  assertEquals([raw[0].own.chance, raw[0].own.l0, oneHot[0].own.l0, token[0].own.features], [0.5, 2, 1, 5]);
  assertEquals([raw[0].own.labels, raw[0].own.shuffle], ["true", null]);

  const shuffled = raw.flatMap(({ shuffled }) => shuffled);
  assertEquals(shuffled.map(({ labels, shuffle }) => `${labels} ${shuffle}`), [
    ...["shuffled 1", "shuffled 2", "shuffled 1", "shuffled 2"],
  ]);
  const { mean } = compareAnswers(pooledAnswers(shuffled), answers(raw), (share) => share);
  assert(mean < 0.75, `${mean}`);
});

backendTest("the strongest directions have their projections, the single one is a one-hot", async (backend) => {
  const rows = { data: Float32Array.of(4, 3, 1, -2, 5, 1), rows: 3, dim: 2 };
  const axes = { center: Float32Array.of(1, 1), directions: Float32Array.of(1, 0, 0, 1) };
  const two = await encodeByDirections(backend, axes, rows, 2);
  assertEquals([...two.offsets], [0, 2, 2, 3], "negative projections and zeros are left out");
  assertEquals([...two.features], [0, 1, 0]);
  Array.from(two.values).forEach((value, i) => assertAlmostEquals(value, [3, 2, 4][i], 1e-5));
  assertEquals([...keepStrongest(two, 1).values], [1, 1]);
  const one = await encodeByDirections(backend, axes, rows, 1);
  assertEquals([...one.offsets], [0, 1, 2, 3], "the nearest is there though its projection is 0");
  assertEquals([one.features[0], one.features[2]], [0, 0]);
});

Deno.test({
  name: "documents are read and labelled a row a token, labels apply where they say",
  ...ORT_TEST,
  async fn() {
    const model = await loadModel(TOY, { device: "cpu" });
    const documents = [
      { text: "The king rode out, and the queen stayed at home.", kind: "prose" },
      { text: "let x = 12;", kind: "code" },
    ];
    const rules = [
      kindLabel("kind", ["code", "prose"]),
      ...onlyOf(["prose"], [
        tokenClassLabel("class", model),
        tokenClassLabel("next", model, { ahead: 1 }),
        positionLabel("half", 9, ["first", "second"]),
      ]),
    ];
    const { data, rows, dim, tokens, documents: owners, labels } = await readLabelled(model, documents, rules, {
      layer: 3,
      context: 9,
    });
    const prose = [...owners].filter((owner) => owner === 0).length;
    assertEquals([prose, data.length], [8, rows * dim]);
    const told = labels.map(({ classes, values }) => Array.from(values, (value) => classes[value]));
    assertEquals(told[0], Array.from(owners, (owner) => owner === 0 ? "prose" : "code"));
    assertEquals(told[1].slice(0, 2), ["word part", "word start"]);
    assertEquals(told[2].slice(0, prose), [...told[1].slice(1, prose), undefined], "the last one has none behind it");
    assertEquals(told[3].slice(0, prose), [...Array(4).fill("first"), ...Array(4).fill("second")]);
    for (const own of told.slice(1)) assert(own.slice(prose).every((found) => found === undefined), `${own}`);
    const { residuals } = await model.capture([model.encode(documents[1].text, 9)], [3]);
    assertEquals(tokens[prose], model.encode(documents[1].text, 9)[1]);
    residuals.get(3)!.data!.subarray(dim, 2 * dim)
      .forEach((value, j) => assertAlmostEquals(data[prose * dim + j], value, 1e-3));
    await model.dispose();
  },
});

Deno.test("a label that texts cannot tell is named, with the class that they lack", () => {
  const data = kindsAndTokens();
  const [kind] = data.labels;
  const position = { name: "position", classes: ["quarter 1", "quarter 2"], values: new Int32Array(600).fill(-1) };
  const labels = [kind, { ...position, ofDocument: false }];
  assertThrows(
    () => probeTasks({ ...data, labels }, { ...DRAW, seed: 0 }),
    RangeError,
    'Expected activations of every class of the label "position" to train a probe on but found none of "quarter 1"',
  );
  assertThrows(() => probeTasks(data, { ...DRAW, test: 1, seed: 0 }), RangeError, "found room for 1");
});
