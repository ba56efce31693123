/** Bare products of matrices by onnxruntime: the limit of whoever searches in float32, and in float64 the judge. */
import { ElementType, encodeModel, graphModel, initializer, node, valueInfo } from "../../src/compute/onnx/codec.ts";
import { nativeRuntime, SLEEPING } from "../../src/compute/ort.ts";

/** Rows and exemplars of one product; onnxruntime's Gemm was the fastest with these of 256..2048 x 1024..4096. */
const [TILE_ROWS, TILE_EXEMPLARS] = [512, 4096];

type Kind = "float32" | "float64";
type Values = Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer>;

/** Rows against exemplars, tile by tile, without looking at the products. */
export async function bareGemm(rows: Values, exemplars: Values, dim: number): Promise<() => Promise<void>> {
  const run = await session("float32", ["similarity"]);
  const room = new Float32Array(TILE_ROWS * TILE_EXEMPLARS);
  return async () => {
    for (const [a, b] of tiles(rows, exemplars, dim)) {
      const size = (a.length / dim) * (b.length / dim);
      await run(a, b, dim, { similarity: room.subarray(0, size) });
    }
  };
}

/** The exemplar of largest float64 product for every row, the lowest on ties, and that product. */
export async function exactNearest(rows: Float32Array, exemplars: Float32Array, dim: number) {
  const run = await session("float64", ["best", "index"]);
  const regions = new Int32Array(rows.length / dim);
  const best = new Float64Array(regions.length).fill(-Infinity);
  for (const [a, b, firstRow, firstExemplar] of tiles(new Float64Array(rows), new Float64Array(exemplars), dim)) {
    const outputs = await run(a, b, dim);
    const [values, indices] = [outputs.best.data as Float64Array, outputs.index.data as BigInt64Array];
    values.forEach((value, i) => {
      if (value > best[firstRow + i]) {
        [best[firstRow + i], regions[firstRow + i]] = [value, firstExemplar + Number(indices[i])];
      }
    });
  }
  return { regions, best };
}

function* tiles<V extends Values>(rows: V, exemplars: V, dim: number): Generator<[V, V, number, number]> {
  const part = (values: V, from: number, size: number) => values.subarray(from * dim, (from + size) * dim) as V;
  for (let row = 0; row < rows.length / dim; row += TILE_ROWS) {
    for (let k = 0; k < exemplars.length / dim; k += TILE_EXEMPLARS) {
      yield [part(rows, row, TILE_ROWS), part(exemplars, k, TILE_EXEMPLARS), row, k];
    }
  }
}

/** A Gemm of rows with exemplars, a row each, and of every row its largest product, if that is asked for. */
async function session(kind: Kind, outputs: readonly string[]) {
  const { InferenceSession, Tensor } = await nativeRuntime();
  const type = ElementType[kind];
  const all = [
    valueInfo("similarity", type, ["n", "k"]),
    valueInfo("best", type, ["n", 1]),
    valueInfo("index", ElementType.int64, ["n", 1]),
  ];
  const model = encodeModel(graphModel({
    nodes: [
      node("Gemm", ["a", "b"], ["similarity"], { transB: 1n }),
      node("TopK", ["similarity", "one"], ["best", "index"], { axis: 1n }),
    ],
    inputs: [valueInfo("a", type, ["n", "d"]), valueInfo("b", type, ["k", "d"])],
    outputs: all,
    initializers: [initializer("one", ElementType.int64, [1], new BigInt64Array([1n]))],
  }));
  const opened = await InferenceSession.create(model, { ...SLEEPING, executionProviders: ["cpu"] });
  const tensor = (data: Values, width: number) => new Tensor(kind, data as Float32Array, [data.length / width, width]);
  return (a: Values, b: Values, dim: number, into?: { readonly similarity: Float32Array<ArrayBuffer> }) => {
    const feeds = { a: tensor(a, dim), b: tensor(b, dim) };
    // Only what is fetched is computed.
    return into
      ? opened.run(feeds, { similarity: tensor(into.similarity, b.length / dim) })
      : opened.run(feeds, [...outputs]);
  };
}
