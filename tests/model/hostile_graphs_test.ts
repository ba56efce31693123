/** Graphs that no exporter wrote: an answer or a sentence that names the model, soon. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  decodeModel,
  encodeModel,
  externalEntry,
  type GraphProto,
  type ModelProto,
  node,
  type NodeProto,
} from "../../src/compute/onnx/codec.ts";
import { loadModel, ModelError } from "../../src/model/mod.ts";
import { inFolder } from "../lib/folder.ts";
import { ORT_TEST, TOY } from "./toy.ts";

/** Milliseconds until it must be told; with the machine busy beside. */
const SOON = 60_000;

const add = (inputs: string[], output: string) => node("Add", inputs, [output]);

/** The sums of the stream, first to last. */
const sums = ({ node }: GraphProto) =>
  node.filter(({ opType, name }) => opType === "Add" && /layers\.\d+\/Add/.test(name));

/** Puts nodes between the last sum and what it reads. */
function before(graph: GraphProto, make: (input: string) => { nodes: NodeProto[]; output: string }): void {
  const last = sums(graph).at(-1)!;
  const { nodes, output } = make(last.input[0]);
  graph.node.push(...nodes);
  last.input = [output, last.input[1]];
}

/** A row of nodes of one kind, each reading the one before as often as it has operands. */
function row(
  graph: GraphProto,
  count: number,
  make: (input: string, output: string, first: string) => NodeProto,
): void {
  before(graph, (input) => ({
    nodes: Array.from({ length: count }, (_, i) => make(i ? `c${i - 1}` : input, `c${i}`, input)),
    output: `c${count - 1}`,
  }));
}

/** An `If` around an `If`, and so on. */
function nested(graph: GraphProto, depth: number): NodeProto {
  const empty = { ...graph, initializer: [], sparseInitializer: [], input: [], output: [], valueInfo: [] };
  let inner = node("Identity", ["attention_mask"], ["deep"]);
  for (let i = 0; i < depth; i++) {
    const outer = node("If", ["attention_mask"], ["deep"], { then_branch: 1n });
    outer.attribute[0].g = { ...empty, node: [inner] };
    inner = outer;
  }
  return inner;
}

function largest(graph: GraphProto) {
  return graph.initializer.reduce((most, tensor) => tensor.rawData.length > most.rawData.length ? tensor : most);
}

const EDITS: Readonly<Record<string, (graph: GraphProto, model: ModelProto) => void>> = {
  "20,000 sums of a tensor and itself": (graph) => row(graph, 20_000, (a, b) => add([a, a], b)),
  "20,000 sums with the stream": (graph) => row(graph, 20_000, (a, b, first) => add([a, first], b)),
  "20,000 products": (graph) => row(graph, 20_000, (a, b) => node("Mul", [a, a], [b])),
  "20,000 activations": (graph) => row(graph, 20_000, (a, b) => node("Tanh", [a], [b])),
  "20,000 tensors in one sum": (graph) =>
    before(graph, (input) => {
      const outputs = Array.from({ length: 20_000 }, (_, i) => `c${i}`);
      return {
        nodes: [...outputs.map((output) => node("Tanh", [input], [output])), node("Sum", outputs, ["s"])],
        output: "s",
      };
    }),
  "a circle of two": (graph) =>
    before(graph, (input) => ({ nodes: [add([input, "b"], "a"), add([input, "a"], "b")], output: "a" })),
  "a sum without operands": (graph) => void (sums(graph).at(-1)!.input = []),
  "a sum of nothing that there is": (graph) => void (sums(graph).at(-1)!.input[0] = "nowhere"),
  "two tensors of one name": (graph) => void graph.node.push(node("Tanh", ["input_ids"], [sums(graph)[2].output[0]])),
  "a weight that is 4 bytes short": (graph) => {
    const tensor = largest(graph);
    tensor.rawData = tensor.rawData.slice(0, -4);
  },
  "a weight of another type": (graph) => void (largest(graph).dataType = 11),
  "a weight of negative size": (graph) => void (largest(graph).dims[0] = -5n),
  "a weight of more numbers than there are": (graph) => void (largest(graph).dims = [2n ** 40n, 2n ** 40n]),
  "a weight outside that is not there": (graph) => {
    const tensor = largest(graph);
    Object.assign(tensor, {
      rawData: new Uint8Array(0),
      dataLocation: 1,
      externalData: [externalEntry("location", "none")],
    });
  },
  "a weight beyond the end of its file": (graph) => {
    const tensor = largest(graph);
    const entries = { location: "model.onnx", offset: String(2 ** 53), length: "64" };
    const externalData = Object.entries(entries).map(([key, value]) => externalEntry(key, value));
    Object.assign(tensor, { rawData: new Uint8Array(0), dataLocation: 1, externalData });
  },
  "graphs in graphs, 500 deep": (graph) => void graph.node.push(nested(graph, 500)),
};

