/** Weights of a graph that are in other files: only in those of the model's folder, wherever in the graph they stand. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { create } from "npm:@bufbuild/protobuf@2.17.0";
import { ModelError } from "../../src/model/mod.ts";
import {
  attribute,
  ElementType,
  encodeModel,
  externalEntry,
  graphModel,
  initializer,
  type ModelProto,
  node,
  type TensorProto,
  valueInfo,
} from "../../src/compute/onnx/codec.ts";
import { FunctionProtoSchema, SparseTensorProtoSchema } from "../../src/compute/onnx/onnx_pb.ts";
import { GraphFile } from "../../src/model/graph_file.ts";
import { inFolder } from "../lib/folder.ts";
import { assertSentence } from "../lib/sentence.ts";

/** Two numbers of a file. */
function outside(location: string, ...more: readonly [key: string, value: string][]): TensorProto {
  const tensor = initializer("w", ElementType.float32, [2], new Float32Array(0));
  tensor.dataLocation = 1;
  tensor.externalData = [["location", location] as const, ...more].map(([key, value]) => externalEntry(key, value));
  return tensor;
}

function model(change: (model: ModelProto, nodes: ModelProto["graph"] & object) => void): ModelProto {
  const y = valueInfo("y", ElementType.float32, [2]);
  const made = graphModel({ nodes: [], inputs: [], outputs: [y] });
  change(made, made.graph!);
  return made;
}

/** Where a tensor can stand. */
const PLACES: Record<string, (tensor: TensorProto) => ModelProto> = {
  initializer: (w) => model((_, graph) => graph.initializer.push(w)),
  "a Constant node": (w) => model((_, graph) => graph.node.push(node("Constant", [], ["y"], { value: w }))),
  "a branch": (w) =>
    model((_, graph) => {
      const branch = PLACES["a Constant node"](w).graph!;
      graph.node.push(node("If", ["wanted"], ["y"], { then_branch: branch, else_branch: branch }));
    }),
  "a local function": (w) =>
    model((made, graph) => {
      const body = [node("Constant", [], ["y"], { value: w })];
      made.functions.push(create(FunctionProtoSchema, { name: "f", domain: "d", output: ["y"], node: body }));
      graph.node.push(node("f", [], ["y"], {}, "d"));
    }),
  "a function's default": (w) =>
    model((made, graph) => {
      const defaults = [attribute("value", w)];
      made.functions.push(
        create(FunctionProtoSchema, { name: "f", domain: "d", output: ["y"], attributeProto: defaults }),
      );
      graph.node.push(node("f", [], ["y"], {}, "d"));
    }),
  "a sparse tensor": (w) =>
    model((_, graph) => graph.sparseInitializer.push(create(SparseTensorProtoSchema, { values: w }))),
  "a list of tensors": (w) =>
    model((_, graph) => {
      const list = attribute("list", 0);
      list.tensors.push(w);
      graph.node.push(node("Custom", [], ["y"]));
      graph.node[0].attribute.push(list);
    }),
};

/** A model's folder beside a file that is none of its business. */
function inModel(body: (model: string, secret: string) => Promise<void>): Promise<void> {
  return inFolder(async (folder) => {
    await Deno.mkdir(`${folder}/model/onnx`, { recursive: true });
    await Deno.writeFile(`${folder}/secret`, new Uint8Array(8));
    await Deno.writeFile(`${folder}/model/own`, new Uint8Array(8));
    await body(`${folder}/model`, `${folder}/secret`);
  });
}

function read(root: string, graph: ModelProto): Promise<GraphFile> {
  const path = `${root}/onnx/model.onnx`;
  Deno.writeFileSync(path, encodeModel(graph));
  return GraphFile.read(path, { root });
}

for (const [place, graphOf] of Object.entries(PLACES)) {
  Deno.test(`external data of ${place} is refused in other folders, behind links too, and read in the model's`, () =>
    inModel(async (root, secret) => {
      await Deno.symlink(secret, `${root}/onnx/away`);
      await Deno.symlink("../own", `${root}/onnx/data`);
      const refusal = (location: string) => assertRejects(() => read(root, graphOf(outside(location))), ModelError);
      assertSentence(await refusal("away"), `${root}/onnx/model.onnx`, `"away" is a link to "${secret}"`);
      assertSentence(await refusal("../../secret"), "files elsewhere are not read");
      assertSentence(await refusal(secret), "files elsewhere are not read");
      const file = await read(root, graphOf(outside("data")));
      assertEquals(file.folder, root);
    }));
}

Deno.test("two places of one weight, and one before its file begins, are refused", () =>
  inModel(async (root) => {
    const refusal = async (...more: [string, string][]) =>
      await assertRejects(() => read(root, PLACES.initializer(outside("data", ...more))), ModelError);
    await Deno.symlink("../own", `${root}/onnx/data`);
    // onnxruntime takes the last of several.
    assertSentence(await refusal(["location", "../../secret"]), "one location of the weight", "several");
    assertSentence(await refusal(["offset", "-8"]), '"data" to hold the 8 bytes', "has 8 bytes");
  }));

Deno.test("where the graph is a link, weights may be beside what it leads to", () =>
  inModel(async (root) => {
    const elsewhere = root.replace("/model", "/elsewhere");
    await Deno.rename(root, elsewhere);
    await Deno.mkdir(`${root}/onnx`, { recursive: true });
    Deno.writeFileSync(`${elsewhere}/onnx/model.onnx`, encodeModel(PLACES.initializer(outside("data"))));
    Deno.writeFileSync(`${elsewhere}/onnx/data`, new Uint8Array(8));
    for (const name of ["model.onnx", "data"]) {
      await Deno.symlink(`${elsewhere}/onnx/${name}`, `${root}/onnx/${name}`);
    }
    assertEquals((await GraphFile.read(`${root}/onnx/model.onnx`, { root })).folder, `${elsewhere}/onnx`);
  }));

Deno.test("a file that holds many weights is looked for once", () =>
  inModel(async (folder) => {
    await Deno.writeFile(`${folder}/onnx/weights`, new Uint8Array(8));
    const many = model((_, graph) => {
      for (let i = 0; i < 1000; i++) graph.initializer.push(outside("weights"));
    });
    const { stat, realPath } = Deno;
    let asked = 0;
    const counted = <A extends unknown[], R>(ask: (...args: A) => R) => (...args: A) => (asked++, ask(...args));
    Object.assign(Deno, { stat: counted(stat), realPath: counted(realPath) });
    try {
      await read(folder, many);
    } finally {
      Object.assign(Deno, { stat, realPath });
    }
    assert(asked < 20, `${asked} questions`);
  }));
