/** Texts that are longer than a model's table of positions: told before anything runs, and ended when generated. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { loadModel } from "../../src/model/mod.ts";
import { ElementType, graphModel, initializer, node, type NodeProto, valueInfo } from "../../src/compute/onnx/codec.ts";
import { GraphIndex } from "../../src/model/graph.ts";
import { maxContextOf } from "../../src/model/positions.ts";
import { assertSentence } from "../lib/sentence.ts";
import { withModel } from "./made_model.ts";
import { flatStream } from "./make/flat_stream.ts";
import { ORT_TEST } from "./toy.ts";

const ROOT = new URL("../golden/checkpoints/", import.meta.url).pathname;
const ROWS = 66;

/** How long a text is by a graph of these nodes, over a table of 66 rows. */
function roomOf(nodes: NodeProto[], firstPosition = 0): number {
  const tokens = (name: string) => valueInfo(name, ElementType.int64, ["batch", "length"]);
  const whole = (name: string, value: bigint) => initializer(name, ElementType.int64, [], BigInt64Array.of(value));
  const { graph } = graphModel({
    nodes,
    inputs: ["input_ids", "attention_mask", "position_ids"].map(tokens),
    outputs: [valueInfo("y", ElementType.float32, ["batch", "length", 2])],
    initializers: [
      initializer("table", ElementType.float32, [ROWS, 2], new Float32Array(2 * ROWS)),
      ...[1n, 2n].map((value) => whole(String(value), value)),
    ],
  });
  return maxContextOf(graph!, new GraphIndex(graph!), firstPosition);
}

Deno.test("a table of positions is known by what looks up in it", () => {
  const gather = node("Gather", ["table", "rows"], ["y"]);
  const contrib = (opType: string, inputs: string[]) => node(opType, inputs, ["y"], {}, "com.microsoft");
  const cases: [number, NodeProto[], number?][] = [
    [ROWS, [node("Gather", ["table", "position_ids"], ["y"])]],
    [ROWS - 1, [node("Gather", ["table", "position_ids"], ["y"])], 1],
    [ROWS - 2, [node("Add", ["2", "position_ids"], ["rows"]), gather]],
    [ROWS, [
      node("Cast", ["table"], ["widened"], { to: 1n }),
      node("Unsqueeze", ["position_ids", "1"], ["rows"]),
      node("Gather", ["widened", "rows"], ["y"]),
    ]],
    // OPT counts in the mask and begins at row 2.
    [ROWS - 2, [
      node("CumSum", ["attention_mask", "1"], ["counted"]),
      node("Mul", ["counted", "attention_mask"], ["masked"]),
      node("Sub", ["masked", "1"], ["from_zero"]),
      node("Slice", ["from_zero", "1", "2"], ["new"]),
      node("Add", ["new", "2"], ["rows"]),
      gather,
    ]],
    [ROWS, [contrib("RotaryEmbedding", ["x", "position_ids", "table", "table"])]],
    [ROWS, [contrib("GroupQueryAttention", ["q", "k", "v", "", "", "seqlens_k", "total", "table", "table"])]],
    // What is looked up by tokens, or by what is not understood, says nothing.
    [Infinity, [node("Gather", ["table", "input_ids"], ["y"])]],
    [Infinity, [node("Div", ["position_ids", "2"], ["rows"]), gather]],
    [Infinity, [node("Gather", ["table", "position_ids"], ["y"], { axis: 1n })]],
    [Infinity, [contrib("GroupQueryAttention", ["q", "k", "v", "", "", "seqlens_k", "total"])]],
  ];
  for (const [expected, nodes, first] of cases) assertEquals(roomOf(nodes, first), expected);
});

Deno.test({
  name: "checkpoints and exports know how long a text they can read",
  ...ORT_TEST,
  async fn() {
    for (const name of ["gpt2", "opt", "opt-350m-style", "gpt-neo", "gpt-bigcode", "llama"]) {
      await using model = await loadModel(`${ROOT}${name}`, { device: "cpu" });
      assertEquals(model.maxContext, 64, name);
    }
    const { bytes, config } = flatStream();
    await withModel({ bytes, config }, (model) => {
      assertEquals(model.maxContext, 64);
      return Promise.resolve();
    });
  },
});

const ofLength = (length: number) => Int32Array.from({ length }, (_, i) => 10 + i % 100);

Deno.test({
  name: "a prompt that is longer than the table of positions is refused with a sentence before anything runs",
  ...ORT_TEST,
  async fn() {
    await using model = await loadModel(`${ROOT}opt`, { device: "cpu" });
    const prompts = [ofLength(64), ofLength(65)];
    for (
      const read of [
        () => model.capture(prompts, [0]),
        () => model.logits(prompts),
        () => model.generate(prompts, { maxNewTokens: 1 }),
      ]
    ) {
      assertSentence(
        await assertRejects(read, RangeError),
        "at most 64 tokens",
        "prompt 1 has 65",
        "--context 64",
      );
    }
    assertEquals((await model.logits(prompts.slice(0, 1))).width, 64);
  },
});

Deno.test({
  name: "a generated text ends where the table of positions does, whatever is generated beside it, and a note says so",
  ...ORT_TEST,
  async fn() {
    const notes: string[] = [];
    await using model = await loadModel(`${ROOT}gpt2`, { device: "cpu", onNote: (note) => notes.push(note) });
    const before = notes.length;
    const prompts = [63, 62, 59, 64, 5].map(ofLength);
    const generate = (some: Int32Array[], maxNewTokens: number) => model.generate(some, { maxNewTokens });
    // The last token is not read, so that it may stand behind the table's end.
    const whole = await generate(prompts.slice(2), 6);
    const fits = [whole[0], ...await generate([prompts[4]], 6)];
    assertEquals(notes.length, before + 1, "a prompt of 64 tokens has room for one more");
    const together = await generate(prompts, 6);
    for (const [i, room] of [2, 3, 6, 1, 6].entries()) {
      const [alone] = await generate([prompts[i]], room);
      assertEquals(together[i], alone, `prompt ${i}`);
    }
    assertEquals(together.filter((_, i) => i === 2 || i === 4), fits);
    assertEquals(notes.length, before + 1, "told once");
    assertSentence(Object.assign(new Error(), { message: `The note: ${notes.at(-1)}` }), "end at 64 tokens");
    assert(together.every((text) => text !== ""));
  },
});