async function folderOf(folder: string, edit: (graph: GraphProto, model: ModelProto) => void): Promise<void> {
  for (const file of ["config.json", "tokenizer.json", "tokenizer_config.json"]) {
    await Deno.symlink(`${TOY}/${file}`, `${folder}/${file}`);
  }
  await Deno.mkdir(`${folder}/onnx`);
  const model = decodeModel(await Deno.readFile(`${TOY}/onnx/model.onnx`));
  edit(model.graph!, model);
  await Deno.writeFile(`${folder}/onnx/model.onnx`, encodeModel(model));
}

for (const [name, edit] of Object.entries(EDITS)) {
  Deno.test({
    name: `${name}: a sentence, soon`,
    ...ORT_TEST,
    fn: () =>
      inFolder(async (folder) => {
        await folderOf(folder, edit);
        const start = performance.now();
        const error = await assertRejects(() => loadModel(folder, { device: "cpu" }), ModelError);
        assert(performance.now() - start < SOON);
        assert(error.message.includes(folder) && !/call stack|undefined/.test(error.message), error.message);
      }),
  });
}

Deno.test({
  name: "names of blocks with gaps, exchanged or beyond sense are passed over: blocks are told by what they compute",
  ...ORT_TEST,
  async fn() {
    const renamings: ((block: number) => number)[] = [
      (block) => 2 * block,
      (block) => block === 0 ? 1 : block === 1 ? 0 : block,
      (block) => block + 99_999_999_999,
      () => 3,
    ];
    await using model = await loadModel(TOY, { device: "cpu" });
    const prompt = model.encode("The king");
    const layers = Array.from({ length: model.layers }, (_, layer) => layer);
    const right = await model.capture([prompt], layers);
    for (const renamed of renamings) {
      await inFolder(async (folder) => {
        const text = (name: string) => name.replace(/layers\.(\d+)/, (_, block) => `layers.${renamed(Number(block))}.`);
        await folderOf(folder, (graph) => {
          // A dot behind the number keeps tensors apart that get the same one.
          let others = 0;
          const names = new Map<string, string>();
          const nameOf = (name: string) => {
            if (name === "" || /^(input_ids|attention_mask|position_ids|past|present|logits)/.test(name)) return name;
            if (!names.has(name)) names.set(name, `${text(name)}/${others++}`);
            return names.get(name)!;
          };
          for (const [i, each] of graph.node.entries()) {
            each.name = `${text(each.name)}/${i}`;
            each.input = each.input.map(nameOf);
            each.output = each.output.map(nameOf);
          }
          for (const tensor of graph.initializer) tensor.name = nameOf(tensor.name);
          graph.valueInfo = [];
        });
        await using other = await loadModel(folder, { device: "cpu" });
        const capture = await other.capture([prompt], layers);
        for (const layer of layers) {
          assertEquals(capture.residuals.get(layer)!.data, right.residuals.get(layer)!.data);
        }
      });
    }
  },
});

Deno.test({
  name: "numbers of blocks that no model has are refused by the field's name",
  ...ORT_TEST,
  fn: () =>
    inFolder(async (folder) => {
      await folderOf(folder, () => {});
      const config = JSON.parse(await Deno.readTextFile(`${TOY}/config.json`));
      await Deno.remove(`${folder}/config.json`);
      for (const count of [0, -8, 1e9, 8.5]) {
        await Deno.writeTextFile(`${folder}/config.json`, JSON.stringify({ ...config, num_hidden_layers: count }));
        await assertRejects(() => loadModel(folder, { device: "cpu" }), ModelError, "num_hidden_layers");
      }
    }),
});
