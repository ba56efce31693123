/** The products of a search, and their largest, as sessions of onnxruntime. */
import { type InferenceSession, nativeRuntime, SLEEPING, type Tensor } from "../ort.ts";
import { floatSearchGraph, integerSearchGraph } from "./graphs.ts";
import type { Tile, Tops } from "./settle.ts";

/** Products of one kind of number. */
export class Products {
  readonly #sessions = new Map<number, Promise<InferenceSession>>();

  /** @param graphOf The graph that gives so many of the largest products of each row. */
  constructor(readonly graphOf: (width: number) => Uint8Array) {}

  /**
   * The largest products of a strip's rows with a tile's exemplars.
   *
   * @param width How many of each row, or all that there are.
   * @param columns Exemplars of `b`, those that only fill up the tile among them.
   */
  async tops(width: number, tile: Tile, a: Tensor, b: Tensor, columns = tile.size): Promise<Tops> {
    const most = Math.min(width, columns);
    const { values, places } = await (await this.#open(most)).run({ a, b }, ["values", "places"]);
    return topsOf({ tile, columns, width: most }, values, places);
  }

  /** All products, `rows of a x exemplars of b`. */
  async all(a: Tensor, b: Tensor): Promise<Int32Array | Float32Array> {
    const { product } = await (await this.#open(1)).run({ a, b }, ["product"]);
    return product.data as Int32Array | Float32Array;
  }

  #open(width: number): Promise<InferenceSession> {
    let session = this.#sessions.get(width);
    if (!session) {
      session = nativeRuntime().then(({ InferenceSession }) =>
        InferenceSession.create(this.graphOf(width), { ...SLEEPING, executionProviders: ["cpu"] })
      );
      this.#sessions.set(width, session);
    }
    return session;
  }
}

/** Largest products as a graph gives them, places in 64-bit numbers. */
export function topsOf(of: Pick<Tops, "tile" | "columns" | "width">, values: Tensor, places: Tensor): Tops {
  const words = places.data as BigInt64Array;
  return {
    ...of,
    values: values.data as Int32Array | Float32Array,
    places: new Int32Array(words.buffer, words.byteOffset, 2 * words.length),
  };
}

/** Products of float32 rows. */
export const floatProducts = new Products(floatSearchGraph);
/** Products of codes. */
export const integerProducts = new Products(integerSearchGraph);
